import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Goal } from '../../compiler/code/cost/goal.js';
import type { BuildEngine } from '../../compiler/code/engines/build-engine.js';
import { createEngine, type Runnable } from '../../compiler/code/engines/create.js';
import type { EngineName } from '../../compiler/code/engines/engine.js';
import { linearMemoryBytes } from '../../compiler/code/linear-memory.js';
import { approximate } from '../../compiler/formats/search/attempt-errors.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { loadModel } from '../../compiler/index.js';
import { Judge } from '../../compiler/judge/measure.js';
import { keepsTolerance } from '../../compiler/judge/requirement.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { EXAMPLES, exampleFile } from '../boards/setup.js';
import { tableRandom } from '../helpers/random-table.js';

const INPUTS_PER_EXAMPLE = 10_000;

/** Sizes at tolerance 1e-3 that must not grow by more than 3 %; UPDATE_BUDGETS=1 writes them anew. */
const BUDGET_FILE = join(PACKAGE_ROOT, 'test/pipeline/budgets.json');
const GROWTH = 1.03;

function runnableOf({ wasm, table, lowered, model }: CompiledModel): Runnable {
  return {
    wasm,
    table,
    memoryBytes: linearMemoryBytes(table.length, lowered.table.arenaBytes),
    inputCount: model.inputs.length,
    outputCount: model.outputs.length,
    wasm3: { stackBytes: 2048, tailCalls: true },
  };
}

/** Words inside the box, at its ends, far outside, and the extreme integers. */
function inputWords({ lowered }: CompiledModel, count: number): Int32Array {
  const random = tableRandom(count);
  const { inputs } = lowered.table;
  return Int32Array.from({ length: count * inputs.length }, (_, i) => {
    const { min, max } = inputs[i % inputs.length];
    switch (random.int(0, 11)) {
      case 0:
        return min;
      case 1:
        return max;
      case 2:
        return [-(2 ** 31), 2 ** 31 - 1, -1, 0, 1][random.int(0, 4)];
      case 3:
        return random.int(-(2 ** 31), 2 ** 31 - 1);
      default:
        return random.int(min, max);
    }
  });
}

describe.each(EXAMPLES)('the example %s', (name) => {
  const model = loadModel(exampleFile(name));
  const judge = new Judge(model);
  const builds = new Map<string, Promise<CompiledModel>>();
  const buildAt = (tolerance: number, engine: BuildEngine, goal: Goal): Promise<CompiledModel> => {
    const key = `${tolerance} ${engine} ${goal}`;
    const known = builds.get(key);
    if (known) return known;
    builds.set(key, compile(model, { tolerance, engine, goal }));
    return builds.get(key)!;
  };

  it.each([
    [1e-3, 'wasm3', 'size'],
    [1e-3, 'wasm3', 'speed'],
    [1e-3, 'c', 'speed'],
    [3e-4, 'wasm3', 'size'],
    [1e-4, 'wasm3', 'speed'],
  ] as const)('keeps the tolerance %d where no build has looked, on %s for %s', async (tolerance, engine, goal) => {
    const compiled = await buildAt(tolerance, engine, goal);
    const { outputs } = judge.measure(approximate(model, compiled.lowered), { samples: 5000, seed: 7 });
    for (const output of outputs) {
      expect(keepsTolerance({ all: { relative: tolerance } }, output), `${output.name} ${output.maxRelative}`).toBe(
        true,
      );
      if (tolerance === 3e-4) expect(output.relativeL2).toBeLessThanOrEqual(1e-4);
    }
  });

  it('gives the same integers on every engine, and stays within its size budget', async () => {
    const compiled = await buildAt(1e-3, 'wasm3', 'size');
    const runnable = runnableOf(compiled);
    const words = inputWords(compiled, INPUTS_PER_EXAMPLE);
    const oracle = (await createEngine('oracle', runnable)).run(words);
    expect(new Set(oracle.outputs).size).toBeGreaterThan(1000);
    for (const engineName of ['v8', 'wasm3'] as EngineName[]) {
      const engine = await createEngine(engineName, runnable);
      const { outputs, statuses } = engine.run(words);
      expect(outputs.findIndex((word, i) => word !== oracle.outputs[i])).toBe(-1);
      expect(Array.from(statuses)).toEqual(Array.from(oracle.statuses));
      engine.dispose?.();
    }
    checkBudget(name, {
      wasmBytes: compiled.wasm.length,
      modelBytes: compiled.table.length,
      memoryBytes: runnable.memoryBytes,
      macs: compiled.lowered.macs,
    });
  });
});

function checkBudget(name: string, figures: Record<string, number>): void {
  const budgets = existsSync(BUDGET_FILE) ? JSON.parse(readFileSync(BUDGET_FILE, 'utf8')) : {};
  if (process.env.UPDATE_BUDGETS) {
    writeFileSync(BUDGET_FILE, `${JSON.stringify({ ...budgets, [name]: figures }, null, 2)}\n`);
    return;
  }
  for (const [figure, value] of Object.entries(figures)) {
    expect(value, `${name}: ${figure}`).toBeLessThanOrEqual(budgets[name][figure] * GROWTH);
  }
}
