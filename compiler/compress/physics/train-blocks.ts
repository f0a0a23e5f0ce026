import { type Model, parameterCount } from '../../model/types.js';
import { type Descent, type DescentOptions, descend, type Ending } from './descend.js';
import type { Penalty } from './penalties.js';
import { type Trainee, termsOf, traineeOf } from './terms.js';
import {
  type Adaptation,
  type BlockSettings,
  distanceFrom,
  FREE,
  penaltiesOf,
  tangentKernelOf,
  withBlocks,
  withDenseMatrices,
} from './trained-blocks.js';

/** Training with matrices in blocks that are adapted every few steps; see trained-blocks.ts. */

export interface BlockTraining {
  model: Model;
  steps: number;
  ending: Ending;
  /** Mean squares where the loss is not a number; see {@link Descent}. */
  fault?: number[];
  adaptations: Adaptation[];
}

export interface BlockWatch {
  onStep?: (step: number, loss: number, best: number) => void;
  /** Awaited after every step, with the best model in blocks so far; true ends training. */
  checkpoint?: (best: Model) => Promise<boolean>;
  /** Told the model after every part of a round. */
  onPart?: (model: Model, step: number) => void;
}

/**
 * @param common of every descent; its steps are those of all together
 * @param lossOf physics alone, at points that are never trained on
 */
export async function trainBlocks(
  start: Model,
  file: string,
  settings: BlockSettings,
  common: Omit<DescentOptions, 'checkpoint' | 'onStep'>,
  lossOf: (model: Model) => number,
  watch: BlockWatch = {},
): Promise<BlockTraining> {
  let model = start;
  let best: { model: Model; loss: number } | undefined;
  let step = 0;
  const adaptations: Adaptation[] = [];
  const part = async (trainee: Trainee, steps: number, penalties: readonly Penalty[]): Promise<Descent> => {
    const before = step;
    const descent = await descend(trainee, termsOf(trainee.model, trainee.network, file), {
      ...common,
      steps,
      // Other points in every part.
      seed: common.seed + adaptations.length,
      penalties,
      onStep: (n, loss, least) => watch.onStep?.(before + n, loss, least),
      checkpoint: watch.checkpoint && (() => watch.checkpoint!(best?.model ?? start)),
    });
    step += descent.steps;
    watch.onPart?.(trainee.model, step);
    return descent;
  };
  const end = ({ ending, fault }: Pick<Descent, 'ending' | 'fault'>): BlockTraining => {
    return {
      model: best?.model ?? withBlocks(withDenseMatrices(model), settings),
      steps: step,
      ending,
      fault,
      adaptations,
    };
  };
  const isOver = ({ ending }: Descent) => ending === 'interrupted' || ending === 'not a number';
  while (step < common.steps) {
    const round = Math.min(settings.every, common.steps - step);
    const free = Math.min(round - 1, Math.ceil(FREE * settings.every));
    const dense = traineeOf(withDenseMatrices(model), file);
    if (free > 0) {
      const descent = await part(dense, free, []);
      if (isOver(descent)) return end(descent);
    }
    const wanted = tangentKernelOf(dense).matrix();
    const trainee = traineeOf(withBlocks(dense.model, settings), file);
    const after = distanceFrom(trainee, wanted);
    const parameters = { before: parameterCount(dense.model), after: parameterCount(trainee.model) };
    const adaptation: Adaptation = { step, parameters, kernelDistance: { after, later: after } };
    adaptations.push(adaptation);
    const penalties = penaltiesOf(trainee, settings, wanted, lossOf(trainee.model));
    const descent = await part(trainee, Math.max(1, round - Math.max(0, free)), penalties);
    adaptation.kernelDistance.later = distanceFrom(trainee, wanted);
    model = trainee.model;
    const loss = lossOf(model);
    if (!best || loss < best.loss) best = { model, loss };
    if (isOver(descent)) return end(descent);
  }
  return end({ ending: 'all steps taken' });
}
