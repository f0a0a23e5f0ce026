import { expect, it } from 'vitest';
import { buildForTarget } from '../../compiler/deliver/build.js';
import { builtInMemory } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { loadModel } from '../../compiler/index.js';
import { stepOnBoard } from '../../compiler/run/boards/step-board.js';
import { simulateSteps } from '../../compiler/run/steps/trajectory.js';
import { verifySteps } from '../../compiler/run/steps/verify-steps.js';
import { BOARDS, exampleFile } from '../boards/setup.js';

/** The example tank-step: 1,000 steps beside the float64 network, and on boards. */

const settings = { engine: 'c', compress: 'none' } as const;
const made = await buildForTarget(loadModel(exampleFile('tank-step')), loadTarget('cortex-m4'), settings);
const build = builtInMemory(made.compiled, made);
/** Instructions of a step (of the rp2040 cycles), which must not grow by more than 3 %. */
const INSTRUCTIONS: Record<string, number> = {
  'cortex-m0': 12_729,
  'cortex-m3': 4182,
  'cortex-m33': 2233,
  'cortex-m4': 2232,
  'cortex-m7': 2364,
  rp2040: 17_329,
  rv32imc: 5836,
  xtensa: 11_229,
};
const GROWTH = 1.03;
const STEPS = 1000;
/** The rp2040 is emulated in this process, which takes its time. */
const stepsOn = (name: string) => (name === 'rp2040' ? 100 : STEPS);
const drives = Float64Array.from({ length: 2 * STEPS }, (_, i) => (i % 2 ? 1 : 25 + 15 * Math.sin(i)));
const trajectory = await simulateSteps(build, Float64Array.of(2, 18), drives, STEPS);

it.each<Record<string, number>>([{ t: 1 }, {}])(
  'stays within a hundredth of the range for 1,000 steps (held: %o)',
  async (hold) => {
    const result = await verifySteps(build, 'c', { steps: 1000, tolerance: 1e-2, hold });
    expect(result).toMatchObject({ pass: true, left: 0, trajectories: 200 });
    expect(result.distances.at(-1)!.largest).toBeLessThan(2e-3);
  },
);

it('keeps its size', () => {
  expect(made.report.modelBytes).toBeLessThanOrEqual(2050 * GROWTH);
});

for (const { name, board, isSkipped } of BOARDS) {
  it.skipIf(isSkipped)(`makes the host's words on ${name}, within its budget`, () => {
    const words = trajectory.words.subarray(0, stepsOn(name) * build.runnable.inputCount);
    const { instructions, evaluationInstructions } = stepOnBoard(board, build, words);
    expect(instructions / evaluationInstructions).toBeLessThan(1.1);
    expect(instructions, name).toBeLessThanOrEqual(GROWTH * (INSTRUCTIONS[name] ?? 0));
  });
}
