import type { Range } from '../ir/ranges.js';

/**
 * Function tables: a function of one variable over a known range as piecewise polynomials in fixed point, built to a
 * stated largest error. Three ways to cut the range into segments:
 *
 * - `uniform`: equal segments of width 2^-segmentBits.
 * - `periodic`: equal segments of one period (the argument is in turns); the range is the whole period.
 * - `octaves`: 2^octaveBits equal segments from the origin, then as many in each further octave, twice as wide each
 *   time: for functions that are steep at one end (sqrt, 1/x, powers), from the left or mirrored from the right.
 *
 * Degree 1 stores knots and interpolates between neighbours; higher degrees store the coefficients of each segment for
 * t in [0, 1), interpolating at Chebyshev nodes (near minimax; Trefethen, Approximation Theory and Approximation
 * Practice, SIAM 2013, ch. 4).
 */
export interface FunctionTable {
  segmentation: 'uniform' | 'periodic' | 'octaves';
  mirrored: boolean;
  degree: number;
  /** Width of the (narrowest) segment is 2^-segmentBits, in units of x. */
  segmentBits: number;
  /** Only for `octaves`. */
  octaveBits: number;
  segments: number;
  /** Where the first segment starts (ends, if mirrored), a multiple of the segment width for `uniform`. */
  origin: number;
  /** Width in bits of an output value. */
  bits: 16 | 32;
  /** The stored integers are value * 2^exponent. */
  exponent: number;
  /** Knots (segments + 1) or coefficients (segments x (degree + 1), constant term first). */
  data: Int32Array;
  bytesPerEntry: 2 | 4;
  /** Largest |table - f| found, in the unit of f, rounding of the stored integers included. */
  error: number;
  /** Smallest and largest value over the range, in the unit of f. */
  valueRange: Range;
}

export type Layout = Pick<
  FunctionTable,
  'segmentation' | 'mirrored' | 'degree' | 'segmentBits' | 'octaveBits' | 'segments' | 'origin'
>;

/** Bytes of the table in the pool. */
export function tableBytes(table: FunctionTable): number {
  return table.data.length * table.bytesPerEntry;
}

/** Start and width of a segment in distance from the origin. */
export function segmentBounds(layout: Layout, segment: number): { start: number; width: number } {
  const width = 2 ** -layout.segmentBits;
  if (layout.segmentation !== 'octaves') return { start: segment * width, width };
  const perOctave = 2 ** layout.octaveBits;
  const octave = Math.floor(segment / perOctave);
  if (octave === 0) return { start: segment * width, width };
  const wide = width * 2 ** (octave - 1);
  return { start: (perOctave + (segment % perOctave)) * wide, width: wide };
}

/** f(x) as the table gives it, in real arithmetic on the stored integers: the table's own error and nothing else. */
export function tableFunction(table: FunctionTable): (x: number) => number {
  const { data, degree, origin, segments, segmentation } = table;
  const unit = 2 ** table.exponent;
  const width = 2 ** -table.segmentBits;
  const perOctave = 2 ** table.octaveBits;
  const sign = table.mirrored ? -1 : 1;
  return (x) => {
    let distance = segmentation === 'periodic' ? x - Math.floor(x) : Math.max(0, sign * (x - origin));
    let segment = Math.floor(distance / width);
    if (segmentation === 'octaves' && segment >= perOctave) {
      const octave = Math.floor(Math.log2(segment / perOctave)) + 1;
      segment = octave * perOctave + (Math.floor(distance / (width * 2 ** (octave - 1))) - perOctave);
    }
    const last = segment >= segments;
    if (last) segment = segments - 1;
    const bounds = segmentBounds(table, segment);
    if (last) distance = bounds.start + bounds.width;
    const t = (distance - bounds.start) / bounds.width;
    if (degree === 1) return (data[segment] + (data[segment + 1] - data[segment]) * t) / unit;
    let sum = 0;
    for (let k = degree; k >= 0; k--) sum = sum * t + data[segment * (degree + 1) + k];
    return sum / unit;
  };
}
