import {
  compileStepModule,
  type DeviceOptions,
  hashOf,
  lossOf,
  trainingOptions,
} from '../compiler/compress/integer-training/device/step-module.js';
import { errorAgainst, poisson, referenceAt } from '../compiler/compress/integer-training/problems.js';
import { gaussHermiteRule } from '../compiler/compress/integer-training/stein.js';
import { macsPerRow } from '../compiler/compress/integer-training/trained-layers.js';
import { createTraining } from '../compiler/compress/integer-training/training.js';
import { sobolPoints } from '../compiler/judge/points/sobol.js';
import { loadBoard } from '../compiler/run/boards/boards.js';
import { missingTools } from '../compiler/run/boards/tools.js';
import { trainOnBoard } from '../compiler/run/boards/train-board.js';

/** Poisson's equation learned on emulated boards. */

export const BOARD_NAMES = ['cortex-m4', 'rv32imc'] as const;

export const DEVICE: DeviceOptions = {
  width: 16,
  steps: 200,
  points: 8,
  conditionPoints: 8,
  rate: 0.02,
  sigma: 0.01,
  seed: 1,
  rounding: 'stochastic',
};

export interface BoardRow {
  board: string;
  steps: number;
  /** Of a step. */
  instructions: number;
  macs: number;
  ramBytes: number;
  memoryBytes: number;
  heapBytes: number;
  stackBytes: number;
  moduleBytes: number;
  /** After the first step and the last, the same here and there in every bit, as all between and every weight. */
  losses: [number, number];
  /** Relative L2 error of the network at the end. */
  error: number;
}

const LIMIT_SECONDS = 7200;

/** Undefined where the board's tools are not installed. @throws Error where a bit differs */
export async function measureBoard(name: string): Promise<BoardRow | undefined> {
  const board = loadBoard(name);
  if (missingTools(board).length) return undefined;
  const module = await compileStepModule(DEVICE);
  const there = trainOnBoard(board, module, DEVICE.steps, LIMIT_SECONDS);
  const problem = poisson();
  const training = createTraining(problem, trainingOptions(DEVICE));
  const losses = Array.from({ length: DEVICE.steps }, (_, step) => {
    const loss = training.step();
    const words = there.words.subarray(5 * step, 5 * step + 5);
    if (loss !== lossOf(words, DEVICE) || hashOf(training.layers) !== words[4]) {
      throw new Error(`step ${step} on ${name} differs from the host's`);
    }
    return loss;
  });
  const points = sobolPoints(128, 2, 1000);
  const paths = 1 + 2 * gaussHermiteRule(DEVICE.sigma, 2).pairs;
  return {
    board: name,
    steps: DEVICE.steps,
    instructions: there.instructions,
    macs: 3 * (DEVICE.points * paths + DEVICE.conditionPoints) * macsPerRow(training.layers),
    ramBytes: there.ramBytes,
    memoryBytes: there.memoryBytes,
    heapBytes: there.heapBytes,
    stackBytes: there.stackBytes,
    moduleBytes: module.wasm.length,
    losses: [losses[0], losses[DEVICE.steps - 1]],
    error: errorAgainst(problem, points, training.values(points), referenceAt(problem, points)),
  };
}
