import { describe, expect, test } from 'vitest';
import type { Goal } from '../../compiler/code/cost/goal.js';
import { nativeStackBound } from '../../compiler/code/cost/native-stack.js';
import { createEngine } from '../../compiler/code/engines/create.js';
import { linearMemoryBytes } from '../../compiler/code/linear-memory.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { SHALLOW_KERNELS } from '../../compiler/table/layout/interpreter.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { tableRandom } from '../helpers/random-table.js';

/** Modules for chips without tail calls: little native stack whatever the network, and the integers of the oracle. */

/** What a task of 8 kB leaves for the library. */
const MOST_BYTES = 7168;
/** The last stands for every instruction set that has no figures of its own. */
const ISAS = ['xtensa-lx6', 'xtensa-lx106', 'armv6-m', 'any'];
const NETWORKS: Record<string, number[]> = {
  wide: [2, 64, 32, 2],
  deep: [4, 6, 6, 6, 6, 6, 6, 6, 6, 1],
  // More records than are called one by one.
  long: [4, ...Array<number>(18).fill(3), 1],
};

describe.each(Object.keys(NETWORKS))('a network that is %s', (title) => {
  test.each(['size', 'speed'] as Goal[])(
    'for %s',
    async (goal) => {
      const model = modelFrom(perceptron(NETWORKS[title], 'tanh', 3));
      const { wasm, table, lowered } = await compile(model, { tolerance: 3e-2, goal, kernels: SHALLOW_KERNELS });
      for (const isa of ISAS) {
        const { moduleBytes } = nativeStackBound(wasm, { isa, tailCalls: false, wasm3: { codePageBytes: 1024 } });
        expect(moduleBytes, isa).toBeLessThanOrEqual(MOST_BYTES);
      }
      const runnable = {
        wasm,
        table,
        memoryBytes: linearMemoryBytes(table.length, lowered.table.arenaBytes),
        inputCount: model.inputs.length,
        outputCount: model.outputs.length,
        wasm3: { stackBytes: 2048, tailCalls: false },
      };
      const random = tableRandom(1);
      const words = Int32Array.from({ length: 200 * model.inputs.length }, () => random.int(-(2 ** 31), 2 ** 31 - 1));
      const [oracle, wasm3] = [await createEngine('oracle', runnable), await createEngine('wasm3', runnable)];
      const [wanted, got] = [oracle.run(words), wasm3.run(words)];
      wasm3.dispose?.();
      expect(Array.from(got.outputs)).toEqual(Array.from(wanted.outputs));
      expect(Array.from(got.statuses)).toEqual(Array.from(wanted.statuses));
    },
    240_000,
  );
});
