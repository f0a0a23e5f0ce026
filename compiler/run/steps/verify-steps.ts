import type { Engine, EngineName } from '../../code/engines/engine.js';
import type { LoadedBuild } from '../../deliver/package/store.js';
import { uniform } from '../../judge/points/random.js';
import { sobolPoints } from '../../judge/points/sobol.js';
import { evaluateReference } from '../../judge/reference/evaluate.js';
import { conservedValues } from '../../model/physics.js';
import { statePlaces } from '../../model/state.js';
import type { Model } from '../../model/types.js';
import { drivePlaces, type Rollout, referenceRollout, requireSteps, STEP, wordRollout } from './rollout.js';

/** How far the trajectories of a build are from those of the float64 reference, from many initial states. */

export interface StepsWish {
  steps: number;
  /** Initial states, over the whole box; default {@link TRAJECTORIES}. */
  trajectories?: number;
  /** Largest distance, as a share of the range of each state, that 99 % of the trajectories may have. */
  tolerance?: number;
  /** Inputs that are held in all steps, by name. */
  hold?: Readonly<Record<string, number>>;
  /** Called after every step with their number so far. */
  onStep?: (done: number) => void;
}

export interface StepsResult {
  pass: boolean;
  steps: number;
  trajectories: number;
  tolerance?: number;
  /**
   * The distance within the first steps, as a share of the range of each state, the worst of the states: the largest of all
   * trajectories, that which 99 % of them keep, and how many of them were in the box until then.
   */
  distances: { steps: number; largest: number; most: number; inside: number }[];
  /** Where the largest distance is: state, its unit, the distance in it, and the initial state and inputs. */
  worst: { state: string; distance: number; from: number[] };
  /** The largest error of one step from where the build's own trajectories were, as a share of the range of the state. */
  oneStep: number;
  /** Share of the trajectories that left the box, by the build or by the reference: compared until then. */
  left: number;
  /** How far what is conserved drifts from its first value: in the build, and in the reference. */
  conserved: { name: string; build: number; reference: number }[];
}

export const TRAJECTORIES = 200;
/** Share of the trajectories that have to keep the tolerance. */
export const MOST = 0.99;
/** Inputs that drive the model take a new value from their range about so often. */
const STEPS_PER_DRIVE = 20;
/** Sobol points that neither builds nor other checks look at. */
const SKIP = 3 * 2 ** 24;

/**
 * Initial states are Sobol points of the box. Inputs that drive the model begin there as well, and jump to other values of their
 * range at random steps, each for itself.
 * @throws PE5111 for a build of a model that has no state
 */
export async function verifySteps(
  build: LoadedBuild,
  engine: EngineName | Engine,
  wish: StepsWish,
): Promise<StepsResult> {
  requireSteps(build);
  const { model } = build;
  const { trajectories = TRAJECTORIES, steps, tolerance } = wish;
  const points = startingPoints(model, trajectories, wish.hold);
  const edge = await wordRollout(
    build,
    engine,
    columnsOf(
      points,
      model,
      statePlaces(model).map(({ input }) => input),
    ),
  );
  const comparison = new Comparison(model, edge, points);
  const drives = drivesOf(model, points, wish.hold);
  try {
    const distances: StepsResult['distances'] = [];
    for (let k = 1; k <= steps; k++) {
      comparison.step(drives());
      if (k === steps || Number.isInteger(Math.log10(k))) distances.push({ steps: k, ...comparison.summary() });
      wish.onStep?.(k);
    }
    const { most, inside } = distances.at(-1)!;
    const pass = tolerance === undefined || (most <= tolerance && inside > 0);
    return { pass, steps, trajectories, tolerance, distances, ...comparison.result() };
  } finally {
    edge.dispose();
  }
}

/** Row-major [trajectories x inputs]. */
function startingPoints(model: Model, count: number, hold: StepsWish['hold'] = {}): Float64Array {
  const { inputs } = model;
  return sobolPoints(count, inputs.length, SKIP).map((u, i) => {
    const { name, min, max } = inputs[i % inputs.length];
    return hold[name] ?? min + u * (max - min);
  });
}

function columnsOf(points: Float64Array, { inputs }: Model, columns: readonly number[]): Float64Array {
  const count = points.length / inputs.length;
  return Float64Array.from({ length: count * columns.length }, (_, i) => {
    return points[Math.floor(i / columns.length) * inputs.length + columns[i % columns.length]];
  });
}

/** The inputs that drive the model, step by step. */
function drivesOf(model: Model, points: Float64Array, hold: StepsWish['hold'] = {}): () => Float64Array {
  const places = drivePlaces(model);
  const now = columnsOf(points, model, places);
  const random = uniform(17);
  let isFirst = true;
  return () => {
    for (let i = 0; i < now.length && !isFirst; i++) {
      const { name, min, max } = model.inputs[places[i % places.length]];
      if (Object.hasOwn(hold, name) || random() >= 1 / STEPS_PER_DRIVE) continue;
      now[i] = min + random() * (max - min);
    }
    isFirst = false;
    return now;
  };
}

/** The build's trajectories and the reference's, side by side. */
class Comparison {
  private readonly reference: Rollout;
  private readonly places;
  private readonly widths: number[];
  private readonly count: number;
  /** Per trajectory: the largest distance so far, and whether it is in the box still. */
  private readonly largest: Float64Array;
  private readonly isInside: boolean[];
  private worst: StepsResult['worst'] = { state: '', distance: 0, from: [] };
  private worstShare = -1;
  private oneStep = 0;
  private readonly conserved: {
    name: string;
    of: (point: ArrayLike<number>) => number;
    first: Float64Array[];
    drift: number[];
  }[];
  private readonly drives: number[];
  private readonly start: Float64Array;

  constructor(
    private readonly model: Model,
    private readonly edge: Rollout,
    points: Float64Array,
  ) {
    this.places = statePlaces(model);
    this.drives = drivePlaces(model);
    // From the same words: what the initial state loses when it becomes words is no distance.
    this.reference = referenceRollout(model, edge.states());
    this.start = points.slice();
    this.widths = this.places.map(({ input }) => model.inputs[input].max - model.inputs[input].min);
    this.count = points.length / model.inputs.length;
    this.largest = new Float64Array(this.count);
    this.isInside = Array<boolean>(this.count).fill(true);
    this.conserved = [...conservedValues(model)].map(([name, of]) => ({ name, of, first: [], drift: [0, 0] }));
  }

  step(drives: Float64Array): void {
    const before = this.edge.states();
    if (!this.conserved.every(({ first }) => first.length)) this.lookAtConserved(drives);
    const { statuses } = this.edge.step(drives);
    const wanted = this.reference.step(drives);
    const after = this.edge.states();
    this.lookAtOneStep(before, drives, after, statuses);
    const reference = this.reference.states();
    const width = this.places.length;
    for (let p = 0; p < this.count; p++) {
      if (statuses[p] === STEP.left || wanted.statuses[p] === STEP.left) this.isInside[p] = false;
      if (!this.isInside[p]) continue;
      for (let s = 0; s < width; s++) {
        const distance = Math.abs(after[p * width + s] - reference[p * width + s]);
        const share = distance / this.widths[s];
        this.largest[p] = Math.max(this.largest[p], share);
        if (share <= this.worstShare) continue;
        this.worstShare = share;
        const from = [...this.start.subarray(p * this.model.inputs.length, (p + 1) * this.model.inputs.length)];
        this.worst = { state: this.model.inputs[this.places[s].input].name, distance, from };
      }
    }
    this.lookAtConserved(drives);
  }

  summary(): { largest: number; most: number; inside: number } {
    const sorted = this.largest.slice().sort();
    const most = sorted[Math.ceil(MOST * this.count) - 1];
    return { largest: sorted[this.count - 1], most, inside: this.isInside.filter(Boolean).length };
  }

  result(): Pick<StepsResult, 'worst' | 'oneStep' | 'left' | 'conserved'> {
    const left = this.isInside.filter((isInside) => !isInside).length / this.count;
    const conserved = this.conserved.map(({ name, drift: [build, reference] }) => ({ name, build, reference }));
    return { worst: this.worst, oneStep: this.oneStep, left, conserved };
  }

  /** The reference's step from where the build was. */
  private lookAtOneStep(before: Float64Array, drives: Float64Array, after: Float64Array, statuses: Uint8Array): void {
    const outputs = evaluateReference(this.model, this.pointsOf(before, drives));
    const width = this.places.length;
    for (let p = 0; p < this.count; p++) {
      if (!this.isInside[p] || statuses[p] === STEP.left) continue;
      for (const [s, { output }] of this.places.entries()) {
        const error = Math.abs(after[p * width + s] - outputs[p * this.model.outputs.length + output]);
        this.oneStep = Math.max(this.oneStep, error / this.widths[s]);
      }
    }
  }

  private lookAtConserved(drives: Float64Array): void {
    if (!this.conserved.length) return;
    const inputs = this.model.inputs.length;
    for (const [side, rollout] of [this.edge, this.reference].entries()) {
      const points = this.pointsOf(rollout.states(), drives);
      for (const { of, first, drift } of this.conserved) {
        const values = Float64Array.from({ length: this.count }, (_, p) =>
          of(points.subarray(p * inputs, (p + 1) * inputs)),
        );
        first[side] ??= values;
        for (let p = 0; p < this.count; p++) {
          if (this.isInside[p]) drift[side] = Math.max(drift[side], Math.abs(values[p] - first[side][p]));
        }
      }
    }
  }

  private pointsOf(states: Float64Array, drives: Float64Array): Float64Array {
    const inputs = this.model.inputs.length;
    const points = new Float64Array(this.count * inputs);
    for (let p = 0; p < this.count; p++) {
      for (const [k, { input }] of this.places.entries())
        points[p * inputs + input] = states[p * this.places.length + k];
      for (const [k, input] of this.drives.entries()) points[p * inputs + input] = drives[p * this.drives.length + k];
    }
    return points;
  }
}
