import { PinnEdgeError } from '../../diagnostics.js';
import type { Model } from '../../model/types.js';
import type { Checkpoint } from '../refine/refine.js';
import { Collocation } from './collocation.js';
import { descend, type Ending, type Method } from './descend.js';
import { initialWeights } from './initial-weights.js';
import { type Loss, lossOf } from './objective.js';
import { stagesOf } from './stages.js';
import { type Trainee, termsOf, traineeOf } from './terms.js';
import { trainBlocks } from './train-blocks.js';
import type { Adaptation, BlockSettings } from './trained-blocks.js';

/**
 * Training on the physics: residuals, conditions and data of the physics block are least-squares terms, with exact
 * derivatives as nodes of the graph. The best weights are those of the smallest loss at points that are never trained on.
 * Equal settings give equal weights.
 */

export const TRAIN_METHODS = ['auto', 'lm', 'adam', 'lbfgs'] as const;
export type TrainMethod = (typeof TRAIN_METHODS)[number];

export interface TrainSettings {
  method: TrainMethod;
  /** Begin with fresh weights of the seed rather than with those of the model. */
  init: boolean;
  seed: number;
  /** Default: by the method. */
  steps?: number;
  /** Points of the residuals, default: by the number of weights. */
  points?: number;
  /** The input that is time, for causal weights. */
  causal?: string;
  /** Parameters of the physics that begin with these values. */
  from: Readonly<Record<string, number>>;
  /** Names of tensors that stay as they are. */
  frozen: readonly string[];
  /** Matrices in blocks that are adapted on the way; neither `from` nor `frozen` go with it. */
  blocks?: BlockSettings;
}

export interface TrainProgress {
  step: number;
  of: number;
  stage: string;
  method: string;
  /** Loss at the points of the step, and the smallest at points that are never trained on. */
  loss: number;
  best: number;
}

export interface TrainWatch {
  onProgress?: (progress: TrainProgress) => void;
  /** Awaited after every step, with the best model so far; true ends training with it. */
  checkpoint?: (best: () => Model) => ReturnType<Checkpoint>;
}

export interface TermLoss {
  name: string;
  /** The root of its mean square, in its unit, before and after. */
  before: number;
  after: number;
}

export interface Trained {
  model: Model;
  /** Numbers that were trained. */
  weights: number;
  steps: number;
  stopped: Ending;
  /** Where the loss is not a number. */
  fault?: string;
  loss: { before: number; after: number };
  terms: TermLoss[];
  /** Of matrices in blocks. */
  adaptations?: Adaptation[];
}

/** Networks of more weights are trained by gradients alone: a step of Levenberg-Marquardt would take seconds. */
const LARGEST_SECOND_ORDER = 3500;
const STEPS = { lm: 300, adam: 6000, lbfgs: 2000 } as const;
/** Points at which losses are compared. */
const POINTS = 2400;

/** @throws PE4301, PE4302, PE4304, PE4305 where there is nothing to train or to be trained on, PE4303 for a loss without a value */
export async function trainModel(
  given: Model,
  file: string,
  settings: TrainSettings,
  watch: TrainWatch = {},
): Promise<Trained> {
  requireTrainable(given);
  const { init, seed, frozen, from } = settings;
  const start = init ? initialWeights(given, seed, frozen) : given;
  const trainee = traineeOf(start, file, frozen);
  const weights = trainee.layout.size;
  if (!weights) throw new PinnEdgeError('PE4305', { model: given.name });
  const phases = phasesOf(settings, weights);
  const of = phases.reduce((n, { steps }) => n + steps, 0);
  const names = termsOf(trainee.model, trainee.network, file).flatMap((term) => [...term.names]);
  const input = trainee.model.inputs.findIndex(({ name }) => name === settings.causal);
  const common = { seed, points: settings.points, causal: input < 0 ? undefined : input };
  const faultOf = (squares: readonly number[]) => names[squares.findIndex((v) => !Number.isFinite(v))] ?? 'all of it';
  const before = lossAtCheck(trainee, seed, file);
  if (!Number.isFinite(before.total)) {
    const kept = 'nothing was written: the model is not finite somewhere in the box before it is trained';
    throw new PinnEdgeError('PE4303', { step: 0, term: faultOf(before.terms), kept });
  }
  const result = (model: Model, steps: number, ending: Ending, fault?: number[]): Trained => {
    const after = lossAtCheck(traineeOf(model, file), seed, file);
    return {
      model,
      weights,
      steps,
      stopped: ending,
      fault: fault && faultOf(fault),
      loss: { before: before.total, after: after.total },
      terms: names.map((name, i) => ({ name, before: Math.sqrt(before.terms[i]), after: Math.sqrt(after.terms[i]) })),
    };
  };
  const { onProgress, checkpoint } = watch;
  if (settings.blocks) {
    const { method } = phases[0];
    const loss = (model: Model) => lossAtCheck(traineeOf(model, file), seed, file).total;
    const found = await trainBlocks(trainee.model, file, settings.blocks, { ...common, method, steps: of }, loss, {
      onStep: (step, now, best) => onProgress?.({ step, of, stage: 'in blocks', method, loss: now, best }),
      checkpoint: checkpoint && ((best) => checkpoint(() => best)),
    });
    return { ...result(found.model, found.steps, found.ending, found.fault), adaptations: found.adaptations };
  }
  let [step, stopped, fault]: [number, Ending, number[] | undefined] = [0, 'all steps taken', undefined];
  const plan = phases.flatMap(({ method, steps }, k) =>
    stagesOf(trainee.model, k === 0 ? from : {}, steps).map((stage) => ({ ...stage, method })),
  );
  for (const { model, steps, title: stage, method } of plan) {
    const done = step;
    const descent = await descend(trainee, termsOf(model, trainee.network, file), {
      ...common,
      method,
      steps,
      onStep: (n, loss, best) => onProgress?.({ step: done + n, of, stage, method, loss, best }),
      checkpoint: checkpoint && ((best) => checkpoint(() => withParameters(trainee, best))),
    });
    step += descent.steps;
    stopped = descent.ending;
    fault = descent.fault ?? fault;
    if (stopped === 'interrupted' || stopped === 'not a number') break;
  }
  return result(trainee.model, step, stopped, fault);
}

/** The loss of the physics at points that are never trained on. */
function lossAtCheck({ model, network, inputCount }: Trainee, seed: number, file: string): Loss {
  const terms = termsOf(model, network, file);
  return lossOf(new Collocation(terms, { count: POINTS, seed, inputCount }).check(), inputCount);
}

/** @throws PE4301, PE4302 */
export function requireTrainable({ name, physics }: Model): void {
  const { residuals = [], conditions, data = [] } = physics ?? {};
  const docs = 'docs/model-file.md';
  const measured = data.some(({ weight }) => weight !== 0);
  if (!residuals.length && !conditions?.length && !measured) throw new PinnEdgeError('PE4301', { model: name, docs });
  if (residuals.length && !conditions && !measured) throw new PinnEdgeError('PE4302', { model: name, docs });
}

interface Phase {
  method: Method;
  steps: number;
}

function phasesOf({ method, steps }: TrainSettings, weights: number): Phase[] {
  if (method !== 'auto') return [{ method, steps: steps ?? STEPS[method] }];
  if (weights <= LARGEST_SECOND_ORDER) return [{ method: 'lm', steps: steps ?? STEPS.lm }];
  const adam = steps === undefined ? STEPS.adam : Math.ceil((3 * steps) / 4);
  return [
    { method: 'adam', steps: adam },
    { method: 'lbfgs', steps: steps === undefined ? STEPS.lbfgs : steps - adam },
  ];
}

/** A model of its own with these weights. */
function withParameters({ model, layout: { offsets } }: Trainee, theta: Float64Array): Model {
  const tensors = new Map(
    [...model.tensors].map(([name, { shape, data }]) => {
      const at = offsets.get(data);
      return [name, { shape, data: at === undefined ? data : theta.slice(at, at + data.length) }];
    }),
  );
  return { ...model, tensors };
}
