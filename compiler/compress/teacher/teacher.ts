import { evaluateIr } from '../../ir/evaluate.js';
import { laneOutputs } from '../../ir/lanes/jobs.js';
import { irParameterCount } from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import { concatPoints, cornerPoints, edgePoints, interiorPoints } from '../../judge/points/cover.js';
import type { Box } from '../../model/box.js';

/**
 * The float64 network as a teacher: exact answers anywhere in the input box, for as many points as one likes.
 * Errors are counted in units of the allowed error of each output, so 1 is the whole tolerance.
 */
export interface Teacher {
  /** What the network itself gives: compression changes this graph, and what is sent is derived from it. */
  readonly graph: IrGraph;
  /** The graph of what is sent, from one of the network: with its very arrays of weights, so it follows their changes. */
  readonly sent: (graph: IrGraph) => IrGraph;
  readonly box: Box;
  readonly inputCount: number;
  /** Allowed absolute error of each component of what is sent. */
  readonly allowances: Float64Array;
  /** Largest magnitude of each output that is sent, its offset included, in the units of the graph's output. */
  readonly largestOutputs: Float64Array;
  /**
   * Allowed root mean square error of each component, in units of its allowance: the relative L2 error may take a share
   * of the tolerance only.
   */
  readonly rmsLimits: Float64Array;
  /** Part of the Sobol sequence from which points are drawn: different seeds use disjoint stretches. */
  readonly seed: number;
  /** Of what is derived from a network: the teacher of the network's own outputs, which derivatives follow. */
  readonly values?: Teacher;
  /** Further points to learn from, row-major [points x inputs]: where a step model is when it runs. */
  readonly trajectories?: Float64Array;
}

/** Points with the teacher's answers there. */
export interface Samples {
  readonly count: number;
  /** How many of them, the first ones, are spread evenly over the inside of the box: what means are taken over. */
  readonly interior: number;
  /** Row-major [count x inputs]. */
  readonly points: Float64Array;
  /** Row-major [count x outputs], in the units of the graph's output. */
  readonly wanted: Float64Array;
}

const NONE = new Float64Array(0);

/** Points per call of the evaluator: bounds memory, and keeps the values of wide layers near the cache. */
const CHUNK = 512;

/** Training points come from a stretch of the Sobol sequence that no check of a finished build ever reads. */
const TRAINING_SKIP = 1 << 17;
const POOL_SKIP = 1 << 18;
const UNSEEN_SKIP = 3 << 17;
const UNSEEN_POINTS = 8192;
const POOL_POINTS = 6144;
const SEED_STRIDE = 1 << 15;
/** Stretches of the sequence where climbing starts, with at most so many points and multiply-adds: some seconds. */
const CLIMB_STARTS = {
  search: { skip: 1 << 19, points: 1 << 15, work: 1e9 },
  check: { skip: 1 << 20, points: 1 << 16, work: 2e9 },
} as const;

/** Outputs of a graph, row-major [count x outputs]. */
export function evaluateOutputs(graph: IrGraph, points: Float64Array, inputCount: number): Float64Array {
  const lanes = laneOutputs(graph, points, inputCount);
  if (lanes) return lanes;
  const count = points.length / inputCount;
  const width = graph.output.width;
  const out = new Float64Array(count * width);
  for (let p = 0; p < count; p += CHUNK) {
    const chunk = points.subarray(p * inputCount, Math.min(count, p + CHUNK) * inputCount);
    out.set(evaluateIr(graph, chunk, inputCount).get(graph.output)!, p * width);
  }
  return out;
}

export function askTeacher(teacher: Teacher, points: Float64Array, interior = 0): Samples {
  const wanted = evaluateOutputs(teacher.sent(teacher.graph), points, teacher.inputCount);
  return { count: points.length / teacher.inputCount, interior, points, wanted };
}

/** Interior, faces and corners to learn from. */
export function trainingPoints({ box, seed, trajectories = NONE }: Teacher, count: number): Float64Array {
  const skip = TRAINING_SKIP + (seed % 4) * SEED_STRIDE;
  return concatPoints([cornerPoints(box), edgePoints(box, count >> 2), interiorPoints(box, count, skip), trajectories]);
}

/** A dense set in which the points with the largest errors are looked for. */
export function makePool(teacher: Teacher): Samples {
  const { box, seed, trajectories = NONE } = teacher;
  const interior = interiorPoints(box, POOL_POINTS, POOL_SKIP + (seed % 4) * SEED_STRIDE);
  return askTeacher(
    teacher,
    concatPoints([interior, edgePoints(box, POOL_POINTS >> 1), cornerPoints(box), trajectories]),
    POOL_POINTS,
  );
}

/** Points that neither learning nor the choice of training points has seen. */
export function unseenSamples(teacher: Teacher): Samples {
  const { box, seed } = teacher;
  const interior = interiorPoints(box, UNSEEN_POINTS, UNSEEN_SKIP + (seed % 4) * SEED_STRIDE);
  return askTeacher(teacher, concatPoints([interior, cornerPoints(box)]), UNSEEN_POINTS);
}

/**
 * Points for climbing to start from, as many as the work of evaluating the teacher allows: steep neurons in a box of several
 * inputs have peaks that fewer points miss.
 */
export function moreSamples(teacher: Teacher, where: keyof typeof CLIMB_STARTS): Samples {
  const { box, seed, graph } = teacher;
  const { skip, points: most, work } = CLIMB_STARTS[where];
  const count = Math.min(most, Math.max(UNSEEN_POINTS, Math.floor(work / (irParameterCount(graph) + 1))));
  const points = interiorPoints(box, count, skip + (seed % 4) * most);
  return askTeacher(teacher, concatPoints([points, cornerPoints(box)]), count);
}

/** The given samples and more. */
export function joinSamples(a: Samples, b: Samples): Samples {
  return {
    count: a.count + b.count,
    interior: a.interior,
    points: concatPoints([a.points, b.points]),
    wanted: concatPoints([a.wanted, b.wanted]),
  };
}

/** The samples of the given indices. */
export function selectSamples(samples: Samples, chosen: readonly number[], inputCount: number): Samples {
  const width = samples.wanted.length / samples.count;
  const points = new Float64Array(chosen.length * inputCount);
  const wanted = new Float64Array(chosen.length * width);
  chosen.forEach((p, i) => {
    points.set(samples.points.subarray(p * inputCount, (p + 1) * inputCount), i * inputCount);
    wanted.set(samples.wanted.subarray(p * width, (p + 1) * width), i * width);
  });
  return { count: chosen.length, interior: 0, points, wanted };
}

/** Errors of a graph in units of the allowances, row-major [count x outputs]. */
export function residuals(teacher: Teacher, graph: IrGraph, samples: Samples): Float64Array {
  const got = evaluateOutputs(teacher.sent(graph), samples.points, teacher.inputCount);
  const width = teacher.allowances.length;
  for (let i = 0; i < got.length; i++) got[i] = (got[i] - samples.wanted[i]) / teacher.allowances[i % width];
  return got;
}

export interface ToleranceShare {
  /** How much of the tolerance is taken, 1 = all: by largest errors or root mean squares, whichever are nearer to their limits. */
  share: number;
  /** True when it is a largest error. */
  peaked: boolean;
  /** The same per output. */
  outputs: number[];
}

/**
 * @param errors residuals, row-major [points x outputs]
 * @param interior how many points, the first ones, means are taken over
 */
export function toleranceShare(
  { allowances, rmsLimits }: Teacher,
  errors: Float64Array,
  interior: number,
): ToleranceShare {
  const width = allowances.length;
  const peaks = new Array<number>(width).fill(0);
  const squares = new Array<number>(width).fill(0);
  for (let i = 0; i < errors.length; i++) {
    const r = Number.isNaN(errors[i]) ? Number.POSITIVE_INFINITY : Math.abs(errors[i]);
    peaks[i % width] = Math.max(peaks[i % width], r);
    if (i < interior * width) squares[i % width] += r * r;
  }
  const means = squares.map((sum, k) => (sum > 0 ? Math.sqrt(sum / interior) / rmsLimits[k] : 0));
  const [peak, rms] = [Math.max(...peaks), Math.max(...means)];
  return { share: Math.max(peak, rms), peaked: peak >= rms, outputs: peaks.map((p, k) => Math.max(p, means[k])) };
}

/** {@link toleranceShare} of a graph at sample points. */
export function shareOf(teacher: Teacher, graph: IrGraph, samples: Samples): number {
  return toleranceShare(teacher, residuals(teacher, graph, samples), samples.interior).share;
}

/** Largest error over the largest output, of residuals, row-major [points x outputs]; the worst output counts. */
export function relativeErrorOf({ allowances, largestOutputs }: Teacher, errors: Float64Array): number {
  const width = allowances.length;
  return errors.reduce((most, r, i) => {
    const k = i % width;
    return largestOutputs[k] > 0 ? Math.max(most, (Math.abs(r) * allowances[k]) / largestOutputs[k]) : most;
  }, 0);
}

/** Largest |residual|; infinite where one is not a number. */
export function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) {
    const magnitude = Math.abs(value);
    if (!(magnitude <= most)) most = Number.isNaN(magnitude) ? Number.POSITIVE_INFINITY : magnitude;
  }
  return most;
}
