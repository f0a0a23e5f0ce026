import type { AffineNode, ConcatNode, IrNode } from '../types.js';

/**
 * Folding rule of affine steps that read values in pieces, as networks do that read one another neuron by neuron: columns are
 * free to be in any order, so the pieces of a value become one, and nothing has to be copied side by side.
 */

/** Elements of a value that stand next to each other in an argument. */
interface Piece {
  value: IrNode;
  start: number;
  width: number;
}

/** W x with the pieces of each value in x joined; nothing where that leaves no fewer of them. */
export function gatherColumns(node: AffineNode, x: ConcatNode): AffineNode | undefined {
  const pieces = x.parts.map(pieceOf);
  const gathered = joined(inOrder(pieces));
  if (gathered.length >= joined(pieces).length) return undefined;
  const columns = new Map<IrNode, number[]>();
  let cols = 0;
  for (const { value, start, width } of gathered) {
    const at = columns.get(value) ?? [];
    for (let i = 0; i < width; i++) at[start + i] = cols++;
    columns.set(value, at);
  }
  const into = pieces.flatMap(({ value, start, width }) => columns.get(value)!.slice(start, start + width));
  const weight = movedColumns(node.weight, node.width, into, cols);
  return { ...node, x: argumentOf(gathered, x, cols), weight };
}

function pieceOf(part: IrNode): Piece {
  if (part.kind === 'slice') return { value: part.x, start: part.start, width: part.width };
  return { value: part, start: 0, width: part.width };
}

/** Values in the order in which they are first met, the pieces of each from its first element on. */
function inOrder(pieces: readonly Piece[]): Piece[] {
  const values = [...new Set(pieces.map(({ value }) => value))];
  return values.flatMap((value) =>
    pieces.filter((piece) => piece.value === value).sort((p, q) => p.start - q.start || q.width - p.width),
  );
}

/** Pieces that overlap or follow each other become one. */
function joined(pieces: readonly Piece[]): Piece[] {
  const result: Piece[] = [];
  for (const { value, start, width } of pieces) {
    const last = result.at(-1);
    const isNext = last?.value === value && start >= last.start && start <= last.start + last.width;
    if (isNext) last.width = Math.max(last.width, start + width - last.start);
    else result.push({ value, start, width });
  }
  return result;
}

/** Matrices that steps share stay shared: the arrays made of them, by the places of their columns. */
const MOVED = new WeakMap<Float64Array, Map<string, Float64Array>>();

/** The weights with each column in its new place; those that meet add up. */
function movedColumns(weight: Float64Array, rows: number, into: readonly number[], cols: number): Float64Array {
  const known = MOVED.get(weight) ?? new Map<string, Float64Array>();
  MOVED.set(weight, known);
  const key = into.join(' ');
  const made = known.get(key);
  if (made) return made;
  const moved = new Float64Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    into.forEach((to, from) => {
      moved[r * cols + to] += weight[r * into.length + from];
    });
  }
  known.set(key, moved);
  return moved;
}

function argumentOf(pieces: readonly Piece[], { name }: ConcatNode, width: number): IrNode {
  const parts = pieces.map(({ value, start, width }): IrNode => {
    return width === value.width ? value : { kind: 'slice', name, width, x: value, start };
  });
  return parts.length === 1 ? parts[0] : { kind: 'concat', name, width, parts };
}
