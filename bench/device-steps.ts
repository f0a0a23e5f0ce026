import { buildForTarget } from '../compiler/deliver/build.js';
import { builtInMemory, type LoadedBuild } from '../compiler/deliver/package/store.js';
import { loadTarget } from '../compiler/deliver/package/targets.js';
import { loadModel } from '../compiler/index.js';
import { uniform } from '../compiler/judge/points/random.js';
import { loadBoard } from '../compiler/run/boards/boards.js';
import { type BoardSteps, stepOnBoard } from '../compiler/run/boards/step-board.js';
import { simulateSteps } from '../compiler/run/steps/trajectory.js';
import { type StepsResult, verifySteps } from '../compiler/run/steps/verify-steps.js';
import { exampleModelFile } from './examples.js';

/** Trajectories of tank-step: how far they are from the float64 rollout, and the same words on boards. */

export const STEPS = 1000;

export interface StepFigures {
  verified: StepsResult;
  /** Of {@link STEPS} steps each, every word as on the host. */
  boards: { figures: BoardSteps; trajectories: number }[];
}

/** @param boards how many trajectories each makes */
export async function stepFigures(boards: Readonly<Record<string, number>>): Promise<StepFigures> {
  const settings = { engine: 'c', compress: 'none' } as const;
  const made = await buildForTarget(loadModel(exampleModelFile('tank-step')), loadTarget('cortex-m4'), settings);
  const build = builtInMemory(made.compiled, made);
  const verified = await verifySteps(build, 'c', { steps: STEPS, tolerance: 1e-2, hold: { t: 1 } });
  const rows: StepFigures['boards'] = [];
  for (const [name, trajectories] of Object.entries(boards)) {
    let figures: BoardSteps | undefined;
    for (let k = 0; k < trajectories; k++) {
      figures = stepOnBoard(loadBoard(name), build, await tankWords(build, k));
    }
    if (figures) rows.push({ figures, trajectories });
  }
  return { verified, boards: rows };
}

/** The words of a trajectory whose initial levels and inflows are anywhere in the box; inflows jump about every 20 steps. */
async function tankWords(build: LoadedBuild, seed: number): Promise<Int32Array> {
  const random = uniform(3000 + seed);
  const levels = Float64Array.of(1 + 20 * random(), 1 + 20 * random());
  let inflow = 10 + 30 * random();
  const drives = Float64Array.from({ length: 2 * STEPS }, (_, i) => {
    if (i % 2) return 1;
    if (random() < 0.05) inflow = 10 + 30 * random();
    return inflow;
  });
  return (await simulateSteps(build, levels, drives, STEPS)).words;
}
