import type { Engine, EngineName } from '../code/engines/engine.js';
import type { Report } from '../deliver/package/report.js';
import type { LoadedBuild } from '../deliver/package/store.js';
import { PinnEdgeError } from '../diagnostics.js';
import { type OutputError, summarizeErrors } from '../judge/errors.js';
import { Judge, type PointFunction, SEEDS } from '../judge/measure.js';
import { coveringPoints } from '../judge/points/cover.js';
import { keepsTolerance, type Requirement, type RequirementLike, requirementOf } from '../judge/requirement.js';
import { inputBox } from '../model/box.js';
import { exactSolutions } from '../model/physics.js';
import type { Model } from '../model/types.js';
import { hasPhysics, measurePhysics, type PhysicsResult } from './physics.js';
import { defaultEngine, pointEvaluator } from './simulate.js';
import { type StepsResult, type StepsWish, verifySteps } from './steps/verify-steps.js';

/** Measures the module that a build wrote against the float reference and, where there is one, the exact solution. */

/** What a build is held to, and how it is run. */
export interface VerifyOptions {
  /** Default: what the build was made to keep; a number is relative. */
  tolerance?: RequirementLike;
  /** Sobol points; corners, faces and local searches come on top. */
  samples?: number;
  engine?: EngineName | Engine;
  /** Residuals, conditions and data of the physics block and distances from the exact solution as well. */
  physics?: boolean;
  /** Trajectories as well, of a step model. */
  steps?: StepsWish;
}

/** What was measured; `pass` is all that a tolerance asks. */
export interface VerifyResult {
  pass: boolean;
  tolerance: Requirement;
  /** Name of the engine or board. */
  engine: string;
  /** Points evaluated, searches included. */
  samples: number;
  /** Against the float reference. */
  outputs: OutputError[];
  /** Where outputs jump: beside these places the value of either side is right. */
  jumps: NonNullable<Report['jumps']>;
  /** Against the exact solution, of the outputs that have one: the module, and the float network itself. */
  exact: { module: OutputError; network: OutputError }[];
  /** Where it was asked for. */
  physics?: PhysicsResult;
  steps?: StepsResult;
}

/**
 * Measures a build's error against the float64 reference on points over the whole input box, none of which the build has
 * seen but for corners, and by searches for worse ones; see judge/. A relative tolerance is of the largest |reference| of
 * each output, and a third of it is what the relative L2 error may take.
 *
 * @throws PE4008 where physics are asked for and the model says nothing of them
 */
export async function verify(build: LoadedBuild, options: VerifyOptions = {}): Promise<VerifyResult> {
  const { engine = defaultEngine(build) } = options;
  const { model, report } = build;
  if (options.physics && !hasPhysics(model)) throw new PinnEdgeError('PE4008', { model: model.name });
  const tolerance = requirementOf(model, asked(options.tolerance, report.tolerance));
  const evaluator = await pointEvaluator(build, engine);
  try {
    const judge = new Judge(model);
    const { samples: usual, seed } = judge.defaultLook(SEEDS.verify);
    const samples = options.samples ?? usual;
    const jumps = judge
      .lookForJumps(judge.roughAllowances(tolerance))
      .map((jump) => ({ ...jump, output: model.outputs[jump.output].name }));
    const measured = judge.measure(evaluator.run, { samples, seed });
    const pass = measured.outputs.every((output) => keepsTolerance(tolerance, output));
    const exact = againstExact(model, evaluator.run, judge, samples);
    const physics = options.physics
      ? measurePhysics(model, build.compressed, evaluator.run, coveringPoints(judge.box, samples))
      : undefined;
    const steps = options.steps && (await verifySteps(build, engine, options.steps));
    const found = { samples: measured.points, outputs: measured.outputs, jumps, exact, physics, steps };
    return { pass: pass && (steps?.pass ?? true), tolerance, engine: evaluator.name, ...found };
  } finally {
    evaluator.dispose();
  }
}

/** Outputs that are not named keep the build's tolerance. */
function asked(given: RequirementLike | undefined, built: Requirement): RequirementLike {
  if (given === undefined) return built;
  const isNamedOnly = typeof given === 'object' && !('all' in given) && 'outputs' in given;
  return isNamedOnly ? { all: built.all, outputs: { ...built.outputs, ...given.outputs } } : given;
}

function againstExact(model: Model, module: PointFunction, judge: Judge, samples: number): VerifyResult['exact'] {
  const solutions = exactSolutions(model);
  const kept = model.outputs
    .map((output, index) => ({ output, index }))
    .filter(({ output }) => solutions.has(output.name));
  if (!kept.length) return [];
  const d = model.inputs.length;
  const part = { inputs: model.inputs, outputs: kept.map(({ output }) => output) };
  const points = coveringPoints(inputBox(model.inputs), samples);
  const exact = mapPoints(points, d, kept.length, (point, k) => solutions.get(kept[k].output.name)!(point));
  const errorsOf = (all: Float64Array) => {
    const chosen = mapPoints(points, d, kept.length, (_, k, p) => all[p * model.outputs.length + kept[k].index]);
    return summarizeErrors(part, points, exact, chosen, points.length / d);
  };
  const networkErrors = errorsOf(judge.reference(points));
  return errorsOf(module(points)).map((error, k) => ({ module: error, network: networkErrors[k] }));
}

function mapPoints(
  points: Float64Array,
  d: number,
  width: number,
  f: (point: Float64Array, k: number, p: number) => number,
): Float64Array {
  return Float64Array.from({ length: (points.length / d) * width }, (_, i) => {
    const p = Math.floor(i / width);
    return f(points.subarray(p * d, (p + 1) * d), i % width, p);
  });
}
