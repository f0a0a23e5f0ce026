import { beforeAll, describe, expect, test, vi } from 'vitest';
import { Wasm3Module } from '../../targets/host/wasm3.js';
import { assemble, compile, END, F32, I32, SOURCE, section, vector, withModule } from './modules.js';

/** Modules and arguments that the binding of wasm3 for Node refuses, each in a sentence. */

// Well above what any test takes on a busy machine.
vi.setConfig({ testTimeout: 30_000 });

let wasm: Uint8Array;

beforeAll(async () => {
  wasm = await compile(SOURCE);
}, 60_000);

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
