import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Wasm3Module, type Wasm3Options } from '../../targets/host/wasm3.js';
import { assemble, compile, END, I32, SOURCE, withModule } from './modules.js';

/** The binding of wasm3 for Node: linear memory, heap and native stack, and what is left after disposal. */

// Well above what any test takes on a busy machine.
vi.setConfig({ testTimeout: 30_000 });

let wasm: Uint8Array;
let module: Wasm3Module;

beforeAll(async () => {
  wasm = await compile(SOURCE);
  module = Wasm3Module.load(wasm);
}, 60_000);

afterAll(() => {
  module.dispose();
});

/** (x * 3) ^ 1 applied again and again: `operations` wasm3 operations in one straight line. */
const straightLine = (operations: number): Uint8Array =>
  assemble({
    parameters: [I32],
    results: [I32],
    body: [0x20, 0, ...Array.from({ length: operations / 2 }, () => [0x41, 3, 0x6c, 0x41, 1, 0x73]).flat()],
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
