import type { MapClaim } from '../../ir/map-function.js';
import type { PoolReader } from '../../table/oracle/memory.js';
import { type RecordShape, recordShape } from '../../table/record.js';
import { FLAG, KIND } from '../../table/specification.js';
import type { TableRecord } from '../../table/table.js';
import { appendSteps } from './function-tables.js';
import { cannotProve, type Program, ProgramBuilder, type TableSpec } from './program.js';

/** From the argument's integer q to what the claimed function is of: z = scale q + shift, in turns where periodic. */
export function claimArgument(record: TableRecord, claim: MapClaim): { scale: number; shift: number } {
  if (record.flags & FLAG.PERIODIC) return { scale: 2 ** (record.shiftA - 32), shift: record.origin * 2 ** -32 };
  return { scale: 2 ** -claim.argumentExponent, shift: 0 };
}

/** Appends the claimed function of the integers `x`, in steps of the result. */
export function appendClaim(
  to: ProgramBuilder,
  x: Int32Array,
  claim: MapClaim,
  { scale, shift }: { scale: number; shift: number },
): Int32Array {
  return to.linear(appendSteps(to, claim.steps, x, scale, shift, claim.periodic), 2 ** claim.resultExponent);
}

/** The segments of a map record and the function claimed for them. @param index of the record, for messages */
export function readMap(record: TableRecord, index: number, pool: PoolReader, claim: MapClaim): TableSpec {
  const shape = recordShape(record);
  const { cols, shift, flags } = record;
  const periodic = (flags & FLAG.PERIODIC) !== 0;
  if (periodic !== claim.periodic) throw cannotProve(`record ${index}: table and claimed function differ in kind`);
  const octaveBits = flags & FLAG.OCTAVES ? record.rowShifts : 0;
  const starts = new Float64Array(cols);
  const widths = new Float64Array(cols);
  for (let s = 0; s < cols; s++) {
    const octave = flags & FLAG.OCTAVES ? Math.floor(s / 2 ** octaveBits) : 0;
    widths[s] = 2 ** (shift + Math.max(0, octave - 1));
    starts[s] = octave === 0 ? s * widths[s] : (2 ** octaveBits + (s % 2 ** octaveBits)) * widths[s];
  }
  const limit = widthLimit(shape);
  const direction = flags & FLAG.MIRRORED ? -1 : 1;
  return {
    record: index,
    periodic,
    origin: record.origin,
    direction,
    reach: starts[cols - 1] + widths[cols - 1],
    starts,
    widths,
    ...segmentPolynomials(record, index, pool, starts, widths),
    low: -limit,
    high: limit - 1,
    claim: claimProgram(record, claim, direction),
  };
}

/** The claimed function of u, the distance from the origin or the phase. */
function claimProgram(record: TableRecord, claim: MapClaim, direction: 1 | -1): Program {
  const to = new ProgramBuilder();
  const u = to.input(0);
  const unit = 2 ** -claim.argumentExponent;
  const argument = claim.periodic
    ? { scale: 2 ** -32, shift: 0 }
    : { scale: direction * unit, shift: record.origin * unit };
  const out = appendClaim(to, u, claim, argument);
  return to.finish(1, out);
}

const widthLimit = ({ outBytes }: RecordShape): number => (outBytes === 4 ? 2 ** 31 : 2 ** 15);

type Segments = Pick<TableSpec, 'coefficients' | 'degree' | 'rounding'>;

function segmentPolynomials(
  record: TableRecord,
  index: number,
  pool: PoolReader,
  starts: Float64Array,
  widths: Float64Array,
): Segments {
  const shape = recordShape(record);
  const { cols, shiftB } = record;
  const limit = widthLimit(shape);
  const entries = pool.integers(record.weights, shape.weightCount, shape.weightEntryBytes);
  if (record.kind === KIND.MAP_LINEAR) {
    const coefficients = new Float64Array(2 * cols);
    for (let s = 0; s < cols; s++) {
      coefficients[2 * s] = entries[s];
      coefficients[2 * s + 1] = entries[s + 1] - entries[s];
    }
    return { coefficients, degree: 1, rounding: 0.5 };
  }
  if (record.kind === KIND.MAP_SLOPES) {
    // (base + slope u) modulo 2^32, shifted down: exact in int32 over the segment, then rounded down by less than one.
    const coefficients = new Float64Array(2 * cols);
    for (let s = 0; s < cols; s++) {
      const first = (entries[2 * s] + Math.imul(entries[2 * s + 1], starts[s])) | 0;
      const rise = entries[2 * s + 1] * widths[s];
      if (Math.abs(first + rise) >= 2 ** 31) throw cannotProve(`record ${index}: a segment leaves int32`);
      // Stored as it is: it does not saturate.
      const last = first + entries[2 * s + 1] * (widths[s] - 1);
      const ends = [first, last].map((sum) => Math.floor(sum * 2 ** -shiftB));
      if (ends.some((end) => end < -limit || end >= limit))
        throw cannotProve(`record ${index}: a segment leaves the width of the result`);
      coefficients[2 * s] = first * 2 ** -shiftB - 0.5;
      coefficients[2 * s + 1] = rise * 2 ** -shiftB;
    }
    return { coefficients, degree: 1, rounding: 0.5 };
  }
  const degree = record.bias;
  const unit = 2 ** -shiftB;
  const coefficients = Float64Array.from(entries, (c) => c * unit);
  // Half a step at every multiplication, each then multiplied by less than one, and at the end.
  return { coefficients, degree, rounding: degree * 0.5 * unit + (shiftB ? 0.5 : 0) };
}

/** Largest magnitude that the record can store. */
export function mapPeak({ coefficients, degree, rounding, low, high }: TableSpec): number {
  let peak = 0;
  for (let at = 0; at < coefficients.length; at += degree + 1) {
    peak = Math.max(peak, largestBernstein(coefficients.subarray(at, at + degree + 1)));
  }
  return Math.min(Math.max(-low, high), Math.ceil(peak + rounding));
}

/** A bound of |polynomial| over 0 .. 1: the largest of its Bernstein coefficients, and a little for roundings. */
function largestBernstein(c: Float64Array): number {
  const n = c.length - 1;
  const choose = (a: number, b: number): number => (b === 0 ? 1 : (choose(a, b - 1) * (a - b + 1)) / b);
  let largest = 0;
  for (let i = 0; i <= n; i++) {
    let sum = 0;
    for (let k = 0; k <= i; k++) sum += (choose(i, k) / choose(n, k)) * c[k];
    largest = Math.max(largest, Math.abs(sum));
  }
  return largest + 2 ** -40 * c.reduce((sum, x) => sum + Math.abs(x), 0);
}
