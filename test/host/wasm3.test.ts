import asc from 'assemblyscript/asc';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Wasm3Module, type Wasm3Options } from '../../targets/host/wasm3.js';

// Well above what any test takes on a busy machine.
vi.setConfig({ testTimeout: 30_000 });

const SOURCE = `
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
async function compile(source: string): Promise<Uint8Array> {
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
const I32 = 0x7f;
const F32 = 0x7d;
const END = 0x0b;
const unsigned = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...unsigned(Math.floor(value / 128))];
const vector = (items: number[][]): number[] => [...unsigned(items.length), ...items.flat()];
const section = (id: number, content: number[]): number[] => [id, ...unsigned(content.length), ...content];

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
function assemble({ parameters = [], results = [], body, sections, laterSections, exports }: Assembly): Uint8Array {
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

/** (x * 3) ^ 1 applied again and again: `operations` wasm3 operations in one straight line. */
const straightLine = (operations: number): Uint8Array =>
  assemble({
    parameters: [I32],
    results: [I32],
    body: [0x20, 0, ...Array.from({ length: operations / 2 }, () => [0x41, 3, 0x6c, 0x41, 1, 0x73]).flat()],
  });

function withModule<T>(wasm: Uint8Array, options: Wasm3Options, use: (module: Wasm3Module) => T): T {
  const module = Wasm3Module.load(wasm, options);
  try {
    return use(module);
  } finally {
    module.dispose();
  }
}

let wasm: Uint8Array;
let module: Wasm3Module;

beforeAll(async () => {
  wasm = await compile(SOURCE);
  module = Wasm3Module.load(wasm);
}, 60_000);

afterAll(() => {
  module.dispose();
});

describe('calls', () => {
  test('reports the version of wasm3 that the device registries carry', () => {
    expect(module.version).toBe('0.5.0');
  });

  test('i32 wraps around and comes back signed', () => {
    expect(module.call('add', 2, 3)).toBe(5);
    expect(module.call('add', 2 ** 31 - 1, 1)).toBe(-(2 ** 31));
    expect(module.call('add', 2 ** 32 - 1, 0)).toBe(-1);
  });

  test('i64 arguments and results are bigints', () => {
    expect(module.call('multiply64', -3n, 5_000_000_000n)).toBe(-15_000_000_000n);
    expect(module.call('multiply64', 2n ** 64n - 1n, 7n)).toBe(-7n);
    expect(module.call('mixed', -2, 5n, 7)).toBe(-(2n ** 33n) - 2n);
  });

  test('a function without result returns undefined', () => {
    expect(module.call('nothing')).toBeUndefined();
  });

  test('globals keep their values between calls', () => {
    withModule(wasm, {}, (own) => expect([own.call('count'), own.call('count')]).toEqual([6, 7]));
  });

  test('instances do not share state', () => {
    withModule(wasm, {}, (one) =>
      withModule(wasm, {}, (other) => {
        one.call('count');
        one.write(1024, Uint8Array.of(1));
        expect(other.call('count')).toBe(6);
        expect(other.read(1024, 1)).toEqual(Uint8Array.of(0));
      }),
    );
  });

  test('a start function has run when load returns', () => {
    const start = { sections: section(5, vector([[0, 1]])), laterSections: section(8, [0]) };
    // i32.store8(40, 9)
    const running = assemble({ body: [0x41, 40, 0x41, 9, 0x3a, 0, 0], ...start });
    withModule(running, {}, (own) => expect(own.read(40, 1)).toEqual(Uint8Array.of(9)));
    const trapping = assemble({ body: [0x00], ...start });
    expect(() => Wasm3Module.load(trapping)).toThrow(/\[trap\] unreachable executed in the module's start function/);
  });

  test('a function may be exported under several names', () => {
    const names = ['first', 'second', 'third'];
    withModule(assemble({ results: [I32], body: [0x41, 5], exports: names }), {}, (own) => {
      for (const name of names) expect(own.call(name)).toBe(5);
    });
  });

  test('what is not exported or does not fit the function is refused by name', () => {
    expect(() => module.call('none')).toThrow(/exports no function none \(it exports: add, /);
    expect(() => module.call('memory')).toThrow(/exports no function memory/);
    expect(() => module.call('add', 1)).toThrow('wasm3: add takes 2 arguments, not 1');
    expect(() => module.call('nothing', 1)).toThrow('wasm3: nothing takes 0 arguments, not 1');
    for (const value of [1.5, Number.NaN, 2 ** 32, -(2 ** 31) - 1]) {
      expect(() => module.call('add', 1, value)).toThrow(/argument 2 of add must be a whole number/);
    }
    expect(() => module.call('add', 1n, 2)).toThrow(/argument 1 of add must be a number/);
    expect(() => module.call('multiply64', 1n, 2)).toThrow(/argument 2 of multiply64 must be a bigint/);
    expect(() => module.call('multiply64', 1n, 2n ** 64n)).toThrow(/does not fit 64 bits/);
  });
});

describe('memory', () => {
  test('data segments are there, and what is written is read by the module and back', () => {
    expect(module.call('tableEntry', 2)).toBe(33);
    module.write(3000, Uint8Array.of(0x78, 0x56, 0x34, 0x12));
    expect(module.call('loadWord', 3000)).toBe(0x12345678);
    expect(module.read(3001, 2)).toEqual(Uint8Array.of(0x56, 0x34));
  });

  test('read returns a copy', () => {
    const copy = module.read(3000, 4);
    copy.fill(0);
    expect(module.call('loadWord', 3000)).toBe(0x12345678);
  });

  test('addresses outside linear memory are refused', () => {
    expect(module.read(65536, 0)).toHaveLength(0);
    expect(() => module.read(65533, 4)).toThrow(/bytes 65533 to 65537 lie outside the 65536 bytes/);
    expect(() => module.write(2 ** 32 - 1, new Uint8Array(2))).toThrow(/lie outside/);
    expect(() => module.read(-1, 4)).toThrow(/address must be a whole number/);
    expect(() => module.read(0, 0.5)).toThrow(/length must be a whole number/);
  });

  test('memoryLimitBytes allocates exactly that much, and what lies beyond traps', () => {
    withModule(wasm, { memoryLimitBytes: 4000 }, (own) => {
      expect(own.usage().linearMemoryBytes).toBe(4000);
      expect(own.call('loadWord', 3996)).toBe(0);
      expect(() => own.call('loadWord', 3997)).toThrow('wasm3: [trap] out of bounds memory access in loadWord');
      expect(() => own.read(3999, 2)).toThrow(/outside the 4000 bytes/);
      expect(own.call('add', 1, 1)).toBe(2);
    });
  });

  test('a limit smaller than the data is refused on loading', () => {
    expect(() => Wasm3Module.load(wasm, { memoryLimitBytes: 16 })).toThrow(/data segment out of bounds while loading/);
  });

  test('memory that grows keeps its contents and counts towards the peak', () => {
    withModule(wasm, {}, (own) => {
      expect(own.call('grow', 2)).toBe(1);
      expect(own.call('tableEntry', 3)).toBe(44);
      own.write(3 * 65536 - 1, Uint8Array.of(1));
      const usage = own.usage();
      expect(usage.linearMemoryBytes).toBe(3 * 65536);
      // Old and new copy while it moves.
      expect(usage.peakLinearMemoryBytes).toBeGreaterThanOrEqual(4 * 65536);
    });
  });

  test('the heap limit is kept', () => {
    expect(() => Wasm3Module.load(wasm, { heapLimitBytes: 100_000 })).toThrow(/memory allocation failed/);
    withModule(wasm, { heapLimitBytes: 300_000 }, (own) => {
      expect(own.call('grow', 4)).toBe(-1);
      expect(own.call('tableEntry', 0)).toBe(11);
    });
    // Every size from nothing to enough: refused in a sentence or loaded.
    for (let heapLimitBytes = 1; heapLimitBytes < 12_000; heapLimitBytes += 37) {
      try {
        withModule(wasm, { heapLimitBytes, stackBytes: 512, memoryLimitBytes: 1000 }, (own) => own.call('add', 1, 2));
      } catch (error) {
        expect(String(error)).toMatch(/^Error: wasm3: .*memory allocation failed/);
      }
    }
  });

  test('a module whose interpreter ran out of memory during a call is good for disposal only', () => {
    const options = { lazy: true, stackBytes: 512, memoryLimitBytes: 4096 };
    const heapLimitBytes = withModule(wasm, options, (own) => own.usage().peakHeapBytes + 4096);
    withModule(wasm, { ...options, heapLimitBytes }, (own) => {
      const callAll = () => {
        own.call('dot');
        own.call('mixed', 1, 2n, 3);
        own.call('recurse', 0);
      };
      expect(callAll).toThrow('wasm3: memory allocation failed');
      expect(callAll).toThrow(/cannot be used any more since the interpreter ran out of memory/);
      expect(() => own.read(0, 1)).toThrow(/cannot be used any more/);
      own.dispose();
    });
  });
});

describe('batches', () => {
  const points = 10_000;
  const inputs = Int32Array.from({ length: points * 16 }, (_, i) => (i % 16 === 0 ? i % 999 : (i * 2654435761) | 0));

  test.each([true, false])('every point gets its own answer (tail calls: %s)', (tailCalls) => {
    withModule(wasm, { tailCalls }, (own) => {
      const { outputs, statuses } = own.runBatch('dot', 1024, inputs, 16, 2048, 2);
      const expected = new BigInt64Array(points);
      for (let p = 0; p < points; p++) {
        for (let i = 0; i < 8; i++) expected[p]! += BigInt(inputs[p * 16 + i]!) * BigInt(inputs[p * 16 + 8 + i]!);
      }
      expect(new BigInt64Array(outputs.buffer)).toEqual(expected);
      expect(statuses.every((status) => status === 7)).toBe(true);
    });
  });

  test('statuses are the function’s return values, and an empty batch has none', () => {
    expect(Array.from(module.runBatch('dot', 1024, Int32Array.of(1, -1, 2), 1, 2048, 1).statuses)).toEqual([7, -1, 7]);
    expect(module.runBatch('dot', 1024, new Int32Array(0), 8, 2048, 2).statuses).toHaveLength(0);
  });

  test('a trap names its point and leaves the module usable', () => {
    const run = () => module.runBatch('dot', 1024, Int32Array.of(1, 2, 1000, 3), 1, 2048, 1);
    expect(run).toThrow('wasm3: [trap] unreachable executed at point 2 of 4 in dot');
    expect(module.call('add', 1, 1)).toBe(2);
  });

  test('a batch reaches to the end of linear memory and not beyond', () => {
    withModule(wasm, {}, (own) => {
      const batch = (input: number, output: number) => own.runBatch('dot', input, Int32Array.of(1, 1), 1, output, 1);
      expect(batch(65532, 65532).outputs).toEqual(Int32Array.of(1, 1));
      expect(() => batch(65533, 0)).toThrow(/the inputs lie outside linear memory at point 0 of 2/);
      expect(() => batch(1024, 65533)).toThrow(/the outputs lie outside linear memory/);
      expect(() => batch(2 ** 32 - 4, 0)).toThrow(/the inputs lie outside/);
      expect(() => batch(-4, 0)).toThrow(/inputAddress must be/);
    });
  });

  test('counts and functions that do not fit are refused', () => {
    const inputs = new Int32Array(9);
    expect(() => module.runBatch('dot', 1024, inputs, 2, 2048, 1)).toThrow(/9 inputs are no multiple of 2/);
    expect(() => module.runBatch('dot', 1024, inputs, 0, 2048, 1)).toThrow(/inputCount must be/);
    expect(() => module.runBatch('add', 1024, inputs, 1, 2048, 1)).toThrow(/without arguments that returns an i32/);
    expect(() => module.runBatch('nothing', 1024, inputs, 1, 2048, 1)).toThrow(/that returns an i32/);
  });
});

describe('traps', () => {
  test.each([true, false])('become errors and leave the module usable (tail calls: %s)', (tailCalls) => {
    withModule(wasm, { tailCalls }, (own) => {
      expect(() => own.call('stop')).toThrow('wasm3: [trap] unreachable executed in stop');
      expect(() => own.call('loadWord', -1)).toThrow('wasm3: [trap] out of bounds memory access in loadWord');
      expect(() => own.call('divide', 1, 0)).toThrow('wasm3: [trap] integer divide by zero in divide');
      expect(() => own.call('divide', -(2 ** 31), -1)).toThrow('wasm3: [trap] integer overflow in divide');
      expect(own.call('divide', 6, 3)).toBe(2);
    });
  });

  // run() { run() }: takes so little of wasm3's own stack that, if that is large, the native stack ends first.
  const idleRecursion = assemble({ body: [0x10, 0] });
  // The same through a table.
  const indirectRecursion = assemble({
    body: [0x41, 0, 0x11, 0, 0],
    sections: [...section(4, vector([[0x70, 0, 1]])), ...section(5, vector([[0, 1]]))],
    laterSections: section(9, vector([[0, 0x41, 0, END, 1, 0]])),
  });

  test.each([true, false])('endless recursion is a stack overflow (tail calls: %s)', (tailCalls) => {
    const overflow = /^wasm3: \[trap\] stack overflow in /;
    for (const stackBytes of [256, 65536, 2 ** 24]) {
      withModule(wasm, { tailCalls, stackBytes }, (own) => {
        expect(() => own.call('recurse', 0)).toThrow(overflow);
        expect(own.call('add', 1, 1)).toBe(2);
      });
    }
    for (const recursion of [idleRecursion, indirectRecursion]) {
      withModule(recursion, { tailCalls, stackBytes: 2 ** 24 }, (own) => {
        expect(() => own.call('run')).toThrow(overflow);
        const { nativeStackRunBytes } = own.usage();
        expect(nativeStackRunBytes).toBeGreaterThan(15 * 2 ** 20);
        expect(nativeStackRunBytes).toBeLessThan(17 * 2 ** 20);
      });
    }
  });
});

describe('modules that are refused', () => {
  const refused = (bytes: Uint8Array, reason: RegExp) => expect(() => Wasm3Module.load(bytes)).toThrow(reason);

  test('no module at all', () => {
    refused(new Uint8Array(0), /^wasm3: these bytes are no valid WebAssembly module: /);
    refused(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), /no valid WebAssembly module/);
    expect(() => Wasm3Module.load('module.wasm' as unknown as Uint8Array)).toThrow(/given as a Uint8Array/);
  });

  test('a module cut off at any length', () => {
    const whole = assemble({ results: [I32], body: [0x41, 5] });
    for (let length = 0; length < whole.length; length++) {
      // Between two sections a shorter module ends, which is valid but exports nothing.
      const run = () => withModule(whole.subarray(0, length), {}, (own) => own.call('run'));
      expect(run, `the first ${length} bytes`).toThrow(/^wasm3: /);
    }
    expect(withModule(whole, {}, (own) => own.call('run'))).toBe(5);
    for (let length = 0; length < wasm.length; length++) {
      let answer: unknown;
      try {
        answer = withModule(wasm.subarray(0, length), {}, (own) => own.call('tableEntry', 2));
      } catch (error) {
        answer = error;
      }
      // Without its data section, the last one, it runs on zeros.
      if (answer !== 0) expect(String(answer), `the first ${length} bytes`).toMatch(/^Error: wasm3: /);
    }
  });

  test('a module with any byte changed is loaded or refused in a sentence', () => {
    for (let position = 0; position < wasm.length; position++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const changed = wasm.slice();
        changed[position]! ^= mask;
        try {
          Wasm3Module.load(changed).dispose();
        } catch (error) {
          expect(String(error)).toMatch(/^Error: wasm3: /);
        }
      }
    }
  });

  test('floats, wherever they stand', () => {
    const f32Constant = [0x43, 0, 0, 0, 0];
    refused(assemble({ parameters: [F32], results: [F32], body: [0x20, 0] }), /wasm3: unknown opcode/);
    refused(assemble({ body: [...f32Constant, 0x1a] }), /wasm3: no operation found for opcode: 43/);
    const unreachableFloat = [0x00, ...f32Constant, ...f32Constant, 0x92, 0x1a];
    refused(assemble({ body: unreachableFloat }), /wasm3: /);
    // f32.store of an f32.load
    refused(assemble({ body: [0x41, 0, 0x41, 0, 0x2a, 2, 0, 0x38, 2, 0] }), /wasm3: /);
    const floatGlobal = section(6, vector([[F32, 0, ...f32Constant, END]]));
    refused(assemble({ body: [], sections: [...section(5, vector([[0, 1]])), ...floatGlobal] }), /wasm3: /);
  });

  test('several results, and instructions that wasm3 does not know', () => {
    refused(assemble({ results: [I32, I32], body: [0x41, 1, 0x41, 2] }), /several results are not supported/);
    // v128.const, drop
    refused(assemble({ body: [0xfd, 12, ...new Array<number>(16).fill(0), 0x1a] }), /wasm3: unknown opcode/);
  });

  test('imports', async () => {
    const importing = await compile(`
      @external("env", "missing") declare function missing(): i32;
      export function run(): i32 { return missing(); }
    `);
    refused(importing, /missing imported function.*env.*missing/);
  });

  test('options out of range', () => {
    expect(() => Wasm3Module.load(wasm, { stackBytes: 0 })).toThrow(/stackBytes must be a whole number from 64/);
    expect(() => Wasm3Module.load(wasm, { memoryLimitBytes: 0 })).toThrow(/memoryLimitBytes must be/);
    expect(() => Wasm3Module.load(wasm, { heapLimitBytes: 2 ** 31 })).toThrow(/heapLimitBytes must be/);
  });

  test('arguments that would not fit on the stack of wasm3, which does not look', () => {
    const parameters = new Array<number>(100).fill(I32);
    withModule(assemble({ parameters, body: [] }), { stackBytes: 512 }, (own) => {
      expect(() => own.call('run', ...parameters)).toThrow(/arguments do not fit/);
    });
  });
});

describe('usage', () => {
  const measure = (options: Wasm3Options) =>
    withModule(wasm, options, (own) => {
      own.call('add', 1, 2);
      own.runBatch('dot', 1024, Int32Array.of(1, 2, 3), 1, 2048, 1);
      return own.usage();
    });

  test.each([true, false])('is the same every time (tail calls: %s)', (tailCalls) => {
    const first = measure({ tailCalls });
    for (let i = 0; i < 5; i++) expect(measure({ tailCalls })).toEqual(first);
  });

  test('heap contains the value stack and the code pages, linear memory stands by itself', () => {
    const small = measure({ stackBytes: 1024 });
    const large = measure({ stackBytes: 9216 });
    expect(large.heapBytes - small.heapBytes).toBe(8192);
    expect(small.heapBytes).toBeGreaterThan(1024 + small.codePageBytes);
    expect(small.heapBytes).toBeLessThan(40_000);
    expect(small.peakHeapBytes).toBeGreaterThanOrEqual(small.heapBytes);
    expect(small.codePageBytes).toBeGreaterThanOrEqual(small.codeWords * 4);
    expect(small.linearMemoryBytes).toBe(65536);
    expect(small.peakLinearMemoryBytes).toBe(65536);
  });

  test('counters of two instances do not mix', () => {
    const alone = measure({});
    withModule(straightLine(2000), {}, (other) => {
      const before = other.usage();
      expect(measure({})).toEqual(alone);
      expect(other.usage()).toEqual(before);
    });
  });

  test('lazy loading compiles what is called', () => {
    withModule(wasm, { lazy: true }, (own) => {
      const before = own.usage();
      expect(before.heapBytes).toBeLessThan(module.usage().heapBytes);
      expect(own.call('add', 1, 2)).toBe(3);
      expect(own.usage().codeWords).toBeGreaterThan(before.codeWords);
      expect(own.usage().codeWords).toBeLessThan(module.usage().codeWords);
    });
  });

  test('nothing is allocated by a run', () => {
    const before = module.usage();
    module.runBatch('dot', 1024, Int32Array.of(1, 2, 3), 1, 2048, 1);
    expect(module.usage().peakHeapBytes).toBe(before.peakHeapBytes);
  });

  test('without tail calls the native stack grows with every operation, with them it does not', () => {
    const runBytes = (operations: number, tailCalls: boolean) =>
      withModule(straightLine(operations), { tailCalls }, (own) => {
        own.call('run', 1);
        return own.usage().nativeStackRunBytes;
      });
    expect(runBytes(4000, true)).toBe(runBytes(400, true));
    expect(runBytes(400, true)).toBeGreaterThan(50);
    expect(runBytes(400, true)).toBeLessThan(1024);
    const perOperation = (runBytes(4000, false) - runBytes(400, false)) / 3600;
    expect(perOperation).toBeGreaterThanOrEqual(8);
    expect(perOperation).toBeLessThan(128);
    // Past the painted part of the stack the count goes on.
    const deep = (runBytes(40_000, false) - runBytes(4000, false)) / 36_000;
    expect(deep).toBeCloseTo(perOperation, 1);
  });

  test('a deep run does not show in what is measured after it', () => {
    for (const stackBytes of [65536, 2 ** 24]) {
      withModule(wasm, { lazy: true, stackBytes }, (own) => {
        expect(() => own.call('recurse', 0)).toThrow(/stack overflow/);
        own.call('add', 1, 2);
        const { nativeStackLoadBytes, nativeStackRunBytes, nativeStackBytes } = own.usage();
        expect(nativeStackRunBytes).toBeGreaterThan(100_000);
        expect(nativeStackBytes).toBe(nativeStackRunBytes);
        expect(nativeStackLoadBytes).toBeLessThan(10_000);
      });
    }
  });

  test('a deep run gives its stack pages back', () => {
    const before = process.memoryUsage.rss();
    const modules = Array.from({ length: 12 }, () => Wasm3Module.load(wasm, { stackBytes: 2 ** 24 }));
    for (const own of modules) expect(() => own.call('recurse', 0)).toThrow(/stack overflow/);
    // 16 MiB of native stack each while they ran.
    expect(process.memoryUsage.rss() - before).toBeLessThan(100e6);
    for (const own of modules) own.dispose();
  });

  test('both flavours compute the same', () => {
    const results = [true, false].map((tailCalls) =>
      withModule(straightLine(1000), { tailCalls }, (own) => own.call('run', 12345)),
    );
    let expected = 12345;
    for (let i = 0; i < 500; i++) expected = Math.imul(expected, 3) ^ 1;
    expect(results).toEqual([expected, expected]);
  });

  test('deeply nested blocks take native stack on loading', () => {
    const nested = (depth: number) =>
      assemble({
        body: [...new Array<number[]>(depth).fill([0x02, 0x40]).flat(), ...new Array<number>(depth).fill(END)],
      });
    const loadBytes = (depth: number) => withModule(nested(depth), {}, (own) => own.usage().nativeStackLoadBytes);
    const perBlock = (loadBytes(5000) - loadBytes(1000)) / 4000;
    expect(perBlock).toBeGreaterThan(100);
    // Two stacks' worth would be set aside for it: see NATIVE_STACK_PER_WASM_BYTE.
    expect(perBlock).toBeLessThan(3 * 512);
  });
});

describe('disposal', () => {
  test('ends all use, and may be repeated', () => {
    const own = Wasm3Module.load(wasm);
    own.call('add', 1, 2);
    expect(own.dispose()).toBe(0);
    expect(own.dispose()).toBe(0);
    const afterwards = 'wasm3: the module was used after dispose()';
    expect(() => own.call('add', 1, 2)).toThrow(afterwards);
    expect(() => own.runBatch('dot', 1024, Int32Array.of(1), 1, 2048, 1)).toThrow(afterwards);
    expect(() => own.read(0, 1)).toThrow(afterwards);
    expect(() => own.write(0, new Uint8Array(1))).toThrow(afterwards);
    expect(() => own.usage()).toThrow(afterwards);
  });

  test('a thousand loads and disposals leave nothing behind', () => {
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 1000; i++) {
      const own = Wasm3Module.load(wasm);
      own.call('grow', 2);
      expect(own.dispose()).toBe(0);
    }
    // One instance touches 256 kB of stack and more of heap; a thousand left over would be seen.
    expect(process.memoryUsage.rss() - before).toBeLessThan(100e6);
  });

  test('failed loads and traps leave nothing behind either', () => {
    const before = process.memoryUsage.rss();
    const trapping = Wasm3Module.load(wasm);
    for (let i = 0; i < 500; i++) {
      expect(() => Wasm3Module.load(wasm, { memoryLimitBytes: 16 })).toThrow();
      expect(() => trapping.call('stop')).toThrow();
    }
    expect(trapping.dispose()).toBe(0);
    expect(process.memoryUsage.rss() - before).toBeLessThan(60e6);
  });
});
