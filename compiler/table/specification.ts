import type { Field, IntegerType } from './struct.js';

/**
 * The one specification of the flat block table. `npm run format:generate` writes the constants for TypeScript,
 * AssemblyScript and C from it; `npm run format:check` fails when they differ.
 *
 *     +----------------------+ 0
 *     | header               |
 *     +----------------------+ headerBytes
 *     | inputs               | one entry per input
 *     | outputs              | one entry per output
 *     +----------------------+ recordsOffset
 *     | records              | recordCount, in execution order
 *     +----------------------+ poolOffset (multiple of 4)
 *     | pool                 | weights, biases, shifts, function tables
 *     +----------------------+ totalBytes
 *
 * All numbers are little-endian. Arena addresses count units of 2 bytes from the start of the arena; pool addresses
 * count bytes from the start of the pool. The arena starts with the input words and then the output words (int32).
 */

export const MAGIC = 0x54424550; // "PEBT"
export const FORMAT_VERSION = 1;

export const HEADER: Field<IntegerType>[] = [
  { name: 'magic', type: 'u32', doc: '"PEBT"' },
  { name: 'version', type: 'u16', doc: 'format version, 1' },
  { name: 'headerBytes', type: 'u16', doc: 'size of this header' },
  { name: 'totalBytes', type: 'u32', doc: 'size of the table, pool included' },
  { name: 'crc', type: 'u32', doc: 'CRC-32 (IEEE 802.3) of every byte after this field' },
  { name: 'recordCount', type: 'u16', doc: 'number of records' },
  { name: 'inputCount', type: 'u16', doc: 'number of input words' },
  { name: 'outputCount', type: 'u16', doc: 'number of output words' },
  { name: 'reserved', type: 'u16', doc: 'zero' },
  { name: 'arenaBytes', type: 'u32', doc: 'size of the arena' },
  { name: 'recordsOffset', type: 'u32', doc: 'where the records start, from the start of the table' },
  { name: 'poolOffset', type: 'u32', doc: 'where the pool starts, from the start of the table' },
  { name: 'poolBytes', type: 'u32', doc: 'size of the pool' },
];

export const INPUT: Field<IntegerType>[] = [
  { name: 'min', type: 'i32', doc: 'smallest input word; smaller ones are clamped' },
  { name: 'max', type: 'i32', doc: 'largest input word; larger ones are clamped' },
  { name: 'exponent', type: 'i32', doc: 'word = round(value * 2^exponent)' },
];

export const OUTPUT: Field<IntegerType>[] = [{ name: 'exponent', type: 'i32', doc: 'value = word * 2^-exponent' }];

export const RECORD: Field<IntegerType>[] = [
  { name: 'kind', type: 'u8', doc: 'one of KIND' },
  { name: 'format', type: 'u8', doc: 'bits of FORMAT: the widths of operands, weights and accumulator' },
  { name: 'flags', type: 'u8', doc: 'bits of FLAG' },
  {
    name: 'shift',
    type: 'u8',
    doc: 'rounding right shift of the result; map: log2 of the narrowest segment width in argument steps',
  },
  { name: 'rows', type: 'u16', doc: 'number of output elements' },
  {
    name: 'cols',
    type: 'u16',
    doc: 'dense, lanes: number of input elements; map: number of segments; select: arena address of the condition; spline: number of axes',
  },
  { name: 'a', type: 'u16', doc: 'arena address of the first operand' },
  {
    name: 'b',
    type: 'u16',
    doc: 'arena address of the second operand; block: of the carried accumulators; spline: of int32 words for the factors of basis functions',
  },
  { name: 'out', type: 'u16', doc: 'arena address of the result' },
  {
    name: 'shiftA',
    type: 'u8',
    doc: 'left shift of operand a; dense, scale and block: guard bits of the bias, zero with starts; map: left shift that makes one turn 2^32; spline: degree',
  },
  {
    name: 'shiftB',
    type: 'u8',
    doc: 'left shift of operand b; block: left shift of the products; map: shift of the polynomial result; spline: shift of the sums over all axes but the first',
  },
  { name: 'weights', type: 'u32', doc: 'pool address of weights or table' },
  {
    name: 'bias',
    type: 'u32',
    doc: 'pool address of int32 biases, or of starts as wide as the accumulator; spline: of its axes',
  },
  {
    name: 'rowShifts',
    type: 'u32',
    doc: 'pool address of one uint8 shift per row, when flagged; block: left shifts instead of shiftB',
  },
  {
    name: 'origin',
    type: 'i32',
    doc: 'map: argument at which the first segment starts, or the phase; in argument steps or 2^-32 turns',
  },
];

/** An axis of a SPLINE record, in the pool. */
export const AXIS: Field<IntegerType>[] = [
  { name: 'origin', type: 'i32', doc: 'argument at which the first segment starts' },
  { name: 'factor', type: 'i32', doc: 'position = ((argument - origin) * factor) >> shift, in 2^-20 of a segment' },
  { name: 'segments', type: 'u16', doc: 'number of segments' },
  { name: 'shift', type: 'u8', doc: 'rounding right shift that makes the position' },
  { name: 'order', type: 'u8', doc: 'how often the basis functions are differentiated' },
];

/** Numbers of record kinds. 0 is never valid, so that erased memory is refused. */
export const KIND = {
  DENSE: 1, // y = sat((W x + bias) >> shift)
  SCALE: 2, // y_i = sat((w_i x_i + bias_i) >> shift)
  MAP_LINEAR: 3, // y_i = table(x_i), interpolated between knots
  MAP_POLYNOMIAL: 4, // y_i = polynomial of the segment of x_i; bias: its degree, rowShifts: log2 of segments per octave
  ADD: 5, // y = sat(((a << shiftA) +- (b << shiftB)) >> shift)
  MUL: 6, // y = sat((a b) >> shift); SUBTRACT: y = sat(((1 << shiftA << shiftB) - a b) >> shift)
  COPY: 7, // y = sat((a << shiftA) >> shift)
  MIN: 8, // y = sat(min(a << shiftA, b << shiftB) >> shift)
  MAX: 9, // y = sat(max(a << shiftA, b << shiftB) >> shift)
  SELECT: 10, // y = sat((condition > 0 ? a << shiftA : b << shiftB) >> shift)
  LANES: 11, // DENSE in the order its kernel reads it: one to three products in each 64-bit multiply; see LANES_FIELDS
  MAP_SLOPES: 12, // y_i = (base + slope x_i) >> shift mod 2^32, base and slope of the segment of x_i
  BLOCK: 13, // one leaf of a hierarchical matrix: s = (W x << shiftB) + carried; see FIRST and LAST
  // The last three are for the native engines, see layout/native.ts.
  DENSE_DUAL: 14, // DENSE_STARTS with W in blocks of 2 rows x 4 columns, see dual.ts; shiftB: log2 of columns summed in 32 bits
  DENSE_STARTS: 15, // y = low 32 bits of (W x + start) >> shift, saturated; start: bias and half a unit, in place
  MAP_HORNER: 16, // MAP_POLYNOMIAL in which no partial sum reaches 2^30
  SPLINE: 17, // y = sat(sum of c N_1 N_2 N_3 >> shift), N_k the basis functions of axis k at x_k; see SPLINE_FIELDS
} as const;

/** Bits of a record's format byte. */
export const FORMAT = {
  A_WIDE: 1, // operand a is int32, else int16
  B_WIDE: 2,
  OUT_WIDE: 4,
  ACC_WIDE: 8, // 64-bit accumulator, else 32-bit
  WEIGHT_MASK: 0x30, // width of weights; of the condition for SELECT, 16 or 32:
  WEIGHT_8: 0x00,
  WEIGHT_16: 0x10,
  WEIGHT_32: 0x20,
} as const;

/** Bits of a record's flags byte. */
export const FLAG = {
  WRAP: 1, // the result wraps instead of saturating (angles in turns)
  SUBTRACT: 2, // ADD: a - b; MUL: 1 - a b, where a and b have shiftA and shiftB fractional bits
  BROADCAST_A: 4, // operand a has one element
  BROADCAST_B: 8,
  ROW_SHIFTS: 16, // shifts per row
  PERIODIC: 32, // MAP: the argument is an angle in turns
  OCTAVES: 64, // MAP_POLYNOMIAL, MAP_HORNER: octave segments
  MIRRORED: 128, // MAP_POLYNOMIAL, MAP_HORNER: segments run downwards from the origin
  BROADCAST_CONDITION: 16, // SELECT: the condition has one element
  FUSED: 4, // LANES: the next record, a MAP_SLOPES, takes the sums as they come; they are not stored
  FIRST: 32, // BLOCK: carried = bias, with half a unit for rounding; else what the leaf before it left in the arena
  LAST: 64, // BLOCK: y = sat(s >> shift); else s is carried on
} as const;

/**
 * LANES keeps in `bias` how its kernel goes through a row, a byte each from the lowest: products per multiply (1, 2, 3),
 * 64-bit words per pass over all rows, words after which lanes are split, words after which the kernel's loop goes round
 * (0: once per row). `cols` counts the elements that are read: products per multiply * words of a row. `b` is the arena
 * address of one int64 per row, for sums between passes. Its weights lie row after row, pass after pass:
 *
 *     int64                 bias, half a unit for rounding and, where lanes are split once, 2^(split - 1), in place
 *     words of the pass     int64 each; one product per multiply: one weight each, and zeros up to a multiple of 4 bytes
 */
export const LANES_FIELDS = { kernel: 'bias' } as const;

/** Where the lane of the sum starts, by products per multiply. */
export const LANE_START = [0, 0, 32, 42] as const;
/** Distance of lanes, by products per multiply; a lane is exact while its sum is below 2^(bits - 1). */
export const LANE_BITS = [0, 64, 32, 21] as const;

/**
 * SPLINE has 1 to 3 axes (`cols`), as many operands side by side in a, and a degree (`shiftA`). Its weights are for every
 * row the coefficients of all products of basis functions, row-major, segments + degree of them along each axis. A position
 * beyond the segments is held to them. The basis functions at t in 0 .. 2^20 of a segment, times degree! and in 2^-20, are
 * N_0 = 2^20 and, every product rounded half up,
 *
 *     N_k[j] = ((t + (k - j) 2^20) N_k-1[j - 1] + (2^20 - t + j 2^20) N_k-1[j]) >> 20,  j = 0 .. k
 *
 * up to k = degree - order; then, `order` times, N[j] = N[j - 1] - N[j], and in the end N degree! / (degree - order)!.
 * Sums along the last axis come first; those of all axes but the first are shifted right by `shiftB`, rounded half up.
 */
export const SPLINE_FIELDS = { degree: 'shiftA', axes: 'bias', words: 'b' } as const;

export const LIMIT = {
  MAX_SHIFT_32: 30,
  MAX_SHIFT_64: 62,
  MAX_SHIFT_STARTS: 31,
  MAX_DEGREE: 5,
  MAX_HORNER_BITS: 30,
  MAX_OCTAVE_BITS: 8,
  SPLINE_BITS: 20, // of a position in a segment
  MAX_SPLINE_AXES: 3,
  MAX_SPLINE_SEGMENTS: 1024,
  MAX_SPLINE_FACTOR_BITS: 30,
  MAX_SPLINE_SUM_BITS: 52, // no sum of a spline reaches 2^52
} as const;

/** Checks before the first run, numbered; the same in the compiler and on the device. 0 means that all passed. */
export const CHECK = {
  OK: 0,
  MAGIC: 1,
  VERSION: 2,
  SIZE: 3,
  CRC: 4,
  LAYOUT: 5,
  ARENA: 6,
  INPUTS: 7,
  KIND: 8,
  FORMAT: 9,
  OPERAND_A: 10,
  OPERAND_B: 11,
  RESULT: 12,
  SHIFT: 13,
  WEIGHTS: 14,
  BIAS: 15,
  ROW_SHIFTS: 16,
  TABLE: 17,
  CONDITION: 18,
  LANES: 19,
  BLOCK: 20,
  DUAL: 21,
  SPLINE: 22,
} as const;

/** What `run` returns: 0, CLAMPED, or 16 + the number of the failed check. */
export const STATUS = { OK: 0, CLAMPED: 1, REFUSED: 16 } as const;
