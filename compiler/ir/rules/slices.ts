import { type ConcatNode, type IrGraph, type IrNode, useCounts } from '../types.js';
import type { FoldContext } from './context.js';

/** Folding rules of what only names parts of other values: slices move up to the rows they select. */

/** Parts of parts become parts. */
export function flattenConcat(node: ConcatNode): ConcatNode {
  if (!node.parts.some((part) => part.kind === 'concat')) return node;
  return { ...node, parts: node.parts.flatMap((part) => (part.kind === 'concat' ? part.parts : [part])) };
}

/** One part is itself; parts of parts become parts. */
export function simplifyConcat(node: ConcatNode): IrNode {
  return node.parts.length === 1 ? node.parts[0] : flattenConcat(node);
}

/** A slice of what can be computed for just its rows. */
export function simplifySlice(node: Extract<IrNode, { kind: 'slice' }>, context: FoldContext): IrNode {
  const { x, start, width, name } = node;
  if (width === x.width) return x;
  const cut = (value: IrNode): IrNode =>
    value.width === 1 && x.width > 1 ? value : { kind: 'slice', name, width, x: value, start };
  switch (x.kind) {
    case 'slice':
      return { ...node, x: x.x, start: start + x.start };
    case 'concat':
      return sliceConcat(node, x);
    case 'constant':
      return { kind: 'constant', name, width, data: x.data.slice(start, start + width) };
  }
  if (!context.usedOnce(x)) return node;
  switch (x.kind) {
    case 'map':
      return { ...x, width, x: cut(x.x) };
    case 'scale':
      return {
        ...x,
        width,
        x: cut(x.x),
        scale: x.scale.slice(start, start + width),
        shift: x.shift.slice(start, start + width),
      };
    case 'add':
    case 'mul':
    case 'min':
    case 'max':
      return { ...x, width, a: cut(x.a), b: cut(x.b) };
    case 'select':
      return { ...x, width, condition: cut(x.condition), a: cut(x.a), b: cut(x.b) };
    default:
      return node;
  }
}

function sliceConcat(node: Extract<IrNode, { kind: 'slice' }>, x: ConcatNode): IrNode {
  const parts: IrNode[] = [];
  let at = 0;
  for (const part of x.parts) {
    const from = Math.max(node.start, at);
    const to = Math.min(node.start + node.width, at + part.width);
    if (from < to) {
      const whole = to - from === part.width;
      parts.push(whole ? part : { kind: 'slice', name: node.name, width: to - from, x: part, start: from - at });
    }
    at += part.width;
  }
  return parts.length === 1 ? parts[0] : { kind: 'concat', name: node.name, width: node.width, parts };
}

/** Affine values that are only ever sliced: each slice becomes an affine of just its rows. */
export function splitByRows(graph: IrGraph): Map<IrNode, IrNode> {
  const uses = useCounts(graph);
  const slicedBy = new Map<IrNode, number>();
  const slicedWidth = new Map<IrNode, number>();
  for (const node of graph.nodes) {
    if (node.kind !== 'slice') continue;
    slicedBy.set(node.x, (slicedBy.get(node.x) ?? 0) + 1);
    slicedWidth.set(node.x, (slicedWidth.get(node.x) ?? 0) + node.width);
  }
  const replacements = new Map<IrNode, IrNode>();
  for (const node of graph.nodes) {
    if (node.kind !== 'slice' || node.x.kind !== 'affine') continue;
    const { x, start, width } = node;
    // Slices that overlap would repeat weights.
    if (slicedBy.get(x) !== uses.get(x) || slicedWidth.get(x)! > x.width) continue;
    const cols = x.x.width;
    const weight = x.weight.slice(start * cols, (start + width) * cols);
    replacements.set(node, { ...x, name: node.name, width, weight, bias: x.bias.slice(start, start + width) });
  }
  return replacements;
}
