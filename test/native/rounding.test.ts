import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../helpers/cli.js';
import { randoms } from '../helpers/models.js';
import { C99, COMMON, compileOrThrow, WARNINGS } from '../package/toolchain.js';
import { SANITIZERS } from './walk.js';

/** The one product that interpolation rounds, with and without multiplications to 64 bits, at ties and beside them. */

const folder = temporaryFolder();

/** In the kernels' range: |a| < 2^31, 0 <= b < 2^31, and a result that fits 32 bits. */
function operands(): Int32Array {
  const numbers: number[] = [];
  const add = (a: number, b: number, base = 0) => numbers.push(a, b, base);
  const next = randoms(9);
  const bits = (n: number) => Math.floor(((next() + 1) / 2) * 2 ** n);
  // Products 2^31 (2 k + 1) are half a unit: just there, and one unit of a factor beside it.
  for (const odd of [1, 3, 77, 1001, 16383]) {
    for (const power of [16, 20, 24, 30]) {
      for (const sign of [1, -1]) {
        const [a, b] = [sign * odd * 2 ** (31 - power), 2 ** power];
        if (Math.abs(a) >= 2 ** 31) continue;
        for (const beside of [-1, 0, 1]) for (const base of [0, -1, 12345]) add(a + beside, b, base);
        add(a, b - 1);
        add(a, b + 1);
      }
    }
  }
  // Products that differ from a tie in their lowest bits only.
  for (let k = 0; k < 4000; k++) {
    const shift = bits(4);
    const [a, b] = [(2 * bits(15) + 1) * 2 ** (15 - shift), (2 * bits(14) + 1) * 2 ** shift];
    add((next() < 0 ? -1 : 1) * a, Math.min(b * 2 ** 1, 2 ** 31 - 1), bits(20));
  }
  for (let k = 0; k < 4000; k++) add(next() < 0 ? -bits(31) : bits(31), bits(31), bits(10));
  for (const a of [2 ** 31 - 2, -(2 ** 31), -(2 ** 31) + 2]) for (const b of [0, 1, 2 ** 31 - 1, 2 ** 30]) add(a, b);
  return Int32Array.from(numbers);
}

test.each([
  ['products of 64 bits', ['-DPE_WIDE_PRODUCTS=1']],
  ['halves of 16 bits', ['-DPE_WIDE_PRODUCTS=0']],
])('by %s, half a unit is rounded up and anything less is not', (_name, flags) => {
  const program = join(folder, `rounding${flags[0].at(-1)}`);
  const source = join(import.meta.dirname, 'rounding_test.c');
  compileOrThrow('cc', [...C99, ...WARNINGS, ...flags, '-O1', ...SANITIZERS, `-I${COMMON}`, source, '-o', program]);
  const numbers = operands();
  const { status, stdout, stderr } = spawnSync(program, { input: Buffer.from(numbers.buffer), maxBuffer: 2 ** 26 });
  expect(status, String(stderr)).toBe(0);
  const found = new Int32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length));
  let ties = 0;
  for (let i = 0; 3 * i < numbers.length; i++) {
    const [a, b, base] = numbers.subarray(3 * i, 3 * i + 3);
    const product = BigInt(a) * BigInt(b);
    if (BigInt.asUintN(32, product) === 2n ** 31n) ties++;
    const wanted = BigInt(base) + ((product + 2n ** 31n) >> 32n);
    expect(found[i], `${a} ${b} ${base}`).toBe(Number(wanted));
  }
  expect(found).toHaveLength(numbers.length / 3);
  expect(ties).toBeGreaterThan(100);
});
