import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Wasm3Module } from '../../targets/host/wasm3.js';
import { assemble, compile, END, I32, SOURCE, section, vector, withModule } from './modules.js';

/** The binding of wasm3 for Node: calls, batches of points, and traps. */

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
