import { laneOutputs } from '../compiler/ir/lanes/jobs.js';
import { Judge, type PointFunction } from '../compiler/judge/measure.js';
import { concatPoints } from '../compiler/judge/points/cover.js';
import { evaluateReference } from '../compiler/judge/reference/evaluate.js';
import type { Model } from '../compiler/model/types.js';
import { randoms } from './random.js';

/**
 * A search for the largest error by another method than the judge's: every point of a dense grid, then differential
 * evolution from the worst of them (Storn and Price, J. Global Optim. 11 (1997) 341-359). It knows nothing of gradients, of
 * features or of the points that builds and `verify` look at.
 */

export interface Attack {
  /** Largest |edge - reference| / largest |reference| of any output, and where. */
  worst: number;
  at: number[];
  output: string;
  points: number;
  /** The worst points of every output that evolution ended with, row-major. */
  population: Float64Array;
}

/** Points of the grid that are evaluated together; one in so many of these by the reference itself, see `gridValues`. */
const CHUNK = 1 << 18;
const CHECKED = 64;
/** How far values by lanes may be from the reference, in parts of the largest value: tolerances are 1e-4 and more. */
const LANES_ERROR = 1e-10;
/** The worst points of the grid, per output, that evolution begins with, and for how long. */
const POPULATION = 512;
const GENERATIONS = 300;

/** The dense points of a model's box with the reference there: made once for all builds of the model. */
export class DenseGrid {
  private readonly values: PointFunction;
  readonly count: number;
  private readonly perAxis: number[];
  private readonly wanted: Float64Array;
  readonly largest: number[];

  /** @param points about so many: a full grid up to four inputs, random points with ends of ranges for more */
  constructor(
    private readonly model: Model,
    points: number,
  ) {
    const d = model.inputs.length;
    const side = Math.floor(points ** (1 / d) + 1e-9);
    this.perAxis = d <= MOST_GRID_INPUTS ? model.inputs.map(() => Math.max(2, side)) : [];
    this.count = this.perAxis.length ? this.perAxis.reduce((n, k) => n * k, 1) : points;
    const width = model.outputs.length;
    this.wanted = new Float64Array(this.count * width);
    this.largest = new Array<number>(width).fill(0);
    this.values = gridValues(model);
    for (let start = 0; start < this.count; start += CHUNK)
      this.wanted.set(this.values(this.points(start)), start * width);
    for (let i = 0; i < this.wanted.length; i++) {
      const k = i % width;
      this.largest[k] = Math.max(this.largest[k], Math.abs(this.wanted[i]));
    }
  }

  /** Some of the points: one in so many. */
  sample(step: number): Float64Array {
    const d = this.model.inputs.length;
    const taken: Float64Array[] = [];
    for (let start = 0; start < this.count; start += CHUNK) {
      const points = this.points(start);
      const some = new Float64Array(Math.ceil(points.length / d / step) * d);
      for (let i = 0; i < some.length; i++) some[i] = points[Math.floor(i / d) * step * d + (i % d)];
      taken.push(some);
    }
    return concatPoints(taken);
  }

  /** The points from `start` on, at most a chunk of them. */
  private points(start: number): Float64Array {
    const { inputs } = this.model;
    const d = inputs.length;
    const points = new Float64Array(Math.min(CHUNK, this.count - start) * d);
    const random = randoms(start + 1);
    for (let p = 0; p < points.length / d; p++) {
      let index = start + p;
      for (let k = 0; k < d; k++) {
        const { min, max } = inputs[k];
        let share: number;
        if (this.perAxis.length) {
          share = (index % this.perAxis[k]) / (this.perAxis[k] - 1);
          index = Math.floor(index / this.perAxis[k]);
        } else {
          // One coordinate in eight is at an end of its range.
          share = random() > -0.75 ? (random() + 1) / 2 : random() > 0 ? 1 : 0;
        }
        points[p * d + k] = share === 1 ? max : min + share * (max - min);
      }
    }
    return points;
  }

  /**
   * @param edge for the grid, many points at a time
   * @param beside takes the reference to the nearer side of a jump; see judge/jumps.ts
   * @param few as `edge`, for few points at a time
   */
  attack(
    edge: PointFunction,
    beside: (points: Float64Array, wanted: Float64Array, got: Float64Array) => Float64Array,
    few = edge,
  ): Attack {
    const { model, count, largest } = this;
    const d = model.inputs.length;
    const width = model.outputs.length;
    const errorsAt = (points: Float64Array, wanted: Float64Array, got: Float64Array) => {
      const nearer = beside(points, wanted, got);
      const errors = new Float64Array(got.length);
      for (let i = 0; i < got.length; i++) {
        const error = Math.abs(got[i] - nearer[i]) / (largest[i % width] || 1);
        errors[i] = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
      }
      return errors;
    };
    const populations = model.outputs.map((): Member[] => []);
    for (let start = 0; start < count; start += CHUNK) {
      const points = this.points(start);
      const wanted = this.wanted.subarray(start * width, start * width + (points.length / d) * width);
      const errors = errorsAt(points, wanted, edge(points));
      populations.forEach((population, k) => {
        // What is kept grows to a few times the population before the least of it go, and the bar rises.
        let least = population.length < POPULATION ? -1 : population[POPULATION - 1].error;
        for (let p = 0; p < points.length / d; p++) {
          const error = errors[p * width + k];
          if (!(error > least)) continue;
          population.push({ error, at: points.slice(p * d, (p + 1) * d) });
          if (population.length < 4 * POPULATION) continue;
          keepWorst(population);
          least = population[POPULATION - 1].error;
        }
        keepWorst(population);
      });
    }
    const random = randoms(11);
    let tried = count;
    let worst = { worst: 0, at: [] as number[], output: '' };
    populations.forEach((population, k) => {
      for (let generation = 0; generation < GENERATIONS; generation++) {
        const moved = evolve(population, model, random);
        tried += population.length;
        const errors = errorsAt(moved, this.values(moved), few(moved));
        population.forEach((member, p) => {
          if (!(errors[p * width + k] > member.error)) return;
          member.error = errors[p * width + k];
          member.at = moved.slice(p * d, (p + 1) * d);
        });
      }
      // What it ended with is judged by the reference itself.
      const ends = concatPoints(population.map(({ at }) => at));
      const errors = errorsAt(ends, evaluateReference(model, ends), few(ends));
      population.forEach((member, p) => {
        member.error = errors[p * width + k];
      });
      keepWorst(population);
      const [{ error, at }] = population;
      if (error > worst.worst) worst = { worst: error, at: Array.from(at), output: model.outputs[k].name };
    });
    const population = concatPoints(populations.flatMap((members) => members.map(({ at }) => at)));
    return { ...worst, points: tried, population };
  }
}

const MOST_GRID_INPUTS = 4;

/**
 * The reference at points of the grid: by SIMD where the graph has lanes, and at one point in `CHECKED` by the reference
 * itself; where the two differ, or there are no lanes, by the reference alone.
 */
export function gridValues(model: Model): PointFunction {
  const { graph } = new Judge(model);
  const { inputs, outputs } = model;
  let hasLanes = true;
  return (points) => {
    const values = hasLanes && laneOutputs(graph, points, inputs.length);
    if (!values) return evaluateReference(model, points);
    const width = outputs.length;
    for (let i = 0; i < values.length; i++) {
      const { scale = 1, offset = 0 } = outputs[i % width];
      values[i] = scale * values[i] + offset;
    }
    const row = CHECKED * inputs.length;
    const some = points.filter((_, i) => i % row < inputs.length);
    const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const given = evaluateReference(model, some);
    hasLanes = given.every((v, i) => {
      const lane = values[Math.floor(i / width) * CHECKED * width + (i % width)];
      return Math.abs(v - lane) <= LANES_ERROR * largest;
    });
    return hasLanes ? values : evaluateReference(model, points);
  };
}

interface Member {
  error: number;
  at: Float64Array;
}

function keepWorst(population: Member[]): void {
  population.sort((a, b) => b.error - a.error);
  population.length = Math.min(population.length, POPULATION);
}

/** One trial for every member: a difference of two others added to it, or a step of random length. */
function evolve(population: readonly Member[], { inputs }: Model, random: () => number): Float64Array {
  const d = inputs.length;
  const trials = new Float64Array(population.length * d);
  const any = () => population[Math.floor(((random() + 1) / 2) * population.length) % population.length].at;
  population.forEach(({ at }, p) => {
    const [a, b] = [any(), any()];
    const step = random() < 0 ? 2 ** (-13 + 10 * random()) : 0;
    for (let k = 0; k < d; k++) {
      const { min, max } = inputs[k];
      const moved = step > 0 ? at[k] + step * random() * (max - min) : at[k] + 0.6 * (a[k] - b[k]);
      trials[p * d + k] = Math.min(max, Math.max(min, moved));
    }
  });
  return trials;
}
