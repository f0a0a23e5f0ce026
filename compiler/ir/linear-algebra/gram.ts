import { choleskySolve } from './cholesky.js';
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
  /** Adds J^T J of the block in `jt` to `sum`; rows of `jt` are so many values apart, an even number. */
  addBlock(stride?: number): void;
  /**
   * Cholesky factor of the first n rows and columns of `sum` + diag(damping), for {@link Gram.solve}; ends the block in
   * `jt`.
   * @returns false when the matrix is not positive definite in float64
   */
  factorize(damping: Float64Array): boolean;
  /** Solves L L^T x = b in place, with the factor L that was found last. */
  solve(x: Float64Array): void;
}

let compiled: object | undefined;

export function createGram(parameters: number): Gram {
  compiled ??= new WebAssembly.Module(Buffer.from(GRAM_MODULE, 'base64'));
  const size = Math.ceil(parameters / TILE) * TILE;
  const sumAt = FIRST_BYTE + 8 * size * GRAM_BLOCK;
  const factorAt = sumAt + 8 * size * size;
  const pages = Math.ceil((factorAt + 8 * size * size) / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages });
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
  const addGram = exports.addGram as (
    jt: number,
    from: number,
    to: number,
    stride: number,
    gram: number,
    row: number,
  ) => void;
  const factorizePanel = exports.factorizePanel as (factor: number, size: number, start: number, end: number) => number;
  const jt = new Float64Array(memory.buffer, FIRST_BYTE, size * GRAM_BLOCK);
  const sum = new Float64Array(memory.buffer, sumAt, size * size);
  const factor = new Float64Array(memory.buffer, factorAt, size * size);
  return {
    size,
    jt,
    sum,
    addBlock: (stride = GRAM_BLOCK) => addGram(FIRST_BYTE, 0, size, 8 * stride, sumAt, 8 * size),
    factorize(damping) {
      for (let i = 0; i < size; i++) {
        const row = i * size;
        for (let j = 0; j <= i; j++) factor[row + j] = -sum[row + j];
        // Rows that only fill the last tile: those of the identity.
        factor[row + i] -= i < damping.length ? damping[i] : 1 + Math.abs(sum[row + i]);
        if (i >= damping.length) factor.fill(0, row, row + i);
      }
      for (let start = 0; start < size; start += PANEL) {
        const end = Math.min(size, start + PANEL);
        if (!factorizePanel(factorAt, size, start, end)) return false;
        if (end === size) break;
        for (let i = end; i < size; i++) {
          jt.set(factor.subarray(i * size + start, i * size + end), (i - end) * PANEL);
        }
        addGram(FIRST_BYTE, 0, size - end, 8 * PANEL, factorAt + 8 * (end * size + end), 8 * size);
      }
      return true;
    },
    solve: (x) => choleskySolve(factor, x, x.length, size),
  };
}

/** Columns that are factorised at a time: whole tiles, an even number. */
const PANEL = 48;
