import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { BUILD_ENGINES, type BuildEngine } from '../../compiler/code/engines/build-engine.js';
import { createEngine } from '../../compiler/code/engines/create.js';
import { ENGINE_NAMES } from '../../compiler/code/engines/engine.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import type { Golden } from '../../compiler/deliver/package/golden.js';
import { builtInMemory, loadBuild, writeBuild } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { createBoardEngine } from '../../compiler/run/boards/board-engine.js';
import { SHALLOW_KERNELS } from '../../compiler/table/layout/interpreter.js';
import { BOARDS } from '../boards/setup.js';
import { temporaryFolder } from '../helpers/cli.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { tableRandom } from '../helpers/random-table.js';

/** Derivatives are the same integers on every engine and board, for values inside the box, at its ends and beyond. */

const POINTS = 600;
const folder = temporaryFolder();

/** Values, first and second derivatives, a flux and a residual, of a network whose first output is not sent. */
function derivedModel(activation: string) {
  const json = perceptron([2, 6, 2], activation, 12) as {
    outputs: Record<string, unknown>[];
    physics?: object;
  };
  json.outputs[0].hidden = true;
  json.physics = { parameters: { k: 0.3 } };
  const expressions = { flux: '-k*y0_x1', mixed: 'y1_x0x1', residual: 'y0_x1 + y1*y0_x0 - k*y0_x0x0' };
  json.outputs.push(...Object.entries(expressions).map(([name, expression]) => ({ name, expression })));
  return modelFrom(json as never);
}

function words({ lowered }: CompiledModel): Int32Array {
  const random = tableRandom(5);
  const { inputs } = lowered.table;
  return Int32Array.from({ length: POINTS * inputs.length }, (_, i) => {
    const { min, max } = inputs[i % inputs.length];
    const kind = random.int(0, 9);
    if (kind === 0) return [min, max, -(2 ** 31), 2 ** 31 - 1][random.int(0, 3)];
    return random.int(min, max);
  });
}

const built = new Map<string, Promise<CompiledModel>>();
function buildOf(activation: string, engine: BuildEngine, goal: 'size' | 'speed'): Promise<CompiledModel> {
  const key = `${activation} ${engine} ${goal}`;
  const known =
    built.get(key) ?? compile(derivedModel(activation), { tolerance: 1e-2, engine, goal, kernels: SHALLOW_KERNELS });
  built.set(key, known);
  return known;
}

describe.each([
  ['tanh', 'wasm3', 'size'],
  ['tanh', 'wasm3', 'speed'],
  ['sin', 'wasm3', 'size'],
  ['tanh', 'c', 'speed'],
] as const)('derivatives of a network of %s, built for %s and %s', (activation, engine, goal) => {
  it('are the same integers on every engine', async () => {
    const compiled = await buildOf(activation, engine, goal);
    const { runnable } = builtInMemory(compiled, packageBuild(compiled, loadTarget('stm32f4')));
    const input = words(compiled);
    const oracle = (await createEngine('oracle', runnable)).run(input);
    const width = compiled.model.outputs.length;
    for (let k = 0; k < width; k++) {
      const values = new Set(oracle.outputs.filter((_, i) => i % width === k));
      expect(values.size).toBeGreaterThan(POINTS / 4);
    }
    // The C kernels do not read rows that are laid out for lanes, and a build for them has no module.
    const able = ENGINE_NAMES.filter((name) => {
      if (engine === 'c') return name === 'c' || name === 'oracle';
      return goal === 'size' || name !== 'c';
    });
    for (const name of able) {
      const other = await createEngine(name, runnable);
      const { outputs, statuses } = other.run(input);
      expect(
        outputs.findIndex((word, i) => word !== oracle.outputs[i]),
        name,
      ).toBe(-1);
      expect(Array.from(statuses), name).toEqual(Array.from(oracle.statuses));
      other.dispose?.();
    }
  });
});

describe.each(BOARDS)('on $name', ({ name, board, isSkipped }) => {
  test.skipIf(isSkipped).each(BUILD_ENGINES)(
    'a build with derivatives for %s answers the same integers',
    async (engine) => {
      const compiled = await buildOf('tanh', engine, engine === 'c' ? 'speed' : 'size');
      const place = join(folder, name, engine);
      writeBuild(place, packageBuild(compiled, loadTarget('stm32f4')).files);
      const golden: Golden = JSON.parse(readFileSync(join(place, 'golden.json'), 'utf8'));
      const { outputs } = createBoardEngine(board, loadBuild(place)).run(Int32Array.from(golden.inputWords.flat()));
      expect(Array.from(outputs)).toEqual(golden.outputWords.flat());
    },
  );
});
