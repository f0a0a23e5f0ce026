import { PinnEdgeError } from '../../diagnostics.js';

/**
 * Square-block shared-exponent numbers, SMX (arXiv 2512.09202): a matrix is cut into blocks of b x b, each of which has
 * integers of some bits and one power of two that they share. As the blocks are square, W and its transpose are the same
 * integers and exponents in another order, so that training keeps one copy for the forward and the backward pass.
 *
 *     4 x 4 blocks of 5 x 6        a block: q_00 .. q_33, integers of `bits` bits
 *     +-------+---+                         e, its exponent
 *     | 4 x 4 | 4 |  x 2           value    q 2^e
 *     |       | x |
 *     +-------+---+
 *     | 1 x 4 |   |                the last block of a row or column is cut by the matrix
 *     +-------+---+
 *
 * Values are held as doubles q 2^e. Products and sums of them are exact as long as all of them are multiples of one power of
 * two and stay below 2^53 times it, for which exponents are kept between two bounds (exactTerms).
 */
export interface SmxFormat {
  /** Of an integer, sign included: 2 to 16. It stays within +-(2^(bits - 1) - 1), so that its negative is one, too. */
  bits: number;
  /** Edge of a block: 4 or 8. */
  block: number;
  /** Exponents of blocks stay between these: smaller blocks lose bits, the values of larger ones saturate. */
  lowest: number;
  highest: number;
}

/** Numbers in [0, 1) that are multiples of 2^-32 (judge/points/random.ts): rounding is stochastic with them. */
export type Random = () => number;

export interface SmxMatrix {
  rows: number;
  cols: number;
  format: SmxFormat;
  /** Row-major [rows x cols], each an integer times 2 to the exponent of its block. */
  values: Float64Array;
  /** Row-major [ceil(rows / block) x ceil(cols / block)]. */
  exponents: Int8Array;
}

export const BLOCKS = [4, 8] as const;

/** @throws PE3005 for numbers that are no format */
export function smxFormat(bits: number, block: number, lowest: number, highest: number): SmxFormat {
  const wrong = (option: string, reason: string) => new PinnEdgeError('PE3005', { option, reason });
  if (!Number.isInteger(bits) || bits < 2 || bits > 16) {
    throw wrong('bits', `integers of blocks have 2 to 16 bits, found ${bits}`);
  }
  if (!(BLOCKS as readonly number[]).includes(block)) {
    throw wrong('block', `blocks are 4 x 4 or 8 x 8, found ${block} x ${block}`);
  }
  if (!Number.isInteger(lowest) || !Number.isInteger(highest) || lowest > highest || lowest < -126 || highest > 126) {
    throw wrong(
      'exponents',
      `the exponents of blocks run from -126 to 126, lowest first, found ${lowest} to ${highest}`,
    );
  }
  return { bits, block, lowest, highest };
}

const DOUBLE = new Float64Array(1);
const WORDS = new Uint32Array(DOUBLE.buffer);

/** floor(log2 |x|) of a normal double. */
export function floorLog2(x: number): number {
  DOUBLE[0] = x;
  return ((WORDS[1] >>> 20) & 0x7ff) - 1023;
}

/** The exponent of a block whose largest magnitude is `largest`: 2^(floor(log2 largest) - (bits - 2)), within the bounds. */
export function blockExponent(largest: number, { bits, lowest, highest }: SmxFormat): number {
  if (largest === 0) return lowest;
  return Math.min(highest, Math.max(lowest, floorLog2(largest) - (bits - 2)));
}

/**
 * To the nearest integer, halves up; with `random` up as often as the part behind the point says. Exact for every double.
 */
export function roundInteger(x: number, random?: Random): number {
  const below = Math.floor(x);
  const part = x - below;
  if (random === undefined) return part >= 0.5 ? below + 1 : below;
  // Drawn for integers, too: the generator's place does not depend on the values.
  return part >= 1 - random() ? below + 1 : below;
}

/** @throws PE3005 for blocks that are larger than the matrix in both directions */
function requireFits(rows: number, cols: number, block: number): void {
  if (rows >= block || cols >= block) return;
  throw new PinnEdgeError('PE3005', {
    option: 'block',
    reason: `blocks of ${block} x ${block} are larger than the matrix of ${rows} x ${cols}; take smaller blocks or a larger matrix`,
  });
}

/**
 * Rounds a matrix to its blocks.
 *
 * @param values row-major [rows x cols], finite; what is too large for the format's highest exponent saturates
 * @param random rounds stochastically: one number per value, block after block, in a block row after row
 */
export function roundToBlocks(
  values: Float64Array,
  rows: number,
  cols: number,
  format: SmxFormat,
  random?: Random,
): SmxMatrix {
  requireFits(rows, cols, format.block);
  const { block } = format;
  const across = Math.ceil(cols / block);
  const exponents = new Int8Array(Math.ceil(rows / block) * across);
  const rounded = new Float64Array(rows * cols);
  roundRows(values, rounded, { first: 0, rows, cols }, format, random, exponents);
  return { rows, cols, format, values: rounded, exponents };
}

/** Rows of a larger matrix, from `first` on. */
export interface Rows {
  first: number;
  rows: number;
  cols: number;
}

/** As {@link roundToBlocks}, of some rows of a matrix into the same rows of `into`, which may be the matrix itself. */
export function roundRows(
  values: Float64Array,
  into: Float64Array,
  { first, rows, cols }: Rows,
  format: SmxFormat,
  random?: Random,
  exponents?: Int8Array,
): void {
  const { block, bits } = format;
  const most = 2 ** (bits - 1) - 1;
  let at = 0;
  for (let top = first; top < first + rows; top += block) {
    const bottom = Math.min(top + block, first + rows);
    for (let left = 0; left < cols; left += block) {
      const right = Math.min(left + block, cols);
      let largest = 0;
      for (let r = top; r < bottom; r++) {
        for (let i = r * cols + left; i < r * cols + right; i++) {
          const magnitude = Math.abs(values[i]);
          if (magnitude > largest) largest = magnitude;
        }
      }
      const exponent = blockExponent(largest, format);
      if (exponents) exponents[at++] = exponent;
      const scale = 2 ** exponent;
      const perUnit = 2 ** -exponent;
      for (let r = top; r < bottom; r++) {
        for (let i = r * cols + left; i < r * cols + right; i++) {
          const q = roundInteger(values[i] * perUnit, random);
          into[i] = (q > most ? most : q < -most ? -most : q) * scale;
        }
      }
    }
  }
}

/** The integers of a matrix, row-major: what is stored, together with the exponents. */
export function integersOf({ rows, cols, format, values, exponents }: SmxMatrix): Int16Array {
  const across = Math.ceil(cols / format.block);
  const integers = new Int16Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) {
      const exponent = exponents[Math.floor(r / format.block) * across + Math.floor(c / format.block)];
      integers[r * cols + c] = values[r * cols + c] / 2 ** exponent;
    }
  }
  return integers;
}

/** The same integers and exponents in the order of the transpose: nothing is rounded again. */
export function transposeBlocks({ rows, cols, format, values, exponents }: SmxMatrix): SmxMatrix {
  const down = Math.ceil(rows / format.block);
  const across = Math.ceil(cols / format.block);
  return {
    rows: cols,
    cols: rows,
    format,
    values: Float64Array.from(values, (_, i) => values[(i % rows) * cols + Math.floor(i / rows)]),
    exponents: Int8Array.from(exponents, (_, i) => exponents[(i % down) * across + Math.floor(i / down)]),
  };
}

/** Bytes of a matrix as stored: its integers, and a byte for the exponent of each block. */
export function smxBytes(rows: number, cols: number, { bits, block }: SmxFormat): number {
  return Math.ceil((rows * cols * bits) / 8) + Math.ceil(rows / block) * Math.ceil(cols / block);
}

/**
 * How many products of values of the two formats a double adds up exactly, whatever the values: all are multiples of
 * 2^(a.lowest + b.lowest), and each is below 2^(a.bits - 1 + a.highest + b.bits - 1 + b.highest).
 */
export function exactTerms(a: SmxFormat, b: SmxFormat): number {
  const largest = a.bits - 1 + a.highest + b.bits - 1 + b.highest;
  return 2 ** Math.max(0, 53 + a.lowest + b.lowest - largest);
}

/**
 * The product a b, row-major [a.rows x b.cols], exact.
 *
 * @throws PE3005 where the sums could be rounded
 */
export function multiplyBlocks(a: SmxMatrix, b: SmxMatrix): Float64Array {
  if (a.cols !== b.rows) throw new Error('the inner sides of a product differ');
  const terms = exactTerms(a.format, b.format);
  if (a.cols > terms) {
    const reason = `sums of ${a.cols} products are exact up to ${terms} between these exponents; bring lowest and highest closer`;
    throw new PinnEdgeError('PE3005', { option: 'exponents', reason });
  }
  const product = new Float64Array(a.rows * b.cols);
  for (let r = 0; r < a.rows; r++) {
    for (let k = 0; k < a.cols; k++) {
      const factor = a.values[r * a.cols + k];
      for (let c = 0; c < b.cols; c++) product[r * b.cols + c] += factor * b.values[k * b.cols + c];
    }
  }
  return product;
}
