import { GRAM_MODULE } from './simd/gram.gen.js';

/**
 * J^T J and Cholesky in float64. J^T J is where refinement spends its time: points x parameters^2 / 2 multiply-adds
 * against points x parameters for everything else. Its kernel is SIMD WebAssembly: 5.5e9 multiply-adds per second where
 * the same loop in JavaScript reaches 2.5e9 (999 parameters, one core of a server of 2024).
 */

/** Rows of the Jacobian that are added at a time. */
export const GRAM_BLOCK = 128;
const TILE = 3;
const PAGE_BYTES = 65536;
/** The kernel's own static memory is empty; a little room keeps addresses away from 0. */
const FIRST_BYTE = 1024;

/** V8's WebAssembly, which Node's type library leaves out. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Memory: new (limits: { initial: number }) => { buffer: ArrayBuffer };
  Instance: new (module: object, imports: object) => { exports: Record<string, unknown> };
};

/** Sizes are rounded up to whole tiles. */
export interface Gram {
  readonly size: number;
  /** A block of the transposed Jacobian, [size x GRAM_BLOCK], zero where there is no row or no parameter. */
  readonly jt: Float64Array;
  /** Sum of J^T J over the blocks so far, [size x size] row-major, lower triangle. */
  readonly sum: Float64Array;
  /** Adds J^T J of the block in `jt` to `sum`. */
  addBlock(): void;
}

let compiled: object | undefined;

export function createGram(parameters: number): Gram {
  compiled ??= new WebAssembly.Module(Buffer.from(GRAM_MODULE, 'base64'));
  const size = Math.ceil(parameters / TILE) * TILE;
  const sumAt = FIRST_BYTE + 8 * size * GRAM_BLOCK;
  const pages = Math.ceil((sumAt + 8 * size * size) / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages });
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
  const addGram = exports.addGram as (jt: number, size: number, stride: number, gram: number) => void;
  return {
    size,
    jt: new Float64Array(memory.buffer, FIRST_BYTE, size * GRAM_BLOCK),
    sum: new Float64Array(memory.buffer, sumAt, size * size),
    addBlock: () => addGram(FIRST_BYTE, size, 8 * GRAM_BLOCK, sumAt),
  };
}

/** Columns that one pass of the factorisation reads together. */
const PANEL = 64;

/**
 * Cholesky factor L of A + diag(damping), lower triangle, row-major [n x n] with the given row stride; A = L L^T.
 * @returns false when the matrix is not positive definite in float64
 */
export function cholesky(
  a: Float64Array,
  damping: Float64Array,
  factor: Float64Array,
  n: number,
  stride: number,
): boolean {
  for (let i = 0; i < n; i++) {
    const row = i * stride;
    for (let j = 0; j <= i; j++) factor[row + j] = a[row + j];
    factor[row + i] += damping[i];
  }
  for (let start = 0; start < n; start += PANEL) {
    const end = Math.min(n, start + PANEL);
    for (let i = start; i < n; i++) {
      const row = i * stride;
      for (let j = start; j < Math.min(i + 1, end); j++) {
        const sum = factor[row + j] - dot(factor, row + start, j * stride + start, j - start);
        if (j < i) factor[row + j] = sum / factor[j * stride + j];
        else if (sum > 0) factor[row + i] = Math.sqrt(sum);
        else return false;
      }
    }
    subtractPanel(factor, n, stride, start, end);
  }
  return true;
}

/** The part right of a finished panel: A22 -= L21 L21^T, two rows by two columns at a time. */
function subtractPanel(factor: Float64Array, n: number, stride: number, start: number, end: number): void {
  for (let i = end; i < n; i += 2) {
    const i0 = i * stride;
    const i1 = i + 1 < n ? i0 + stride : i0;
    for (let j = end; j <= i + 1 && j < n; j += 2) {
      const j0 = j * stride;
      const j1 = j + 1 < n ? j0 + stride : j0;
      let s00 = 0;
      let s01 = 0;
      let s10 = 0;
      let s11 = 0;
      for (let k = start; k < end; k++) {
        const x0 = factor[i0 + k];
        const x1 = factor[i1 + k];
        const y0 = factor[j0 + k];
        const y1 = factor[j1 + k];
        s00 += x0 * y0;
        s01 += x0 * y1;
        s10 += x1 * y0;
        s11 += x1 * y1;
      }
      factor[i0 + j] -= s00;
      if (j1 !== j0) factor[i0 + j + 1] -= s01;
      if (i1 === i0) continue;
      factor[i1 + j] -= s10;
      if (j1 !== j0) factor[i1 + j + 1] -= s11;
    }
  }
}

function dot(a: Float64Array, i: number, j: number, count: number): number {
  let sum = 0;
  for (let k = 0; k < count; k++) sum += a[i + k] * a[j + k];
  return sum;
}

/** Solves L L^T x = b in place. */
export function choleskySolve(factor: Float64Array, x: Float64Array, n: number, stride: number): void {
  for (let i = 0; i < n; i++) {
    let sum = x[i];
    for (let k = 0; k < i; k++) sum -= factor[i * stride + k] * x[k];
    x[i] = sum / factor[i * stride + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    x[i] /= factor[i * stride + i];
    const value = x[i];
    for (let k = 0; k < i; k++) x[k] -= factor[i * stride + k] * value;
  }
}
