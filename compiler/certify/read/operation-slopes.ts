import { cannotProve, type FunctionOp, type Op, type ProgramBuilder } from './program.js';

/**
 * The derivative of every target by the seeds, each of slope one: forward mode over the operations that are there, as
 * operations behind them. At a kink it is that of either side. 2/sqrt pi in the slope of erf is the double next to it.
 */
export function appendDerivatives(to: ProgramBuilder, seeds: Int32Array, targets: Int32Array): Int32Array {
  const slopes = new Map<number, number>();
  const [one] = to.constants([1]);
  for (const seed of seeds) slopes.set(seed, one);
  const needed = neededFor(to.ops, targets);
  const isSeed = new Set(seeds);
  for (const op of to.ops.slice()) {
    if (!operandsOf(op).some((id) => slopes.has(id))) continue;
    derive(to, op, (id) => (needed.has(id) ? slopes.get(id) : undefined)).forEach((slope, i) => {
      if (slope !== undefined && !isSeed.has(op.out + i)) slopes.set(op.out + i, slope);
    });
  }
  const zero = targets.every((id) => slopes.has(id)) ? one : to.constants([0])[0];
  return targets.map((id) => slopes.get(id) ?? zero);
}

/** All that the targets are made of. */
function neededFor(ops: readonly Op[], targets: Int32Array): Set<number> {
  const needed = new Set<number>(targets);
  for (let n = ops.length - 1; n >= 0; n--) {
    const end = ops[n + 1]?.out ?? Number.POSITIVE_INFINITY;
    const isNeeded = [...needed].some((id) => id >= ops[n].out && id < end);
    if (isNeeded) for (const id of operandsOf(ops[n])) needed.add(id);
  }
  return needed;
}

/** All elements that an operation reads. */
function operandsOf(op: Op): number[] {
  if (op.kind === 'input') return [];
  if ('x' in op) return Array.from(op.x);
  return [...op.a, ...(op.b ?? [])];
}

type Slope = number | undefined;

/** The derivative of each element of an operation, where there is one, from those of what it reads. */
function derive(to: ProgramBuilder, op: Op, slope: (id: number) => Slope): Slope[] {
  const one = (id: number) => Int32Array.of(id);
  switch (op.kind) {
    case 'input':
      return [undefined];
    case 'affine': {
      const columns = Array.from(op.x.keys()).filter((j) => slope(op.x[j]) !== undefined);
      if (!columns.length) return Array.from(op.bias, () => undefined);
      const x = Int32Array.from(columns, (j) => slope(op.x[j])!);
      const weights = Array.from(op.bias).flatMap((_, r) => columns.map((j) => op.weights[r * op.x.length + j]));
      return Array.from(to.affine(x, Float64Array.from(weights), new Float64Array(op.rows)));
    }
    case 'linear':
      return Array.from(op.a, (id, i) => {
        const [da, db] = [slope(id), op.b && slope(op.b[i])];
        if (da === undefined) return db === undefined ? undefined : to.linear(one(db), op.wb[i])[0];
        return db === undefined
          ? to.linear(one(da), op.wa[i])[0]
          : to.linear(one(da), op.wa[i], 0, one(db), op.wb[i])[0];
      });
    case 'multiply':
      return Array.from(op.a, (a, i) => {
        const b = op.b[i];
        const terms = [
          [slope(a), b],
          [slope(b), a],
        ].flatMap(([d, other]) => (d === undefined ? [] : [to.multiply(one(d), one(other!))[0]]));
        return terms.length === 2 ? to.linear(one(terms[0]), 1, 0, one(terms[1]), 1)[0] : terms[0];
      });
    case 'function':
    case 'piecewise': {
      const places = Array.from(op.x.keys()).filter((i) => slope(op.x[i]) !== undefined);
      const result = Array.from(op.x, (): Slope => undefined);
      if (!places.length) return result;
      const x = Int32Array.from(places, (i) => op.x[i]);
      const y = Int32Array.from(places, (i) => op.out + i);
      const steep =
        op.kind === 'function'
          ? slopeOf(to, op, x, y)
          : to.pieces(
              x,
              op.points,
              op.pieces.map((piece) =>
                Float64Array.from({ length: Math.max(1, piece.length - 1) }, (_, k) => (piece[k + 1] ?? 0) * (k + 1)),
              ),
            );
      const products = to.multiply(
        steep,
        Int32Array.from(places, (i) => slope(op.x[i])!),
      );
      places.forEach((i, n) => {
        result[i] = products[n];
      });
      return result;
    }
    case 'jump':
      return Array.from(op.x, () => undefined);
    default:
      throw cannotProve('derivatives of integers are not covered');
  }
}

/** f'(x) where y = f(x). */
function slopeOf(to: ProgramBuilder, { name, exponent, turns }: FunctionOp, x: Int32Array, y: Int32Array): Int32Array {
  if (turns) throw cannotProve('derivatives of functions of turns are not covered');
  const inverse = (ids: Int32Array) => to.elementary('power', ids, { exponent: -1 });
  const square = (ids: Int32Array) => to.multiply(ids, ids);
  switch (name) {
    case 'exp':
      return y;
    case 'sin':
      return to.elementary('cos', x);
    case 'cos':
      return to.elementary('sin', x, { factor: -1 });
    case 'tanh':
      return to.linear(square(y), -1, 1);
    case 'atan':
      return inverse(to.linear(square(x), 1, 1));
    case 'erf':
      return to.elementary('exp', square(x), { scale: -1, factor: 2 / Math.sqrt(Math.PI) });
    case 'log':
      return inverse(x);
    case 'power':
      return exponent === -1 ? to.linear(square(y), -1) : to.linear(to.multiply(y, inverse(x)), exponent);
  }
}
