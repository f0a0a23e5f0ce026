import type { Box } from '../model/box.js';
import { uniform } from './points/random.js';

/**
 * The search for the point of the largest error. Errors of compression and of tables are smooth at some scale, errors of
 * rounding are rough at every scale; so every climber tries moves of all kinds: along the slope of the smooth part, along
 * single axes, by differences between other climbers (Storn and Price, J. Global Optim. 11 (1997) 341-359), and at random
 * distances from a quarter of the box down to the last bits. In every stage half of the climbers, the lower ones, give way
 * and those that remain try twice as much (successive halving: Jamieson and Talwalkar, AISTATS 2016).
 */

/**
 * Errors at points, row-major [count x inputs]: a magnitude for each, infinite where there is no number.
 * @param above of no interest is an error that is not above this, point by point: it may be given as any such number
 */
export type ErrorAt = (points: Float64Array, above: Float64Array) => Float64Array;

/** The slope of the smooth part of the error's magnitude, row-major [count x inputs], per unit of the inputs. */
export type SlopeAt = (points: Float64Array) => Float64Array;

export interface WorstPoint {
  error: number;
  at: number[];
  /** Points that were tried. */
  tried: number;
}

const ROUNDS_PER_STAGE = 12;
const FIRST_TRIES = 2;
/** Climbers of the last stage; each has tried the most there. */
const LAST_CLIMBERS = 16;
/** Where few begin, these go on. */
const FEWEST_STAGES = 5;
/** Distances of random moves are from 2^-NEAR to 2^-FAR of the box; the finest inputs have 30 bits. */
const NEAR = 2;
const FAR = 26;

/**
 * @param starts row-major [count x inputs]; the climbers begin at the `climbers` worst that are not crowded together
 * @param errors at the starts
 */
export function searchWorst(
  starts: Float64Array,
  errors: Float64Array,
  box: Box,
  errorAt: ErrorAt,
  options: { climbers: number; seed: number; slope?: SlopeAt },
): WorstPoint {
  const d = box.min.length;
  const random = uniform(options.seed);
  let order = spreadWorst(starts, errors, box, options.climbers);
  let at = pick(starts, order, d);
  let best = Float64Array.from(order, (p) => errors[p]);
  let reach = new Float64Array(order.length).fill(-6);
  let tried = 0;
  for (let stage = 1, tries = FIRST_TRIES; ; stage++, tries *= 2) {
    for (let round = 0; round < ROUNDS_PER_STAGE; round++) {
      // The gradient is worth its cost where it is followed far: at the first and at the last of a stage's rounds.
      const slopes = round % (ROUNDS_PER_STAGE - 1) === 0 ? options.slope?.(at) : undefined;
      const { points, distances } = proposeMoves(at, tries, box, reach, slopes, random);
      const found = errorAt(
        points,
        distances.map((_, m) => best[Math.floor(m / tries)]),
      );
      tried += found.length;
      for (let c = 0; c < best.length; c++) {
        for (let m = c * tries; m < (c + 1) * tries; m++) {
          if (!(found[m] > best[c])) continue;
          best[c] = found[m];
          reach[c] = distances[m];
          at.set(points.subarray(m * d, (m + 1) * d), c * d);
        }
      }
    }
    order = Array.from(best.keys()).sort((p, q) => best[q] - best[p] || p - q);
    if (best.length <= LAST_CLIMBERS && stage >= FEWEST_STAGES) break;
    order = order.slice(0, Math.max(Math.min(best.length, LAST_CLIMBERS), best.length >> 1));
    at = pick(at, order, d);
    [best, reach] = [Float64Array.from(order, (c) => best[c]), Float64Array.from(order, (c) => reach[c])];
  }
  const [worst] = order;
  return worst === undefined
    ? { error: 0, at: [], tried }
    : { error: best[worst], at: Array.from(at.subarray(worst * d, (worst + 1) * d)), tried };
}

/** Rounds of {@link climbTogether}, and moves of every climber in each. */
const TOGETHER_ROUNDS = 12;
const TOGETHER_TRIES = 6;
/** Share of the box that the first steps reach; the last ones a thousandth of that. */
const FIRST_REACH = 1 / 32;
/** Points that {@link climbTogether} looks at for every climber. */
export const TOGETHER_POINTS = TOGETHER_ROUNDS * TOGETHER_TRIES;

/**
 * The cheap search, for networks that are looked at by the hundred: every start climbs by random steps that shrink.
 *
 * @param starts row-major [count x inputs]
 * @returns where each has got to
 */
export function climbTogether(
  starts: Float64Array,
  errors: Float64Array,
  { min, max }: Box,
  errorAt: (points: Float64Array) => Float64Array,
  seed: number,
): Float64Array {
  const d = min.length;
  const random = uniform(seed);
  const at = starts.slice();
  const best = errors.slice();
  for (let round = 0; round < TOGETHER_ROUNDS; round++) {
    const reach = FIRST_REACH * 1e-3 ** (round / (TOGETHER_ROUNDS - 1));
    const moved = new Float64Array(TOGETHER_TRIES * at.length);
    moved.forEach((_, i) => {
      const k = i % d;
      const step = reach * (2 * random() - 1) * (max[k] - min[k]);
      moved[i] = Math.min(max[k], Math.max(min[k], at[i % at.length] + step));
    });
    errorAt(moved).forEach((error, m) => {
      const c = m % best.length;
      if (!(error > best[c])) return;
      best[c] = error;
      at.set(moved.subarray(m * d, (m + 1) * d), c * d);
    });
  }
  return at;
}

/** `tries` moves of every climber, held to the box, and the logarithm of the distance of each. */
function proposeMoves(
  at: Float64Array,
  tries: number,
  { min, max }: Box,
  reach: Float64Array,
  slopes: Float64Array | undefined,
  random: () => number,
): { points: Float64Array; distances: Float64Array } {
  const d = min.length;
  const count = reach.length;
  const points = new Float64Array(count * tries * d);
  const distances = new Float64Array(count * tries);
  const move = new Float64Array(d);
  for (let c = 0; c < count; c++) {
    for (let m = 0; m < tries; m++) {
      // Half of the distances are near the one that last led upwards.
      const far = m & 1 ? reach[c] + 6 * random() - 3 : -NEAR - (FAR - NEAR) * random();
      const distance = Math.max(-FAR, Math.min(-1, far));
      chooseMove(move, m, 2 ** distance, at, c, { min, max }, slopes, random);
      for (let k = 0; k < d; k++) {
        const moved = at[c * d + k] + move[k] * (max[k] - min[k]);
        points[(c * tries + m) * d + k] = Math.min(max[k], Math.max(min[k], moved));
      }
      distances[c * tries + m] = distance;
    }
  }
  return { points, distances };
}

/** One move, in shares of the box: its kind follows from its number. */
function chooseMove(
  move: Float64Array,
  m: number,
  distance: number,
  at: Float64Array,
  c: number,
  { min, max }: Box,
  slopes: Float64Array | undefined,
  random: () => number,
): void {
  const d = move.length;
  const count = at.length / d;
  const kind = m % 4;
  if (kind === 0 && slopes) {
    let longest = 0;
    for (let k = 0; k < d; k++) {
      move[k] = slopes[c * d + k] * (max[k] - min[k]);
      longest = Math.max(longest, Math.abs(move[k]));
    }
    if (longest > 0 && Number.isFinite(longest)) {
      for (let k = 0; k < d; k++) move[k] *= distance / longest;
      return;
    }
  }
  if (kind === 1 && count > 2) {
    const [p, q] = [Math.floor(random() * count), Math.floor(random() * count)];
    const share = random() < 0.5 ? 1 : distance;
    for (let k = 0; k < d; k++) move[k] = (share * (at[p * d + k] - at[q * d + k])) / (max[k] - min[k] || 1);
    if (p !== q) return;
  }
  if (kind === 2 && d > 1) {
    move.fill(0);
    move[Math.floor(random() * d)] = random() < 0.5 ? distance : -distance;
    return;
  }
  for (let k = 0; k < d; k++) move[k] = distance * (2 * random() - 1);
}

/** Cells per axis in which no more than a few climbers begin. */
const CELLS = 24;
const MOST_PER_CELL = 3;

/** Indices of the worst points, no more than a few in one cell of the box, and the rest where that leaves room. */
function spreadWorst(points: Float64Array, errors: Float64Array, { min, max }: Box, count: number): number[] {
  const d = min.length;
  const order = Array.from(errors.keys()).sort((p, q) => errors[q] - errors[p] || p - q);
  const crowd = new Map<string, number>();
  const chosen: number[] = [];
  const spare: number[] = [];
  for (const p of order) {
    if (chosen.length === count) break;
    const cell = Array.from({ length: d }, (_, k) =>
      Math.floor((CELLS * (points[p * d + k] - min[k])) / (max[k] - min[k] || 1)),
    ).join();
    const inside = crowd.get(cell) ?? 0;
    crowd.set(cell, inside + 1);
    if (inside < MOST_PER_CELL) chosen.push(p);
    else if (spare.length < count) spare.push(p);
  }
  return [...chosen, ...spare].slice(0, count);
}

function pick(points: Float64Array, order: readonly number[], d: number): Float64Array {
  const picked = new Float64Array(order.length * d);
  order.forEach((p, i) => {
    picked.set(points.subarray(p * d, (p + 1) * d), i * d);
  });
  return picked;
}
