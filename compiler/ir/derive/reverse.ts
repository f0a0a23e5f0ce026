import {
  type AffineNode,
  graphOf,
  type InputNode,
  type IrNode,
  operands,
  type SliceNode,
  type SplineNode,
} from '../types.js';
import {
  chosen,
  constantNode,
  diagonal,
  joined,
  linearPart,
  part,
  product,
  scaled,
  sum,
  type Term,
  widened,
} from './arithmetic.js';
import type { Differentiator } from './differentiate.js';
import { timesSlope } from './function-slopes.js';

/**
 * Reverse-mode derivatives in the IR: one sweep from a value back to the inputs gives its first derivatives by all of them,
 * where forward mode takes a sweep for each. The adjoint of W x + b is the product with the transposed matrix, which is
 * stored besides: rows have scales of their own, and the columns of W none. Kinks have the derivatives of forward mode.
 */
export class ReverseDifferentiator {
  /** Transposed columns start .. start + width - 1 of a matrix, by `start:width`: one array for all outputs. */
  private readonly transposes = new Map<Float64Array, Map<string, Float64Array>>();

  /** @param slopes of functions and splines, the same nodes for all that is differentiated */
  constructor(private readonly slopes: Pick<Differentiator, 'slope' | 'splineSlope'>) {}

  /** The derivatives of a value of width 1 by inputs, in their order. */
  gradient(name: string, target: IrNode, inputs: readonly number[]): Term[] {
    const nodes = graphOf({ kind: 'concat', name, width: 1, parts: [target] }).nodes.slice(0, -1);
    const moving = new Set<IrNode>();
    for (const node of nodes) {
      const moves = node.kind === 'input' ? inputs.includes(node.index) : operands(node).some((x) => moving.has(x));
      if (moves) moving.add(node);
    }
    const adjoints = new Map<IrNode, Term>([[target, constantNode(name, [1])]]);
    for (const node of nodes.toReversed()) {
      const adjoint = moving.has(node) ? adjoints.get(node) : undefined;
      if (!adjoint) continue;
      const by = `${name}_${node.name}`;
      this.spread(by, node, adjoint, moving, (operand, term) => {
        const more = term && collected(by, term, operand.width);
        adjoints.set(operand, sum(by, adjoints.get(operand), more));
      });
    }
    const found = nodes.filter((node): node is InputNode => node.kind === 'input');
    return inputs.map((input) => adjoints.get(found.find(({ index }) => index === input)!));
  }

  /** Calls back with what each operand of a node adds to its adjoint. */
  private spread(
    name: string,
    node: IrNode,
    adjoint: IrNode,
    moving: ReadonlySet<IrNode>,
    visit: (operand: IrNode, term: Term) => void,
  ): void {
    const add = (operand: IrNode, term: () => Term) => {
      if (moving.has(operand)) visit(operand, term());
    };
    switch (node.kind) {
      case 'affine': {
        // Of values side by side each has a product of its own, and so a format of its own.
        let start = 0;
        for (const x of node.x.kind === 'concat' ? node.x.parts : [node.x]) {
          const at = start;
          add(x, () => this.transposed(name, node, node.x.width, at, x.width, adjoint));
          start += x.width;
        }
        return;
      }
      case 'blocks':
        for (const leaf of node.leaves) {
          const own = () => part(name, adjoint, leaf.row, leaf.rows);
          add(leaf.x, () => this.transposed(name, leaf, leaf.x.width, 0, leaf.x.width, own()));
        }
        return;
      case 'scale':
        add(node.x, () => diagonal(name, { ...node, x: adjoint }, adjoint));
        return;
      case 'map':
        add(node.x, () => timesSlope(name, this.slopes.slope(node), adjoint));
        return;
      case 'spline':
        add(node.x, () => this.splineAdjoint(name, node, adjoint));
        return;
      case 'add':
        add(node.a, () => adjoint);
        add(node.b, () => (node.subtract ? scaled(name, adjoint, -1) : adjoint));
        return;
      case 'mul':
        // Of a square either factor adds as much, and the 2 is carried outwards.
        if (node.a === node.b) add(node.a, () => scaled(name, product(name, node.a, adjoint)!, 2));
        else {
          add(node.a, () => product(name, node.b, adjoint));
          add(node.b, () => product(name, node.a, adjoint));
        }
        return;
      case 'min':
      case 'max': {
        const [greater, less] = node.kind === 'max' ? [node.a, node.b] : [node.b, node.a];
        const condition = sum(name, greater, less, true)!;
        add(node.a, () => chosen(name, condition, adjoint, undefined, node.width));
        add(node.b, () => chosen(name, condition, undefined, adjoint, node.width));
        return;
      }
      case 'select':
        add(node.a, () => chosen(name, node.condition, adjoint, undefined, node.width));
        add(node.b, () => chosen(name, node.condition, undefined, adjoint, node.width));
        return;
      case 'concat': {
        let start = 0;
        for (const x of node.parts) {
          const at = start;
          add(x, () => part(name, adjoint, at, x.width));
          start += x.width;
        }
        return;
      }
      case 'slice':
        add(node.x, () => scattered(name, node, adjoint));
        return;
    }
  }

  /** Per axis the sum over the rows of their derivatives along it, times their adjoints. */
  private splineAdjoint(name: string, node: SplineNode, adjoint: IrNode): Term {
    const along = node.axes.map((_, k) => {
      const slope = this.slopes.splineSlope(name, node, k);
      const all = slope && product(name, slope, adjoint);
      return all && collected(name, all, 1);
    });
    return joined(
      name,
      along,
      along.map(() => 1),
    );
  }

  /** V adjoint, V the transposed columns start .. start + width - 1 of a matrix with `cols` columns. */
  private transposed(
    name: string,
    { weight, precision }: Pick<AffineNode, 'weight' | 'precision'>,
    cols: number,
    start: number,
    width: number,
    adjoint: Term,
  ): Term {
    if (!adjoint) return undefined;
    const known = this.transposes.get(weight) ?? new Map<string, Float64Array>();
    this.transposes.set(weight, known);
    const key = `${start}:${width}`;
    const rows = weight.length / cols;
    const matrix =
      known.get(key) ??
      Float64Array.from({ length: width * rows }, (_, i) => weight[(i % rows) * cols + start + Math.floor(i / rows)]);
    known.set(key, matrix);
    return matrixProduct(name, matrix, width, adjoint, precision);
  }
}

/** W x, W row-major [rows x x.width]; of a constant x it is one. */
function matrixProduct(
  name: string,
  weight: Float64Array,
  rows: number,
  x: IrNode,
  precision?: AffineNode['precision'],
): Term {
  const cols = x.width;
  if (x.kind !== 'constant') {
    const bias = new Float64Array(rows);
    return linearPart(name, { kind: 'affine', name, width: rows, x, weight, bias, precision }, x);
  }
  const data = new Float64Array(rows);
  weight.forEach((w, i) => {
    data[Math.floor(i / cols)] += w * x.data[i % cols];
  });
  return data.some((v) => v !== 0) ? constantNode(name, data) : undefined;
}

/** The adjoint of a value that was broadcast is the sum over what it was broadcast to. */
function collected(name: string, adjoint: IrNode, width: number): Term {
  if (adjoint.width <= width) return widened(name, adjoint, width);
  return matrixProduct(name, new Float64Array(adjoint.width).fill(1), 1, adjoint);
}

/** The adjoint of a part among zeros. */
function scattered(name: string, { x, start, width }: SliceNode, adjoint: IrNode): Term {
  if (adjoint.kind === 'constant') {
    const data = new Float64Array(x.width);
    data.set(adjoint.data, start);
    return constantNode(name, data);
  }
  const after = x.width - start - width;
  const parts = [start, width, after].map((w, k): [Term, number] => [k === 1 ? adjoint : undefined, w]);
  const some = parts.filter(([, w]) => w > 0);
  return joined(
    name,
    some.map(([term]) => term),
    some.map(([, w]) => w),
  );
}
