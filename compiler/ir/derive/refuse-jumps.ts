import { PinnEdgeError } from '../../diagnostics.js';
import type { Model } from '../../model/types.js';
import { evaluateIr } from '../evaluate.js';
import { graphOf, type IrNode, type SelectNode } from '../types.js';

/**
 * A choice whose two values differ where its condition changes sign jumps there: its derivative would be one of a
 * function that has none. Between neighbouring points of opposite signs the change is found by bisection, and the values
 * on its two sides are compared.
 */

/** Sign changes that are followed per choice, and halvings of their distance. */
const CHANGES = 64;
const HALVINGS = 48;
/** Of the larger value: differences below are rounding. */
const TOLERANCE = 1e-6;

/**
 * @param selects choices that derivatives are taken of
 * @param points over the input box, row-major [count x inputs]
 * @throws PE2010 for one that jumps, with a point where it does
 */
export function refuseJumps(
  file: string,
  model: Pick<Model, 'inputs'>,
  selects: Iterable<SelectNode>,
  points: Float64Array,
): void {
  for (const select of selects) {
    const at = findJump(select, points, model.inputs.length);
    if (!at) continue;
    const point = model.inputs.map(({ name }, i) => `${name} = ${Number(at[i].toPrecision(6))}`).join(', ');
    throw new PinnEdgeError('PE2010', { file, node: select.name, point });
  }
}

function findJump(select: SelectNode, points: Float64Array, d: number): Float64Array | undefined {
  const valuesAt = (at: Float64Array) => {
    const parts: IrNode[] = [select.condition, select.a, select.b];
    const width = parts.reduce((n, { width: w }) => n + w, 0);
    const values = evaluateIr(graphOf({ kind: 'concat', name: '', width, parts }), at, d);
    const read = (node: IrNode) => (p: number, i: number) =>
      values.get(node)![p * node.width + (node.width === 1 ? 0 : i)];
    return { condition: read(select.condition), a: read(select.a), b: read(select.b) };
  };
  const first = valuesAt(points);
  const count = points.length / d;
  const changes: { component: number; below: Float64Array; above: Float64Array }[] = [];
  let largest = 0;
  for (let i = 0; i < select.width; i++) {
    for (let p = 0; p < count; p++) {
      largest = Math.max(largest, Math.abs(first.a(p, i)), Math.abs(first.b(p, i)));
      if (p === 0 || changes.length >= CHANGES * (i + 1)) continue;
      const [was, is] = [first.condition(p - 1, i) > 0, first.condition(p, i) > 0];
      if (was === is) continue;
      const [before, here] = [p - 1, p].map((q) => points.slice(q * d, (q + 1) * d));
      changes.push({ component: i, below: was ? here : before, above: was ? before : here });
    }
  }
  if (!changes.length) return undefined;
  for (let n = 0; n < HALVINGS; n++) {
    const middles = changes.map(({ below, above }) => below.map((v, k) => (v + above[k]) / 2));
    const { condition } = valuesAt(Float64Array.from(middles.flatMap((m) => Array.from(m))));
    changes.forEach((change, c) => {
      if (condition(c, change.component) > 0) change.above = middles[c];
      else change.below = middles[c];
    });
  }
  const above = valuesAt(Float64Array.from(changes.flatMap((change) => Array.from(change.above))));
  const below = valuesAt(Float64Array.from(changes.flatMap((change) => Array.from(change.below))));
  const jump = changes.findIndex(({ component }, c) => {
    return Math.abs(above.a(c, component) - below.b(c, component)) > TOLERANCE * largest;
  });
  return jump < 0 ? undefined : changes[jump].above;
}
