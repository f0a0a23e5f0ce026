import type { Op } from '../read/program.js';
import type { State } from './element-bounds.js';

/**
 * The axis along which an element varies most. Where it is off its polynomial by more than that varies, the axis of what
 * makes it so: of the operand that it takes most of that from, and so on. `dimension` where there is none.
 */
export function axisOf(state: State, id: number): number {
  const { off, spread, al } = state;
  for (let x = id; x >= 0; x = sourceOf(state, x)) if (off[x] <= spread[x]) return longest(state, x);
  return al.dimension;
}

/** That of an element of which nothing is known: by its operands. */
export function axisOfUnbounded(state: State, id: number): number {
  const from = sourceOf(state, id);
  return from < 0 ? state.al.dimension : axisOf(state, from);
}

function longest({ al, p }: State, x: number): number {
  let largest = 0;
  let axis = al.dimension;
  for (let a = 0; a < al.dimension; a++) {
    let sum = 0;
    for (let c = 1; c < al.size; c++) sum += al.exponents[c][a] * Math.abs(p[x * al.size + c]);
    if (sum > largest) [largest, axis] = [sum, a];
  }
  return axis;
}

/** The operand that an element is off its polynomial by most for; -1 where it has none. */
function sourceOf(state: State, id: number): number {
  const { off } = state;
  const op = state.opOf(id);
  const i = id - op.out;
  switch (op.kind) {
    case 'input':
      return -1;
    case 'affine': {
      const row = op.weights.subarray(i * op.x.length, (i + 1) * op.x.length);
      return most(op.x, (j) => Math.abs(row[j]) * off[op.x[j]]);
    }
    case 'linear':
      return most(op.b ? [op.a[i], op.b[i]] : [op.a[i]], (j) =>
        j ? Math.abs(op.wb[i]) * off[op.b![i]] : Math.abs(op.wa[i]) * off[op.a[i]],
      );
    case 'multiply':
      return most([op.a[i], op.b[i]], (j) => off[j ? op.b[i] : op.a[i]] * sizeOf(state, j ? op.a[i] : op.b[i]));
    case 'table':
      return op.f[i];
    default:
      return (op as Exclude<Op, { kind: 'input' | 'affine' | 'linear' | 'multiply' | 'table' }>).x[i];
  }
}

function sizeOf({ al, p, spread, off }: State, id: number): number {
  return Math.abs(p[id * al.size]) + spread[id] + off[id];
}

/** The first of the ids of which there is most. */
function most(ids: ArrayLike<number>, amount: (j: number) => number): number {
  let [best, largest] = [-1, -1];
  for (let j = 0; j < ids.length; j++) {
    const size = amount(j);
    if (size > largest) [best, largest] = [ids[j], size];
  }
  return best;
}
