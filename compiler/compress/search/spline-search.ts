import { mapNodes } from '../../ir/map-nodes.js';
import { modelParameterCount } from '../../ir/parameters.js';
import {
  type ConcatNode,
  graphOf,
  type InputNode,
  type IrGraph,
  type IrNode,
  type SplineNode,
} from '../../ir/types.js';
import { AXIS_BYTES } from '../../table/spline.js';
import { bytesBesides, costOf, storedBytes, weightBytes } from '../graph-cost.js';
import { PEAK } from '../refine/refine-within.js';
import { type Grading, gradingOf, placesOf, segmentDensity, withEnds } from '../splines/grading.js';
import { type GridFit, GridSearch, type Sampled } from '../splines/grids.js';
import { type Plan, plansFor } from '../splines/plans.js';
import { withRoundedWeight } from '../splines/rounded.js';
import { denser, outputUnits, sampleCounts, samplePlaces, sampleTeacher } from '../splines/samples.js';
import type { SearchPoints } from '../teacher/search-points.js';
import { shareOf, type Teacher } from '../teacher/teacher.js';
import { climb } from '../teacher/worst-points.js';
import type { Attempt, Found, SingleOptions } from './one-method.js';

/**
 * The function of a network of up to three inputs as a tensor-product B-spline: its axes graded where that pays, fitted to
 * values on a grid of samples, with as few coefficients as keep the tolerance there, and judged like any other network. Where
 * points between the samples are worse, it is fitted again to a smaller limit.
 */

const MAX_AXES = 3;
/** Formats take next to nothing of the tolerance where nothing but a spline is built. */
const SHARE_IN_BUILDS = 0.76;
const TRIES = 6;
/** Of the share of the tolerance: rounding of coefficients comes after. */
const FOR_ROUNDING = 0.04;
/** Plans that are fitted at most. */
const PLANS = 2;
/** Bytes that a spline for speed may take in any case where it was asked for by name. */
const ALONE_BYTES = 8192;
/** Degree from which on what is sent may be differentiated twice. */
const LEAST_DEGREE_DERIVED = 3;

export async function runSpline(teacher: Teacher, points: SearchPoints, options: SingleOptions): Promise<Found> {
  const inputs = teacher.graph.nodes
    .filter((node): node is InputNode => node.kind === 'input')
    .sort((a, b) => a.index - b.index);
  if (!inputs.length || inputs.length > MAX_AXES) return { attempts: [] };
  const search = new SplineSearch(teacher, points, inputs, options);
  return search.run();
}

/** Of a first look, segments are not known. */
interface SamplePlan {
  readonly gradings: Plan['gradings'];
  readonly segments: readonly (number | undefined)[];
}

class SplineSearch {
  private readonly attempts: Attempt[] = [];
  private readonly share: number;
  private readonly units: Float64Array;
  private readonly isSent: boolean;
  private stopped = false;

  constructor(
    private readonly teacher: Teacher,
    private readonly points: SearchPoints,
    private readonly inputs: readonly InputNode[],
    private readonly options: SingleOptions,
  ) {
    this.share = options.round ? options.share : Math.max(options.share, SHARE_IN_BUILDS);
    this.units = outputUnits(teacher, points);
    this.isSent = teacher.sent(teacher.graph) === teacher.graph;
  }

  async run(): Promise<Found> {
    const { attempts } = this;
    for (const plan of await this.plans()) {
      const graph = await this.fitted(plan);
      if (graph) return { graph, bytes: storedBytes(graph), attempts };
    }
    return { attempts };
  }

  /** By samples that are graded as the function wants, as far as equally spaced ones show. */
  private async plans(): Promise<Plan[]> {
    const unknown = this.inputs.map(() => undefined);
    const plain = await this.sample({ gradings: unknown, segments: unknown });
    if (!plain) return [];
    const gradings = plain.samples.map((places, k): Grading => {
      const density = segmentDensity(plain.values, k, places, ORDER);
      return withEnds(gradingOf(places, density, FINEST, GRADED_DEGREE));
    });
    const graded = await this.sample({ gradings, segments: unknown });
    if (!graded) return [];
    const places = graded.samples.map((parts, k) => placesOf(gradings[k], parts));
    const limits = { degree: this.isSent ? 1 : LEAST_DEGREE_DERIVED, bytes: this.mostBytes };
    return plansFor(this.options.goal, graded.values, places, limits).slice(0, PLANS);
  }

  /** Bytes from which on the spline is of no interest: for speed, those of the network as it is. */
  private get mostBytes(): number {
    const { goal, beat } = this.options;
    if (goal !== 'speed') return beat ?? Number.POSITIVE_INFINITY;
    const whole = weightBytes(this.teacher.graph, 16);
    return beat === undefined ? Math.max(whole, ALONE_BYTES) : whole;
  }

  /** The network's values where equal parts of the gradings are. */
  private async sample({ gradings, segments }: SamplePlan): Promise<Sampled | undefined> {
    const { teacher, inputs, units } = this;
    const { counts, wanted } = sampleCounts(teacher, segments);
    const samples = counts.map(samplePlaces);
    const places = samples.map((parts, k) => (gradings[k] ? placesOf(gradings[k], parts) : parts));
    const values = await sampleTeacher(teacher, inputs, places, units, this.checkpoint);
    if (!values) return undefined;
    const rmsLimits = this.isSent ? teacher.rmsLimits : units.map(() => Number.POSITIVE_INFINITY);
    const sampled = { values, rmsLimits, samples };
    return segments.includes(undefined) ? sampled : denser(sampled, wanted);
  }

  private checkpoint = async () => {
    this.stopped ||= (await this.options.checkpoint?.()) ?? false;
    return this.stopped;
  };

  /** The smallest spline of a plan that keeps the share. */
  private async fitted(plan: Plan): Promise<IrGraph | undefined> {
    const sampled = await this.sample(plan);
    if (!sampled) return undefined;
    const search = new GridSearch(sampled, plan.degrees, this.checkpoint);
    const { share } = this;
    let limit = share * (1 - FOR_ROUNDING);
    for (let n = 0; n < TRIES && !this.stopped; n++) {
      const fit = await search.smallest(limit, mostCoefficients(this.mostBytes, plan));
      if (!fit) return undefined;
      const { graph, error } = this.judged(plan, fit);
      if (error <= share) return graph;
      limit *= Math.max(SMALLEST_STEP, Math.min(LARGEST_STEP, (SAFETY * share) / error));
    }
    return undefined;
  }

  private judged(plan: Plan, fit: GridFit): { graph: IrGraph; error: number } {
    const { teacher, points, share, options } = this;
    const exact = splineGraph(teacher, this.inputs, plan.gradings, fit, this.units);
    const narrow = withRounded(exact, 8);
    const isNarrow = shareOf(teacher, narrow, points.unseen) <= share;
    const graph = isNarrow ? narrow : withRounded(exact, 16);
    let error = shareOf(teacher, graph, points.unseen);
    if (error <= share) error = Math.max(error, climb(teacher, graph, points.starts).error / PEAK);
    const kept = error <= share;
    const attempt: Attempt = {
      by: 'spline',
      what: describe(plan, fit),
      parameters: modelParameterCount(graph),
      bytes: storedBytes(graph),
      besides: bytesBesides(graph),
      cost: costOf(graph, options.goal),
      error,
      refined: false,
      within: kept,
      kept,
    };
    this.attempts.push(attempt);
    options.onAttempt?.(attempt);
    return { graph, error };
  }
}

/** Of derivatives that show where samples should be close, and the map that brings them there. */
const ORDER = 4;
const FINEST = 256;
const GRADED_DEGREE = 3;

/** How the limit at the samples is lowered where points between them are worse. */
const SMALLEST_STEP = 0.25;
const LARGEST_STEP = 0.96;
const SAFETY = 0.97;

/** More than fit any device. */
const MOST_COEFFICIENTS = 60_000;

function mostCoefficients(bytes: number, { gradings }: Plan): number {
  const besides = gradings.reduce((n, grading) => {
    return n + AXIS_BYTES + (grading ? AXIS_BYTES + 2 * grading.spline.weight.length : 0);
  }, 0);
  return Math.min(MOST_COEFFICIENTS, (bytes - besides) / 2);
}

function splineGraph(
  { graph, box }: Teacher,
  inputs: readonly InputNode[],
  gradings: Plan['gradings'],
  { coefficients, bases }: GridFit,
  units: Float64Array,
): IrGraph {
  const name = 'spline';
  const width = units.length;
  const perRow = coefficients.data.length / width;
  const parts = inputs.map((input, k) => gradedInput(input, box.min[input.index], box.max[input.index], gradings[k]));
  const x: IrNode = parts.length === 1 ? parts[0] : { kind: 'concat', name, width: parts.length, parts };
  const spline: SplineNode = {
    kind: 'spline',
    name,
    width,
    x,
    axes: bases.map(({ segments }, k) => {
      const { index } = inputs[k];
      const [min, max] = gradings[k]?.ends ?? [box.min[index], box.max[index]];
      return { min, max, segments };
    }),
    degree: bases[0].degree,
    orders: bases.map(() => 0),
    weight: coefficients.data.map((c, i) => c * units[Math.floor(i / perRow)]),
  };
  const outputs = Array.from(units, (_, start): IrNode => {
    return width === 1 ? spline : { kind: 'slice', name, width: 1, x: spline, start };
  });
  const output: ConcatNode = { ...graph.output, parts: outputs };
  return graphOf(output);
}

function gradedInput(input: InputNode, min: number, max: number, grading: Grading | undefined): IrNode {
  if (!grading) return input;
  const { spline } = grading;
  const axes = [{ min, max, segments: spline.axes[0].segments }];
  return { kind: 'spline', name: `${input.name}_graded`, width: 1, x: input, ...spline, axes, precision: 16 };
}

/** The graph with the coefficients of its spline as integers of so many bits hold them; gradings have theirs. */
function withRounded(graph: IrGraph, bits: 8 | 16): IrGraph {
  return mapNodes(graph, (node) => {
    return node.kind === 'spline' && !node.precision ? { ...withRoundedWeight(node, bits), precision: bits } : node;
  });
}

function describe({ gradings }: Plan, { bases }: GridFit): string {
  const segments = bases.map(({ segments }, k) => {
    const grading = gradings[k];
    return grading ? `${segments} (graded by ${grading.spline.axes[0].segments})` : `${segments}`;
  });
  return `degree ${bases[0].degree}, ${segments.join(' x ')} segments`;
}
