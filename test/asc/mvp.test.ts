import { main } from 'assemblyscript/asc';
import { describe, expect, it } from 'vitest';
import { requireMvp } from '../../compiler/code/asc/mvp.js';
import { moduleOf } from '../helpers/modules.js';
import { randomTable } from '../helpers/random-table.js';

/** Compiles a source with the given options, straight by asc. */
async function wasmOf(source: string, ...options: string[]): Promise<Uint8Array> {
  let wasm: Uint8Array | undefined;
  const { error, stderr } = await main(['m.ts', '-o', 'm.wasm', '--runtime', 'stub', '--noAssert', ...options], {
    readFile: (name: string) => (name === 'm.ts' ? source : null),
    writeFile: (_name: string, contents: unknown) => {
      if (contents instanceof Uint8Array) wasm = contents;
    },
    listFiles: () => [],
  } as never);
  if (error || !wasm) throw new Error(stderr?.toString() ?? 'no module');
  return wasm;
}

const PLAIN = [
  '--disable',
  'sign-extension',
  '--disable',
  'bulk-memory',
  '--disable',
  'nontrapping-f2i',
  '--disable',
  'mutable-globals',
];

describe('the check for plain WebAssembly MVP', () => {
  it('accepts what the compiler makes, with every kernel', async () => {
    expect(() => requireMvp(new Uint8Array())).toThrow('no version-1 header');
    requireMvp((await moduleOf(randomTable(5, 1))).wasm);
  });

  it.each<[string, string, string[], string]>([
    ['a float in a body', 'export function f(x: i32): i32 { return i32(sqrt(f64(x))); }', PLAIN, 'opcode'],
    ['a float parameter', 'export function f(x: f32): i32 { return 1; }', PLAIN, 'a parameter has type 0x7d'],
    ['a float result', 'export function f(x: i32): f64 { return 1; }', PLAIN, 'a result has type 0x7c'],
    [
      'a float global',
      'export let g: f64 = 1; export function f(): void { g = 2; }',
      ['--enable', 'mutable-globals'],
      'a global has type 0x7c',
    ],
    [
      'sign extension',
      'export function f(x: i32): i32 { return i32(i8(x)); }',
      ['--enable', 'sign-extension', '-O3'],
      'opcode 0xc0',
    ],
    ['bulk memory', 'export function f(): void { memory.copy(0, 8, 8); }', ['--enable', 'bulk-memory'], 'opcode 0xfc'],
    [
      'an import',
      '@external("env", "g") declare function g(): void; export function f(): void { g(); }',
      PLAIN,
      'imports ',
    ],
    ['memory growth', 'export function f(): i32 { return memory.grow(1); }', PLAIN, 'opcode 0x40'],
    [
      'SIMD',
      'export function f(): i32 { return i8x16.extract_lane_s(i8x16.splat(1), 0); }',
      ['--enable', 'simd'],
      '0x',
    ],
  ])('refuses %s', async (_name, source, options, reason) => {
    const wasm = await wasmOf(source, ...options);
    expect(() => requireMvp(wasm)).toThrow(reason);
  });

  it('refuses every truncation of a module', async () => {
    const wasm = await wasmOf('export function f(x: i32): i32 { return x * 3; }', ...PLAIN);
    requireMvp(wasm);
    const sectionEnds = new Set<number>([8]);
    for (let at = 8; at < wasm.length; ) {
      at += 2 + wasm[at + 1];
      sectionEnds.add(at);
    }
    for (let length = 0; length < wasm.length; length++) {
      if (!sectionEnds.has(length))
        expect(() => requireMvp(wasm.subarray(0, length)), `${length}`).toThrow('not plain WebAssembly MVP');
    }
  });
});
