import { expect, test } from 'vitest';
import { boardStepsNote, runSteps } from '../../compiler/commands/steps.js';
import { stepOnBoard } from '../../compiler/run/boards/step-board.js';
import { STEP } from '../../compiler/run/steps/rollout.js';
import { simulateSteps } from '../../compiler/run/steps/trajectory.js';
import { perceptron } from '../helpers/models.js';
import { pendulum, stepBuild } from '../steps/helpers.js';
import { BOARDS } from './setup.js';

/** Trajectories on every board, by both engines: each word and result of pe_step as on the host. */

/** A pendulum whose force is a little network: of the size of an evaluation, as a model's. */
const network = pendulum((m) => {
  const { tensors, nodes } = perceptron([3, 16, 16, 1]) as { tensors: object; nodes: { inputs: string[] }[] };
  const [, ...layers] = nodes;
  Object.assign(m, { tensors });
  const own = m.nodes as { name: string; inputs: string[] }[];
  own.push({ name: 'v0', op: 'concat', inputs: ['u', 'theta', 'omega'] } as never, ...(layers as never[]));
  own.find(({ name }) => name === 'force')!.inputs = ['sine', 'z3'];
});
const builds = await Promise.all([stepBuild('c', network), stepBuild('wasm3', network)]);
const STEPS = 50;
/** Beyond the range of u here and there, and hard enough for the state to leave its own. */
const drives = Float64Array.from({ length: STEPS }, (_, k) => 0.6 * Math.sin(0.2 * k));
const trajectories = await Promise.all(
  builds.map((build) => simulateSteps(build, Float64Array.of(1.9, 1.5), drives, STEPS)),
);

test('the trajectory meets every result', () => {
  for (const { statuses } of trajectories) expect(new Set(statuses)).toEqual(new Set(Object.values(STEP)));
});

for (const { name, board, isSkipped } of BOARDS) {
  test.skipIf(isSkipped)(
    `${name}: every word, and at most a tenth more than an evaluation`,
    () => {
      for (const [i, build] of builds.entries()) {
        const figures = stepOnBoard(board, build, trajectories[i].words);
        expect(figures.steps).toBe(STEPS);
        expect(figures.instructions / figures.evaluationInstructions).toBeLessThan(1.1);
        expect(figures.instructions).toBeGreaterThan(figures.evaluationInstructions);
      }
    },
    240_000,
  );
}

const { board, isSkipped } = BOARDS.find(({ name }) => name === 'cortex-m4')!;

test.skipIf(isSkipped)(
  'a step of four nodes takes ten instructions per state more than an evaluation, a little more where one is held',
  async () => {
    const build = await stepBuild('c');
    const { words } = await simulateSteps(build, Float64Array.of(1.9, 1.5), drives, STEPS);
    const { instructions, evaluationInstructions } = stepOnBoard(board, build, words);
    expect(evaluationInstructions).toBeLessThan(250);
    expect(instructions - evaluationInstructions).toBeLessThan(24);
  },
);

test.skipIf(isSkipped)('a word that differs is found', () => {
  const words = trajectories[0].words.slice();
  words[3 * 20 + 1] ^= 1;
  expect(() => stepOnBoard(board, builds[0], words)).toThrow('disagree');
});

test.skipIf(isSkipped)('simulate --steps --on says what a step takes', async () => {
  const job = { steps: 40, initial: { theta: 1, omega: 0 }, hold: { u: 0.1 } };
  const { table, board: figures } = await runSteps(builds[0], { ...job, on: 'cortex-m4' });
  expect(table.rows).toHaveLength(41);
  expect(boardStepsNote(figures!)).toMatch(
    /cortex-m4, emulated: every word as on the host \(40 steps\); [\d,]+ instructions per step, 1\.0\d\d times/,
  );
  await expect(runSteps(builds[0], { ...job, on: 'cortex-m4', engine: 'c' })).rejects.toThrow(
    'give one of them, not both',
  );
  await expect(runSteps(builds[0], { ...job, on: 'cortex-m9' })).rejects.toThrow('unknown board "cortex-m9"');
});
