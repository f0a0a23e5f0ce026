import { PinnEdgeError } from '../diagnostics.js';
import { JUMPS, type JumpName } from '../model/functions.js';
import type { Range } from './ranges.js';
import type { IrNode } from './types.js';

/**
 * Floor, ceil and round as IR: the value at the least argument plus 1 for every jump that the argument has passed. Each
 * jump is a choice of its own, so that the value is exact at the jumps, too, wherever the argument is.
 */

/** More jumps than this are not worth their choices. */
const MAX_JUMPS = 256;

/** Throws PE2002 where the argument passes more than 256 jumps. */
export function jumpNode(model: string, name: string, op: JumpName, x: IrNode, bounds: readonly Range[]): IrNode {
  const parts = bounds.map((range, i): IrNode => {
    const component: IrNode = x.width === 1 ? x : { kind: 'slice', name, width: 1, x, start: i };
    return componentNode(model, name, op, component, range);
  });
  return parts.length === 1 ? parts[0] : { kind: 'concat', name, width: x.width, parts };
}

function componentNode(model: string, name: string, op: JumpName, x: IrNode, { min, max }: Range): IrNode {
  const [first, last] = [JUMPS[op](min), JUMPS[op](max)];
  const count = last - first;
  if (!(count <= MAX_JUMPS)) {
    throw new PinnEdgeError('PE2002', {
      file: model,
      node: name,
      op,
      reason: `its argument may run from ${min.toPrecision(4)} to ${max.toPrecision(4)}, over more than ${MAX_JUMPS} jumps; narrow the input ranges or leave the step out`,
    });
  }
  const base: IrNode = { kind: 'constant', name, width: 1, data: Float64Array.of(first) };
  if (count === 0) return base;
  // From first + k to first + k + 1 at an edge that belongs to the upper value or to the lower one.
  const edges = Array.from({ length: count }, (_, k) => edgeAbove(op, first + k));
  const signs = edges.map(({ upper }) => (upper ? -1 : 1));
  const vector = (values: readonly number[]) => Float64Array.from(values);
  const constant = (values: readonly number[]): IrNode => ({
    kind: 'constant',
    name,
    width: count,
    data: vector(values),
  });
  const condition: IrNode = {
    kind: 'scale',
    name,
    width: count,
    x,
    scale: vector(signs),
    shift: vector(edges.map(({ at }, k) => -signs[k] * at)),
  };
  const passed: IrNode = {
    kind: 'select',
    name,
    width: count,
    condition,
    a: constant(edges.map(({ upper }) => (upper ? 0 : 1))),
    b: constant(edges.map(({ upper }) => (upper ? 1 : 0))),
  };
  const weight = new Float64Array(count).fill(1);
  return { kind: 'affine', name, width: 1, x: passed, weight, bias: Float64Array.of(first) };
}

/** Where the value goes from `value` to the next, and whether the edge itself has the upper one. */
function edgeAbove(op: JumpName, value: number): { at: number; upper: boolean } {
  if (op === 'floor') return { at: value + 1, upper: true };
  if (op === 'ceil') return { at: value, upper: false };
  return { at: value + 0.5, upper: value % 2 !== 0 };
}
