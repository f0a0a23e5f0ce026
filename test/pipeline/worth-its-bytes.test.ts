import { describe, expect, test } from 'vitest';
import type { Goal } from '../../compiler/code/cost/goal.js';
import { predictInstructions } from '../../compiler/code/cost/instructions.js';
import { predictNative } from '../../compiler/code/cost/native-instructions.js';
import type { BuildEngine } from '../../compiler/code/engines/build-engine.js';
import { Judge } from '../../compiler/judge/measure.js';
import { requirementOf } from '../../compiler/judge/requirement.js';
import { type Model, parameterCount } from '../../compiler/model/types.js';
import { settingsOf } from '../../compiler/pipeline/compile-options.js';
import { compressWithin } from '../../compiler/pipeline/formats-stage.js';
import { graphsOf } from '../../compiler/pipeline/graph-stage.js';
import { isWorthItsBytes, layOutWithinFloats } from '../../compiler/pipeline/worth-its-bytes.js';
import { modelFrom, perceptron } from '../helpers/models.js';

/** A build for speed is larger than the weights as float32 only where that gains a quarter of the time. */

const ISA = 'armv7e-m';
const CASES: [widths: number[], engine: BuildEngine, tolerance: number, expected: Goal][] = [
  [[1, 5, 5, 1], 'wasm3', 1e-3, 'speed'],
  [[2, 8, 8, 1], 'c', 1e-4, 'size'],
];

async function laidOut(model: Model, engine: BuildEngine, goal: Goal, tolerance: number) {
  const requirement = requirementOf(model, tolerance);
  const settings = settingsOf(model, { engine, goal, isa: ISA });
  const graphs = graphsOf(model, model.name, requirement, goal);
  const { fit } = await compressWithin(model, new Judge(model), graphs, requirement, settings);
  const { settings: chosen, lowered } = layOutWithinFloats(model, settings, fit);
  const { table } = lowered;
  const instructions = engine === 'wasm3' ? predictInstructions(table, ISA).instructions : predictNative(table, ISA);
  return { goal: chosen.goal, bytes: table.pool.length, instructions };
}

describe('a build for speed', () => {
  test.each(CASES)('of %j for %s within %d is for %s', async (widths, engine, tolerance, expected) => {
    const model = modelFrom(perceptron(widths));
    const fast = await laidOut(model, engine, 'speed', tolerance);
    const small = await laidOut(model, engine, 'size', tolerance);
    const float32 = 4 * parameterCount(model);
    const why = JSON.stringify({ fast, small, float32 });
    expect(fast.goal, why).toBe(expected);
    if (fast.goal === 'size') expect(fast, why).toEqual(small);
    else expect(fast.bytes <= float32 || isWorthItsBytes(fast, small), why).toBe(true);
  });

  test.each([
    [{ bytes: 900, instructions: 75 }, { bytes: 800, instructions: 100 }, true],
    [{ bytes: 900, instructions: 76 }, { bytes: 800, instructions: 100 }, false],
    [{ bytes: 800, instructions: 100 }, { bytes: 800, instructions: 100 }, true],
  ])('that takes %j, where one for size takes %j', (fast, small, expected) => {
    expect(isWorthItsBytes(fast, small)).toBe(expected);
  });
});
