import { beforeAll, describe, expect, it } from 'vitest';
import { requireMvp } from '../../compiler/code/asc/mvp.js';
import { createEngine } from '../../compiler/code/engines/create.js';
import { WALK_IMPORT, withTable } from '../../compiler/code/native-entry.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { builtInMemory, type LoadedBuild } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { loadModel } from '../../compiler/model/load.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { verify } from '../../compiler/run/verify.js';
import { CHECK, STATUS } from '../../compiler/table/specification.js';
import { sealTable } from '../../compiler/table/table.js';
import { Wasm3Module } from '../../targets/host/wasm3.js';
import { exampleFile } from '../boards/setup.js';

/** Modules whose kernels the firmware brings: the same integers, and no way out of their memory. */

let compiled: CompiledModel;
let build: LoadedBuild;

beforeAll(async () => {
  compiled = await compile(loadModel(exampleFile('heat-rod'), nodeFiles), { tolerance: 1e-3, engine: 'wasm3+native' });
  build = builtInMemory(compiled, packageBuild(compiled, loadTarget('esp32')));
}, 120_000);

describe('the module', () => {
  it('keeps weights out of linear memory', () => {
    expect(build.report.memoryBytes).toBeLessThan(build.report.arenaBytes + 32);
    expect(build.report.wasmBytes).toBeLessThan(build.report.modelBytes + 600);
  });

  it('imports the kernels and nothing else', () => {
    requireMvp(compiled.wasm, WALK_IMPORT);
    expect(() => requireMvp(compiled.wasm)).toThrow('imports pe.walk');
    expect(() => requireMvp(compiled.wasm, { module: 'pe', name: 'step' })).toThrow('imports pe.walk');
  });

  it('answers like the oracle under both builds of wasm3, V8 and the C kernels', async () => {
    const words = Int32Array.from(
      { length: 200 * build.model.inputs.length },
      (_, i) => Math.imul(i, 0x9e3779b1) >> (i % 5),
    );
    const wanted = (await createEngine('oracle', build.runnable)).run(words);
    for (const tailCalls of [true, false]) {
      for (const name of ['wasm3', 'v8', 'c'] as const) {
        const runnable = { ...build.runnable, wasm3: { ...build.runnable.wasm3, tailCalls } };
        const engine = await createEngine(name, runnable);
        const { outputs, statuses } = engine.run(words);
        expect(outputs, name).toEqual(wanted.outputs);
        expect(Array.from(statuses), name).toEqual(Array.from(wanted.statuses));
        engine.dispose?.();
      }
    }
    expect(await verify(build, { samples: 64 })).toMatchObject({ engine: 'wasm3', pass: true });
  });
});

/** The module with another table in its section. */
function replaced(table: Uint8Array): Uint8Array {
  const section = 24;
  const rest = compiled.wasm.subarray(section + compiled.table.length);
  return withTable(Uint8Array.from([...compiled.wasm.subarray(0, 8), ...rest]), table);
}

function run(wasm: Uint8Array, memoryBytes = build.report.memoryBytes): number {
  const module = Wasm3Module.load(wasm, { memoryLimitBytes: memoryBytes });
  try {
    return Number(module.call('run'));
  } finally {
    module.dispose();
  }
}

describe('what is damaged', () => {
  it('is refused by the checks of the table', () => {
    expect(run(replaced(compiled.table))).toBeLessThanOrEqual(STATUS.CLAMPED);
    const flipped = compiled.table.slice();
    flipped[100] ^= 4;
    expect(run(replaced(flipped))).toBe(STATUS.REFUSED + CHECK.CRC);
    const large = compiled.table.slice();
    new DataView(large.buffer).setUint32(24, build.report.arenaBytes + 4, true);
    sealTable(large);
    expect(run(replaced(large))).toBe(STATUS.REFUSED + CHECK.ARENA);
    expect(run(replaced(compiled.table.subarray(0, 16)))).toBe(STATUS.REFUSED + CHECK.SIZE);
  });

  it('traps where the arena is not in linear memory', () => {
    expect(() => run(compiled.wasm, build.report.memoryBytes - 8)).toThrow('out of bounds memory access');
  });

  it('cannot be loaded without its table', () => {
    const without = Uint8Array.from([
      ...compiled.wasm.subarray(0, 8),
      ...compiled.wasm.subarray(24 + compiled.table.length),
    ]);
    expect(() => run(without)).toThrow('missing imported function');
  });
});
