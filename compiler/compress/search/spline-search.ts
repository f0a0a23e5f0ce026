import { mapNodes } from '../../ir/map-nodes.js';
import { modelParameterCount } from '../../ir/parameters.js';
import { basisExcess, coefficientExponent } from '../../ir/splines.js';
import {
  type ConcatNode,
  graphOf,
  type InputNode,
  type IrGraph,
  type IrNode,
  type SplineNode,
} from '../../ir/types.js';
import { concatPoints } from '../../judge/points/cover.js';
import { costOf, storedBytes } from '../graph-cost.js';
import { PEAK } from '../refine/refine-within.js';
import { axisBasis, fitAlong, type Tensor, valuesAlong } from '../splines/coefficient-tensor.js';
import { type GridFit, GridSearch, type Sampled } from '../splines/grids.js';
import type { SearchPoints } from '../teacher/search-points.js';
import { evaluateOutputs, shareOf, type Teacher } from '../teacher/teacher.js';
import { climb } from '../teacher/worst-points.js';
import type { Attempt, Found, SingleOptions } from './one-method.js';

/**
 * The function of a network of up to three inputs as a tensor-product B-spline: fitted to its values on a grid of samples,
 * with as few coefficients as keep the tolerance there, and judged like any other network. Where points between the samples
 * are worse, it is fitted again to a smaller limit.
 */

const MAX_AXES = 3;
/** Samples per axis, by the number of axes, and multiply-adds of the network for all of them at most. */
const SAMPLES = [2049, 449, 65] as const;
const SAMPLE_WORK = 5e9;
const FEWEST_SAMPLES = 24;
/** Formats take next to nothing of the tolerance where nothing but a spline is built. */
const SHARE_IN_BUILDS = 0.76;
const TRIES = 6;
/** Of the share of the tolerance: rounding of coefficients comes after. */
const FOR_ROUNDING = 0.04;
/** Points that are evaluated between two looks at whether to stop. */
const CHUNK = 2048;

export async function runSpline(teacher: Teacher, points: SearchPoints, options: SingleOptions): Promise<Found> {
  const attempts: Attempt[] = [];
  const inputs = teacher.graph.nodes
    .filter((node): node is InputNode => node.kind === 'input')
    .sort((a, b) => a.index - b.index);
  if (!inputs.length || inputs.length > MAX_AXES) return { attempts };
  let stopped = false;
  const checkpoint = async () => {
    stopped ||= (await options.checkpoint?.()) ?? false;
    return stopped;
  };
  const places = samplePlaces(samplesPerAxis(teacher, inputs.length));
  const samples = inputs.map(() => places);
  const units = outputUnits(teacher, points);
  const isSent = teacher.sent(teacher.graph) === teacher.graph;
  const rmsLimits = isSent ? teacher.rmsLimits : units.map(() => Number.POSITIVE_INFINITY);
  const values = await sampleTeacher(teacher, inputs, samples, units, checkpoint);
  if (!values) return { attempts };
  const search = new GridSearch(denser({ values, rmsLimits, samples }, SAMPLES[inputs.length - 1]), checkpoint);
  const share = options.round ? options.share : Math.max(options.share, SHARE_IN_BUILDS);
  let limit = share * (1 - FOR_ROUNDING);
  let best: Candidate | undefined;
  for (let n = 0; n < TRIES && !stopped; n++) {
    const fit = await search.smallest(limit, most(options, best, inputs.length));
    if (!fit) break;
    const exact = splineGraph(teacher, inputs, fit, units);
    const narrow = withRounded(exact, 8);
    const isNarrow = shareOf(teacher, narrow, points.unseen) <= share;
    const graph = isNarrow ? narrow : withRounded(exact, 16);
    let error = shareOf(teacher, graph, points.unseen);
    if (error <= share) error = Math.max(error, climb(teacher, graph, points.starts).error / PEAK);
    const kept = error <= share;
    const attempt: Attempt = {
      by: 'spline',
      what: describe(fit),
      parameters: modelParameterCount(graph),
      bytes: storedBytes(graph),
      cost: costOf(graph, options.goal),
      error,
      refined: false,
      within: kept,
      kept,
    };
    attempts.push(attempt);
    options.onAttempt?.(attempt);
    if (kept) {
      best = { graph, bytes: attempt.bytes };
      break;
    }
    limit *= Math.max(SMALLEST_STEP, Math.min(LARGEST_STEP, (SAFETY * share) / error));
  }
  return best ? { graph: best.graph, bytes: best.bytes, attempts } : { attempts };
}

interface Candidate {
  graph: IrGraph;
  bytes: number;
}

/** How the limit at the samples is lowered where points between them are worse. */
const SMALLEST_STEP = 0.25;
const LARGEST_STEP = 0.96;
const SAFETY = 0.97;

/** Coefficients from which on the spline is of no interest. */
function most(
  { beat = Number.POSITIVE_INFINITY, goal }: SingleOptions,
  best: Candidate | undefined,
  axes: number,
): number {
  const bytes = goal === 'speed' ? Number.POSITIVE_INFINITY : beat;
  return Math.min(MOST_COEFFICIENTS, (Math.min(bytes, best?.bytes ?? bytes) - 12 * axes) / 2);
}

/** More than fit any device. */
const MOST_COEFFICIENTS = 60_000;

function samplesPerAxis({ graph }: Teacher, axes: number): number {
  const affordable = (SAMPLE_WORK / (modelParameterCount(graph) + 1)) ** (1 / axes);
  return Math.max(FEWEST_SAMPLES, Math.floor(Math.min(SAMPLES[axes - 1], affordable)));
}

/**
 * The same with samples in between, where there are fewer than wanted: those are of a spline through the given ones, which
 * is far more accurate than what is looked for.
 */
function denser(given: Sampled, wanted: number): Sampled {
  const { values, samples } = given;
  if (1.5 * samples[0].length > wanted) return given;
  const dense = samples.map((places) => {
    return Float64Array.from({ length: 2 * places.length - 1 }, (_, i) => {
      return i % 2 ? (places[(i - 1) / 2] + places[(i + 1) / 2]) / 2 : places[i / 2];
    });
  });
  const through = (places: Float64Array, count: number) => axisBasis(places, Math.floor(count / 1.5), INTERPOLATION);
  const between = samples.reduce((tensor, places, k) => {
    const fitted = fitAlong(tensor, k + 1, through(places, places.length));
    return valuesAlong(fitted, k + 1, through(dense[k], places.length));
  }, values);
  return { ...given, values: between, samples: dense };
}

const INTERPOLATION = 5;

/** Places in 0 .. 1, the ends among them, somewhat denser there. */
function samplePlaces(count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const u = i / (count - 1);
    return 0.75 * u + 0.25 * ((1 - Math.cos(Math.PI * u)) / 2);
  });
}

/**
 * What an error of 1 is of each of the network's outputs: what is allowed where they are what is sent, and else the same
 * part of the largest value.
 */
function outputUnits(teacher: Teacher, { unseen }: SearchPoints): Float64Array {
  const { graph, allowances, largestOutputs, sent, inputCount } = teacher;
  if (sent(graph) === graph) return allowances;
  const width = graph.output.width;
  const largest = new Float64Array(width);
  evaluateOutputs(graph, unseen.points, inputCount).forEach((v, i) => {
    largest[i % width] = Math.max(largest[i % width], Math.abs(v));
  });
  const relative = Math.min(...allowances.map((a, k) => a / (largestOutputs[k] || 1)));
  return largest.map((v) => relative * (v || 1));
}

/** The network's outputs at all samples, in units of what is allowed; undefined where the search is ended. */
async function sampleTeacher(
  { graph, box, inputCount }: Teacher,
  inputs: readonly InputNode[],
  samples: readonly Float64Array[],
  units: Float64Array,
  checkpoint: () => Promise<boolean>,
): Promise<Tensor | undefined> {
  const dims = samples.map((places) => places.length);
  const count = dims.reduce((n, d) => n * d, 1);
  const width = units.length;
  const data = new Float64Array(width * count);
  const middle = box.min.map((min, k) => (min + box.max[k]) / 2);
  for (let start = 0; start < count; start += CHUNK) {
    if (await checkpoint()) return undefined;
    const size = Math.min(CHUNK, count - start);
    const points = concatPoints(Array.from({ length: size }, () => Float64Array.from(middle)));
    for (let p = 0; p < size; p++) {
      let rest = start + p;
      for (let k = dims.length - 1; k >= 0; k--) {
        const { index } = inputs[k];
        const place = samples[k][rest % dims[k]];
        points[p * inputCount + index] = box.min[index] + place * (box.max[index] - box.min[index]);
        rest = Math.floor(rest / dims[k]);
      }
    }
    evaluateOutputs(graph, points, inputCount).forEach((v, i) => {
      data[(i % width) * count + start + Math.floor(i / width)] = v / units[i % width];
    });
  }
  return { dims: [width, ...dims], data };
}

function splineGraph(
  { graph, box }: Teacher,
  inputs: readonly InputNode[],
  { coefficients, bases }: GridFit,
  units: Float64Array,
): IrGraph {
  const name = 'spline';
  const width = units.length;
  const perRow = coefficients.data.length / width;
  const x: IrNode = inputs.length === 1 ? inputs[0] : { kind: 'concat', name, width: inputs.length, parts: inputs };
  const spline: SplineNode = {
    kind: 'spline',
    name,
    width,
    x,
    axes: bases.map(({ segments }, k) => ({ min: box.min[inputs[k].index], max: box.max[inputs[k].index], segments })),
    degree: bases[0].degree,
    orders: bases.map(() => 0),
    weight: coefficients.data.map((c, i) => c * units[Math.floor(i / perRow)]),
  };
  const parts = Array.from(units, (_, start): IrNode => {
    return width === 1 ? spline : { kind: 'slice', name, width: 1, x: spline, start };
  });
  const output: ConcatNode = { ...graph.output, parts };
  return graphOf(output);
}

/** The graph with the coefficients of its spline as integers of so many bits hold them. */
function withRounded(graph: IrGraph, bits: 8 | 16): IrGraph {
  return mapNodes(graph, (node) => {
    if (node.kind !== 'spline') return node;
    const unit = basisExcess(node) * 2 ** -coefficientExponent(node, bits);
    return { ...node, weight: node.weight.map((c) => Math.fround(Math.round(c / unit) * unit)), precision: bits };
  });
}

function describe({ bases }: GridFit): string {
  return `degree ${bases[0].degree}, ${bases.map(({ segments }) => segments).join(' x ')} segments`;
}
