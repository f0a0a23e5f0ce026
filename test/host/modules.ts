import asc from 'assemblyscript/asc';
import { Wasm3Module, type Wasm3Options } from '../../targets/host/wasm3.js';

/** Modules for tests of the binding: one from AssemblyScript, and an assembler for those that no compiler writes. */

export const SOURCE = `
  const table = memory.data<i32>([11, 22, 33, 44]);
  let counter: i32 = 5;
  export function add(a: i32, b: i32): i32 { return a + b; }
  export function multiply64(a: i64, b: i64): i64 { return a * b; }
  export function mixed(a: i32, b: i64, c: i32): i64 { return (<i64>a << 32) + b - c; }
  export function nothing(): void {}
  export function count(): i32 { return ++counter; }
  export function tableEntry(i: i32): i32 { return load<i32>(table + (i << 2)); }
  export function loadWord(address: i32): i32 { return load<i32>(address); }
  export function grow(pages: i32): i32 { return memory.grow(pages); }
  export function divide(a: i32, b: i32): i32 { return a / b; }
  export function stop(): i32 { unreachable(); return 1; }
  export function recurse(n: i32): i32 { return recurse(n + 1) + 1; }
  // Dot product of two vectors of 8 words; -1 when the first word is negative, a trap when it is 1000.
  export function dot(): i32 {
    if (load<i32>(1024) < 0) return -1;
    if (load<i32>(1024) == 1000) unreachable();
    let sum: i64 = 0;
    for (let i = 0; i < 8; i++) sum += <i64>load<i32>(1024 + (i << 2)) * load<i32>(1056 + (i << 2));
    store<i32>(2048, <i32>sum);
    store<i32>(2052, <i32>(sum >> 32));
    return 7;
  }
`;

/** Compiles as the project does: no runtime, MVP features only. */
export async function compile(source: string): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const stderr = asc.createMemoryStream();
  const disabled = ['sign-extension', 'bulk-memory', 'nontrapping-f2i', 'mutable-globals'];
  const { error } = await asc.main(
    [
      ...['module.ts', '--outFile', 'module.wasm', '--runtime', 'stub', '--noAssert', '-O3'],
      ...['--memoryBase', '8', '--initialMemory', '1'],
      ...disabled.flatMap((feature) => ['--disable', feature]),
    ],
    {
      readFile: (name) => (name === 'module.ts' ? source : null),
      writeFile: (name, contents) => {
        if (name === 'module.wasm') binary = contents as Uint8Array;
      },
      listFiles: () => [],
      stderr,
    },
  );
  if (error || binary === undefined) throw new Error(stderr.toString());
  return binary;
}

// A small assembler for modules that no compiler writes.
export const I32 = 0x7f;
export const F32 = 0x7d;
export const END = 0x0b;
const unsigned = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...unsigned(Math.floor(value / 128))];
export const vector = (items: number[][]): number[] => [...unsigned(items.length), ...items.flat()];
export const section = (id: number, content: number[]): number[] => [id, ...unsigned(content.length), ...content];

interface Assembly {
  parameters?: number[];
  results?: number[];
  body: number[];
  /** Sections 4 to 6, put before the exports. */
  sections?: number[];
  /** Sections 8 and 9, put after the exports. */
  laterSections?: number[];
  exports?: string[];
}

/** A module of one function, exported as `run` unless said otherwise, and one page of memory. */
export function assemble({
  parameters = [],
  results = [],
  body,
  sections,
  laterSections,
  exports,
}: Assembly): Uint8Array {
  const code = [0, ...body, END];
  const bytes = (text: string): number[] => [...unsigned(text.length), ...[...text].map((c) => c.charCodeAt(0))];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([[0x60, ...vector(parameters.map((t) => [t])), ...vector(results.map((t) => [t]))]])),
    ...section(3, vector([[0]])),
    ...(sections ?? section(5, vector([[0, 1]]))),
    ...section(7, vector((exports ?? ['run']).map((name) => [...bytes(name), 0, 0]))),
    ...(laterSections ?? []),
    ...section(10, vector([[...unsigned(code.length), ...code]])),
  ]);
}

export function withModule<T>(wasm: Uint8Array, options: Wasm3Options, use: (module: Wasm3Module) => T): T {
  const module = Wasm3Module.load(wasm, options);
  try {
    return use(module);
  } finally {
    module.dispose();
  }
}
