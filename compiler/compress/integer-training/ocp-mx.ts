import { floorLog2, type Random, roundInteger } from './smx.js';

/**
 * MXINT8 of the OCP Microscaling Formats specification 1.0 (section 5.3.4 and 6.3), for comparison with SMX: 32 values of
 * a row share a scale 2^(floor(log2 largest)), stored as E8M0, a byte with bias 127; elements are 8-bit integers times 2^-6.
 * The blocks lie along rows, so that the transpose of a matrix has other blocks and is rounded once more.
 */
export const MX_BLOCK = 32;
const ELEMENT_EXPONENT = -6;
const E8M0_BIAS = 127;
const MOST = 127;

export interface MxMatrix {
  rows: number;
  cols: number;
  /** Row-major [rows x cols]. */
  elements: Int8Array;
  /** E8M0, row-major [rows x ceil(cols / 32)]. */
  scales: Uint8Array;
}

/**
 * @param values row-major [rows x cols], finite
 * @param random rounds stochastically, one number per value in the order of the values
 */
export function roundToMx(values: Float64Array, rows: number, cols: number, random?: Random): MxMatrix {
  const across = Math.ceil(cols / MX_BLOCK);
  const elements = new Int8Array(rows * cols);
  const scales = new Uint8Array(rows * across);
  for (let r = 0; r < rows; r++) {
    for (let b = 0; b < across; b++) {
      const start = r * cols + b * MX_BLOCK;
      const end = Math.min(start + MX_BLOCK, (r + 1) * cols);
      const largest = values.subarray(start, end).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      const exponent = largest === 0 ? -E8M0_BIAS : Math.min(127, Math.max(-E8M0_BIAS, floorLog2(largest)));
      scales[r * across + b] = exponent + E8M0_BIAS;
      const unit = 2 ** (exponent + ELEMENT_EXPONENT);
      for (let i = start; i < end; i++) {
        elements[i] = Math.min(MOST, Math.max(-MOST, roundInteger(values[i] / unit, random)));
      }
    }
  }
  return { rows, cols, elements, scales };
}

/** Row-major [rows x cols]. */
export function mxValues({ rows, cols, elements, scales }: MxMatrix): Float64Array {
  const across = Math.ceil(cols / MX_BLOCK);
  return Float64Array.from({ length: rows * cols }, (_, i) => {
    const scale = scales[Math.floor(i / cols) * across + Math.floor((i % cols) / MX_BLOCK)];
    return elements[i] * 2 ** (scale - E8M0_BIAS + ELEMENT_EXPONENT);
  });
}

/** Bytes of a matrix as stored; training needs it twice, as the transpose has blocks of its own. */
export function mxBytes(rows: number, cols: number): number {
  return rows * (cols + Math.ceil(cols / MX_BLOCK));
}
