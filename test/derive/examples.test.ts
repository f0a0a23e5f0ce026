import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { createEngine } from '../../compiler/code/engines/create.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../../compiler/code/engines/engine.js';
import { linearMemoryBytes } from '../../compiler/code/linear-memory.js';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { withDerived } from '../../compiler/import/select-outputs.js';
import { concatPoints, cornerPoints, edgePoints, interiorPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import { loadModel } from '../../compiler/model/load.js';
import { withScaledState } from '../../compiler/model/state.js';
import { generateModule, layOutFor } from '../../compiler/pipeline/code-stage.js';
import { settingsOf } from '../../compiler/pipeline/compile-options.js';
import { runTableOnBoard } from '../../compiler/run/boards/run-table.js';
import { measurePhysics } from '../../compiler/run/physics.js';
import { EVERY_BOARD, exampleFile } from '../boards/setup.js';
import { planned, relativeErrors } from './helpers.js';

/**
 * Derivatives of every example: within their tolerances and the same integers on every engine. The formats are those that
 * the noise model proposes, without the search for cheaper ones, which npm run bench:derivatives goes through.
 */

/** By order: of values, first and second derivatives, relative to the largest. */
const TOLERANCES = [1e-3, 2e-3, 1e-2];
const RESIDUAL_TOLERANCE = 1e-2;
const POINTS = 800;
const BOARD_POINTS = 4;
const WASM3 = { stackBytes: 64 * 1024, tailCalls: true };

const EXAMPLES = readdirSync(join(PACKAGE_ROOT, 'examples')).filter((name) => existsSync(exampleFile(name)));

/** The example with every first derivative of what it sends, a second one of each output, and its residuals. */
function derivedExample(example: string) {
  const model = loadModel(exampleFile(example), nodeFiles);
  const orders = new Map<string, number>();
  const [first] = model.inputs;
  for (const { name } of model.outputs) {
    for (const input of model.inputs) orders.set(`${name}_${input.name}`, 1);
    orders.set(`${name}_${first.name}${first.name}`, 2);
  }
  for (const { expression } of model.physics?.residuals ?? []) {
    for (const [derivative, by] of expression.matchAll(/\b\w+_([a-z])\1\b/g)) if (by) orders.set(derivative, 2);
  }
  const derive = [...orders.keys()].map((name) => ({ name, expression: name }));
  return { model: withScaledState({ ...model, ...withDerived(model, { derive }) }), orders };
}

async function built(example: string) {
  const { model, orders } = derivedExample(example);
  const named = [...orders].map(([name, order]) => [name, { relative: TOLERANCES[order] }]);
  const tolerance = { all: { relative: TOLERANCES[0] }, outputs: Object.fromEntries(named) };
  const settings = settingsOf(model, { tolerance });
  const { attempt, features } = planned(model, tolerance);
  const { lowered, table } = layOutFor(settings, attempt);
  const { wasm } = await generateModule(settings, model, lowered, table);
  const [inputCount, outputCount] = [model.inputs.length, model.outputs.length];
  const memoryBytes = linearMemoryBytes(table.length, lowered.table.arenaBytes);
  return {
    model,
    orders,
    lowered,
    features,
    runnable: { wasm, table, memoryBytes, inputCount, outputCount, wasm3: WASM3 },
  };
}

describe.each(EXAMPLES)('derivatives of %s', (example) => {
  let build: Awaited<ReturnType<typeof built>>;
  let points: Float64Array;
  let words: Int32Array;
  let oracle: Int32Array;
  beforeAll(async () => {
    build = await built(example);
    const box = inputBox(build.model.inputs);
    const { features } = build;
    points = concatPoints([interiorPoints(box, POINTS), cornerPoints(box), edgePoints(box, POINTS >> 3), features]);
    words = toWords(points, inputWordFormats(build.lowered.table));
    oracle = (await createEngine('oracle', build.runnable)).run(words).outputs;
  });

  const answers = () => fromWords(oracle, outputWordFormats(build.lowered.table, build.model.outputs));

  it('are within their tolerances', () => {
    const { model, orders } = build;
    const errors = relativeErrors(answers(), evaluateReference(model, points), model.outputs.length);
    model.outputs.forEach(({ name }, k) => {
      expect(errors[k], name).toBeLessThan(TOLERANCES[orders.get(name) ?? 0]);
    });
  });

  it('make residuals within a hundredth of their largest terms', () => {
    const { residuals } = measurePhysics(build.model, undefined, answers, points);
    for (const { name, moduleError, largestTerm } of residuals)
      expect(moduleError! / largestTerm, name).toBeLessThan(RESIDUAL_TOLERANCE);
  });

  it('are the same integers on every engine', async () => {
    for (const name of ['v8', 'wasm3', 'c'] as const) {
      const engine = await createEngine(name, build.runnable);
      const { outputs } = engine.run(words);
      expect(
        outputs.findIndex((word, i) => word !== oracle[i]),
        name,
      ).toBe(-1);
      engine.dispose?.();
    }
  });

  test.for(EVERY_BOARD)('are the same integers on an emulated $name', ({ board, isSkipped }, { skip }) => {
    skip(isSkipped);
    const { table, arenaBytes } = { ...build.runnable, ...build.lowered.table };
    skip(table.length > board.flashBytes || arenaBytes > board.ramBytes, 'it does not fit');
    // It compares every word with the oracle's.
    const some = words.subarray(0, BOARD_POINTS * build.model.inputs.length);
    expect(runTableOnBoard(board, build.lowered.table, some).points).toBe(BOARD_POINTS);
  });
});
