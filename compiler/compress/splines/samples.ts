import { modelParameterCount } from '../../ir/parameters.js';
import type { InputNode } from '../../ir/types.js';
import { concatPoints } from '../../judge/points/cover.js';
import type { SearchPoints } from '../teacher/search-points.js';
import { evaluateOutputs, type Teacher } from '../teacher/teacher.js';
import { axisBasis, fitAlong, type Tensor, valuesAlong } from './coefficient-tensor.js';
import type { Sampled } from './grids.js';

/** The values of a network on a grid over its inputs. */

/** Samples per axis, by the number of axes, and multiply-adds of the network for all of them at most. */
const SAMPLES = [2049, 449, 65] as const;
const SAMPLE_WORK = 1e11;
const FEWEST_SAMPLES = 24;
/** Points that are evaluated between two looks at whether to stop. */
const CHUNK = 2048;

/** So many for every segment that an axis is thought to need. */
const SAMPLES_PER_SEGMENT = 8;
/** Part of the work for a first look. */
const LOOK_WORK = 1 / 4;

/** Samples along every axis, for as many segments as are thought to be needed, and how many of them the work allows. */
export function sampleCounts(
  { graph }: Teacher,
  segments: readonly (number | undefined)[],
): { wanted: number[]; counts: number[] } {
  const axes = segments.length;
  const work = SAMPLE_WORK * (segments.includes(undefined) ? LOOK_WORK : 1);
  const affordable = (work / (modelParameterCount(graph) + 1)) ** (1 / axes);
  const wanted = segments.map((n = Number.POSITIVE_INFINITY) => {
    return Math.ceil(Math.min(SAMPLES[axes - 1], Math.max(FEWEST_SAMPLES, SAMPLES_PER_SEGMENT * n)));
  });
  return { wanted, counts: wanted.map((n) => Math.max(FEWEST_SAMPLES, Math.floor(Math.min(n, affordable)))) };
}

/**
 * The same with samples in between, where there are fewer than wanted: those are of a spline through the given ones, which
 * is far more accurate than what is looked for.
 */
export function denser(given: Sampled, wanted: readonly number[]): Sampled {
  const { values, samples } = given;
  const dense = samples.map((places, k) => {
    if (1.5 * places.length > wanted[k]) return places;
    return Float64Array.from({ length: 2 * places.length - 1 }, (_, i) => {
      return i % 2 ? (places[(i - 1) / 2] + places[(i + 1) / 2]) / 2 : places[i / 2];
    });
  });
  const through = (places: Float64Array, count: number) => axisBasis(places, Math.floor(count / 1.5), INTERPOLATION);
  const between = samples.reduce((tensor, places, k) => {
    if (dense[k] === places) return tensor;
    const fitted = fitAlong(tensor, k + 1, through(places, places.length));
    return valuesAlong(fitted, k + 1, through(dense[k], places.length));
  }, values);
  return { ...given, values: between, samples: dense };
}

const INTERPOLATION = 5;

/** Places in 0 .. 1, the ends among them, somewhat denser there. */
export function samplePlaces(count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const u = i / (count - 1);
    return 0.75 * u + 0.25 * ((1 - Math.cos(Math.PI * u)) / 2);
  });
}

/**
 * What an error of 1 is of each of the network's outputs: what is allowed where they are what is sent, and else the same
 * part of the largest value.
 */
export function outputUnits(teacher: Teacher, { unseen }: SearchPoints): Float64Array {
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

/**
 * The network's outputs at all samples, in units of what is allowed; undefined where the search is ended.
 * @param samples places along every axis, in 0 .. 1 of its range
 */
export async function sampleTeacher(
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
