import { sentGraph } from '../ir/derive/derived-outputs.js';
import { buildIr } from '../ir/from-model.js';
import { evaluationWork } from '../ir/parameters.js';
import { foldGraph } from '../ir/simplify.js';
import type { IrGraph } from '../ir/types.js';
import { type Box, inputBox } from '../model/box.js';
import { onlyOutput } from '../model/derivatives.js';
import type { Model } from '../model/types.js';
import { errorsOf, type Measurement, type OutputError, relativeTo, summarizeErrors } from './errors.js';
import { featurePoints } from './features.js';
import { inputSlopes, steepest } from './gradients.js';
import { type Jump, Jumps } from './jumps.js';
import { concatPoints, cornerPoints, coveringPoints, edgePoints, interiorPoints } from './points/cover.js';
import { evaluateReference } from './reference/evaluate.js';
import { type Requirement, toleranceOf } from './requirement.js';
import { searchWorst } from './worst-point.js';

/**
 * The judge of errors: an approximation against the float64 reference over the input box, at Sobol points, corners, faces,
 * the features of the networks and where they are steepest, and from the worst of these by a search for worse ones.
 */

/** Engineering values in, row-major [points x inputs]; engineering values out, row-major [points x outputs]. */
export type PointFunction = (points: Float64Array) => Float64Array;

/** How hard to look, and at which points. */
export interface Look {
  /** Sobol points; faces, corners, features and the searches grow with them. */
  samples: number;
  /** Different seeds see disjoint Sobol points, and search from other starts by other moves. */
  seed: number;
}

/** An approximation as a smooth function. */
export interface Edge {
  /** With its weights as they are stored. */
  graph: IrGraph;
  /** Points of interest, row-major [count x inputs]; see features.ts. */
  features: Float64Array;
}

/**
 * A build checks its formats with one seed and confirms those it takes with another, since they were chosen by the first, and
 * with a third one those that come close to the limit; `verify` looks at points that none of these has seen.
 */
export const SEEDS = { build: 0, verify: 1, confirm: 2, close: 3 } as const;

const MOST_SAMPLES = 16_384;
const FEWEST_SAMPLES = 2048;
/** Parameters times Sobol points of a default look: the larger the network, the fewer points, so that it takes seconds. */
const LOOK_WORK = 3e8;
/** Sobol points between the stretches of two seeds. */
const SEED_STRIDE = 2 ** 24;
/** One climber of a search for so many samples, and how few at least. */
const SAMPLES_PER_CLIMBER = 64;
const FEWEST_CLIMBERS = 32;
/** More outputs than this share the climbers of so many: every point costs all of them. */
const SEARCHED_OUTPUTS = 4;
/** Of the Sobol points so many are looked at for where the networks are steepest; of these, one in so many. */
const STEEPNESS_POINTS = 2048;
const STEEPEST_SHARE = 1 / 16;
const ROUGH_POINTS = 512;

/** Judges approximations of one model. The same looks see the same points; the reference is evaluated there once. */
export class Judge {
  readonly box: Box;
  /** The reference as a graph, folded: for gradients and features; errors are judged by the reference itself. */
  readonly graph: IrGraph;
  private readonly samples = new Map<string, { points: Float64Array; wanted: Float64Array; interior: number }>();
  private readonly found = new Map<number, Float64Array>();
  private readonly alone: readonly Model[];
  private jumps?: Jumps;

  constructor(private readonly model: Model) {
    this.box = inputBox(model.inputs);
    this.alone = model.outputs.map((output) => onlyOutput(model, output));
    this.graph = sentGraph(model, foldGraph(buildIr(model)));
  }

  /** As many samples as suit the size of the network. */
  defaultLook(seed: number): Look {
    const affordable = Math.floor(LOOK_WORK / (1 + evaluationWork(this.graph)));
    return { samples: Math.max(FEWEST_SAMPLES, Math.min(MOST_SAMPLES, affordable)), seed };
  }

  /**
   * The error of every output; what is not a number counts as infinite.
   * @param edge the approximation as a float graph, where there is one: its features and slopes lead to its errors
   */
  measure(approximation: PointFunction, look: Look, edge?: Edge): Measurement {
    const { model, box } = this;
    const width = model.outputs.length;
    const known = this.known(look);
    const more = edge ? concatPoints([edge.features, this.steepestOf(edge.graph, look)]) : new Float64Array();
    const points = concatPoints([known.points, more]);
    const got = approximation(points);
    const wanted = this.nearerSide(points, concatPoints([known.wanted, this.reference(more)]), got);
    const outputs = summarizeErrors(model, points, wanted, got, known.interior);
    let count = wanted.length / width;
    const share = Math.min(1, SEARCHED_OUTPUTS / width);
    outputs.forEach((output, k) => {
      const found = searchWorst(points, errorsOf(wanted, got, k, width), box, this.errorAt(approximation, output, k), {
        climbers: Math.max(FEWEST_CLIMBERS, Math.floor((share * look.samples) / SAMPLES_PER_CLIMBER)),
        seed: look.seed * width + k,
        slope: edge && ((at) => this.errorSlopes(at, approximation, edge.graph, k)),
      });
      count += found.tried;
      if (found.error > output.maxAbsolute) Object.assign(output, { maxAbsolute: found.error, worstAt: found.at });
      output.maxRelative = relativeTo(output.maxAbsolute, output.largestReference);
    });
    return { outputs, points: count };
  }

  reference(points: Float64Array): Float64Array {
    return evaluateReference(this.model, points);
  }

  /** Output k alone: with no more derivatives than it takes. */
  private referenceOf(points: Float64Array, k: number): Float64Array {
    return evaluateReference(this.alone[k], points);
  }

  /** Allowed errors by the largest |reference| at some points; infinite for an output that is zero there. */
  roughAllowances(requirement: Requirement): number[] {
    const { outputs } = this.model;
    const largest = new Array<number>(outputs.length).fill(0);
    this.reference(coveringPoints(this.box, ROUGH_POINTS)).forEach((value, i) => {
      largest[i % outputs.length] = Math.max(largest[i % outputs.length], Math.abs(value));
    });
    return outputs.map(({ name }, k) => {
      const tolerance = toleranceOf(requirement, name);
      if ('absolute' in tolerance) return tolerance.absolute;
      return largest[k] > 0 ? tolerance.relative * largest[k] : Number.POSITIVE_INFINITY;
    });
  }

  /** Where outputs jump; errors there are of the nearer side from then on. */
  lookForJumps(allowances: readonly number[]): readonly Jump[] {
    this.jumps = new Jumps(this.graph, this.box, (points) => this.reference(points), allowances);
    return this.jumps.found;
  }

  /** The reference or, beside a jump, the value of its other side where that is nearer to the answer. */
  nearerSide(points: Float64Array, wanted: Float64Array, got: Float64Array): Float64Array {
    if (!this.jumps?.found.length) return wanted;
    const { outputs } = this.model;
    const width = outputs.length;
    const scales = outputs.map(({ scale = 1 }) => scale);
    const offsets = outputs.map(({ offset = 0 }) => offset);
    const inGraph = (values: Float64Array) => values.map((v, i) => (v - offsets[i % width]) / scales[i % width]);
    const given = inGraph(wanted);
    const nearer = this.jumps.nearerSide(points, given, inGraph(got));
    return wanted.map((v, i) => (nearer[i] === given[i] ? v : nearer[i] * scales[i % width] + offsets[i % width]));
  }

  /** |error| of output k; takes note of the largest |reference|. */
  private errorAt(approximation: PointFunction, output: OutputError, k: number) {
    const width = this.model.outputs.length;
    const d = this.box.min.length;
    return (at: Float64Array, above: Float64Array): Float64Array => {
      const got = approximation(at);
      const alone = this.referenceOf(at, k);
      for (const value of alone) output.largestReference = Math.max(output.largestReference, Math.abs(value));
      const column = Float64Array.from(alone, (_, p) => got[p * width + k]);
      const errors = errorsOf(alone, column, 0, 1);
      if (!this.jumps?.found.length) return errors;
      const suspects = Array.from(errors.keys()).filter((p) => errors[p] > above[p]);
      const rowsOf = (values: Float64Array, columns: number) =>
        concatPoints(suspects.map((p) => values.subarray(p * columns, (p + 1) * columns)));
      const [there, theirs] = [rowsOf(at, d), rowsOf(got, width)];
      errorsOf(this.nearerSide(there, this.reference(there), theirs), theirs, k, width).forEach((error, i) => {
        errors[suspects[i]] = error;
      });
      return errors;
    };
  }

  /** What every approximation is looked at with: the interior points first. */
  private known(look: Look): { points: Float64Array; wanted: Float64Array; interior: number } {
    const key = `${look.samples} ${look.seed}`;
    let known = this.samples.get(key);
    if (!known) {
      const { box } = this;
      const interior = interiorPoints(box, look.samples, 1 + look.seed * SEED_STRIDE);
      const points = concatPoints([
        interior,
        cornerPoints(box),
        edgePoints(box, Math.max(16, look.samples >> 2), 1 + look.seed * SEED_STRIDE),
        this.features(look.seed),
        this.steepestOf(this.graph, look),
      ]);
      known = { points, wanted: this.reference(points), interior: look.samples };
      this.samples.set(key, known);
    }
    return known;
  }

  /** Features of the reference. */
  features(seed: number): Float64Array {
    let features = this.found.get(seed);
    if (!features) {
      features = featurePoints(this.graph, this.box, seed);
      this.found.set(seed, features);
    }
    return features;
  }

  private steepestOf(graph: IrGraph, { samples, seed }: Look): Float64Array {
    const { box, model } = this;
    const points = interiorPoints(box, Math.min(samples, STEEPNESS_POINTS), 1 + seed * SEED_STRIDE);
    const spans = box.max.map((max, k) => max - box.min[k]);
    const units = new Float64Array(model.outputs.length).fill(1);
    return steepest(graph, points, spans, units, Math.ceil((STEEPEST_SHARE * points.length) / spans.length));
  }

  /** The slope of |edge - reference| of output k, of the two as smooth functions. */
  private errorSlopes(at: Float64Array, approximation: PointFunction, edge: IrGraph, k: number): Float64Array {
    const d = this.box.min.length;
    const width = this.model.outputs.length;
    const [got, wanted] = [approximation(at), this.referenceOf(at, k)];
    const ours = inputSlopes(edge, at, d, k);
    const theirs = inputSlopes(this.graph, at, d, k);
    const direction = Math.sign(this.model.outputs[k].scale ?? 1);
    return ours.map((slope, i) => {
      const p = Math.floor(i / d);
      return Math.sign(got[p * width + k] - wanted[p]) * direction * (slope - theirs[i]);
    });
  }
}
