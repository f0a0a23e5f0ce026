import { basisExcess } from '../../ir/splines.js';
import { evaluateSpline, type Spline } from '../../model/spline.js';
import type { Tensor } from './coefficient-tensor.js';
import { withRoundedWeight } from './rounded.js';

/**
 * Where along an axis the segments of a spline should be short. Its error over a segment of length h is about
 * c h^order |D^order f|, so that h goes with |D^order f|^(-1/order) (de Boor, Good approximation by splines with variable
 * knots, 1973). Equal segments of a monotone map of the axis are such segments of the axis itself; the map is a spline of
 * that axis, whose coefficients are the values of the wanted map at their knot averages (Schoenberg), so that it is monotone.
 */
export interface Grading {
  /** Along one axis from 0 to 1. */
  readonly spline: Spline;
  /** Its values at the ends. */
  readonly ends: readonly [number, number];
}

/** Segments of a grading. */
export const GRADINGS = [8, 16, 32, 64, 128, 256] as const;

/** How much longer a segment may be than another, per distance between them in the length of the axis. */
const GROWTH = 0.45;

/**
 * How many segments per length of an axis keep an error of 1, at the places of its samples.
 *
 * @param values dimensions [outputs, samples of each axis]
 * @param order one more than the degree
 */
export function segmentDensity(
  { dims, data }: Tensor,
  axis: number,
  places: Float64Array,
  order: number,
): Float64Array {
  const steep = steepest({ dims, data }, axis + 1, places, order);
  const lengths = places.map((u) => 1 / Math.max(1, (PART[order] * valueAt(steep.at, steep.most, u)) ** (1 / order)));
  for (let i = 1; i < lengths.length; i++) {
    lengths[i] = Math.min(lengths[i], lengths[i - 1] + GROWTH * (places[i] - places[i - 1]));
  }
  for (let i = lengths.length - 2; i >= 0; i--) {
    lengths[i] = Math.min(lengths[i], lengths[i + 1] + GROWTH * (places[i + 1] - places[i]));
  }
  return smoothed(
    lengths.map((h) => 1 / h),
    places,
  );
}

/** Segments from the beginning of the axis to every place. */
function countedTo(density: Float64Array, places: Float64Array): Float64Array {
  const sums = new Float64Array(places.length);
  for (let i = 1; i < sums.length; i++) {
    sums[i] = sums[i - 1] + ((density[i] + density[i - 1]) / 2) * (places[i] - places[i - 1]);
  }
  return sums;
}

/** Geometric means over about a segment to both sides: the function of the map must not have kinks of the map's. */
function smoothed(density: Float64Array, places: Float64Array): Float64Array {
  const counted = countedTo(density, places);
  const last = places.length - 1;
  const logs = density.map(Math.log);
  let from = 0;
  return density.map((_, i) => {
    while (counted[i] - counted[from] > REACH) from++;
    let [sum, weights] = [0, 0];
    for (let j = from; j <= last && counted[j] - counted[i] <= REACH; j++) {
      const part = counted[Math.min(j + 1, last)] - counted[Math.max(j - 1, 0)];
      const weight = part * Math.exp(-((counted[j] - counted[i]) ** 2) / 2);
      sum += weight * logs[j];
      weights += weight;
    }
    return Math.exp(sum / weights);
  });
}

/** In segments, of means that are weighted by a normal distribution of one segment. */
const REACH = 3;

/** Error of the best spline over h^order |D^order f|, by the order: Favard's constants over pi^order. */
const PART = [0, 0, 1 / 8, 1 / 24, 5 / 384, 1 / 240, 61 / 46080] as const;

/** The largest derivatives of an order along an axis, of all lines, by divided differences. */
function steepest(
  { dims, data }: Tensor,
  along: number,
  places: Float64Array,
  order: number,
): { at: Float64Array; most: Float64Array } {
  const count = dims[along];
  const inner = dims.slice(along + 1).reduce((n, d) => n * d, 1);
  const outer = dims.slice(0, along).reduce((n, d) => n * d, 1);
  const most = new Float64Array(count - order);
  const block = new Float64Array(count * inner);
  let factorial = 1;
  for (let r = 2; r <= order; r++) factorial *= r;
  for (let o = 0; o < outer; o++) {
    block.set(data.subarray(o * count * inner, (o + 1) * count * inner));
    for (let r = 1; r <= order; r++) {
      for (let s = 0; s < count - r; s++) {
        const per = 1 / (places[s + r] - places[s]);
        for (let i = s * inner; i < (s + 1) * inner; i++) block[i] = (block[i + inner] - block[i]) * per;
      }
    }
    for (let s = 0; s < most.length; s++) {
      for (let i = s * inner; i < (s + 1) * inner; i++) most[s] = Math.max(most[s], factorial * Math.abs(block[i]));
    }
  }
  const at = most.map((_, s) => places.subarray(s, s + order + 1).reduce((a, b) => a + b, 0) / (order + 1));
  return { at, most };
}

/** Between places linearly, beyond them as at the nearest. */
function valueAt(places: Float64Array, values: Float64Array, u: number): number {
  let [low, high] = [0, places.length - 1];
  if (u <= places[0]) return values[0];
  if (u >= places[high]) return values[high];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (places[middle] <= u) low = middle;
    else high = middle;
  }
  const t = (u - places[low]) / (places[high] - places[low]);
  return values[low] + t * (values[high] - values[low]);
}

/** The map whose slope goes with a density of segments, its coefficients as integers of 16 bits hold them. */
export function gradingOf(places: Float64Array, density: Float64Array, segments: number, degree: number): Spline {
  const counted = countedTo(density, places);
  const last = counted.length - 1;
  const wanted = Float64Array.from({ length: segments + degree }, (_, j) => {
    const u = (j - (degree - 1) / 2) / segments;
    const beyond = u < 0 ? u * density[0] : u > 1 ? (u - 1) * density[last] : 0;
    return valueAt(places, counted, u) + beyond;
  });
  const axes = [{ min: 0, max: 1, segments }];
  // About zero and as large as can be: what a coefficient is rounded by is a kink of the map.
  const [low, high] = [wanted[0], wanted[wanted.length - 1]];
  const scale = (2 * basisExcess({ axes, degree }) * (1 - 2 ** -15)) / (high - low);
  const weight = wanted.map((v) => scale * (v - (low + high) / 2));
  return withRoundedWeight({ axes, degree, orders: [0], weight }, 16);
}

export function withEnds(spline: Spline): Grading {
  const [low, high] = valuesOf(spline, Float64Array.of(0, 1));
  return { spline, ends: [low, high] };
}

/** Segments that a spline over equal parts of the map needs, where so many per length are needed of the axis. */
export function segmentsOver(spline: Spline, places: Float64Array, density: Float64Array): number {
  const [{ segments }] = spline.axes;
  const slopes = valuesOf({ ...spline, orders: [1] }, places);
  const [low, high] = withEnds(spline).ends;
  return density.reduce((most, d, i) => Math.max(most, (d * (high - low)) / (slopes[i] * segments)), 1);
}

/** The places of an axis that a grading takes to given parts of its values. */
export function placesOf({ spline, ends: [low, high] }: Grading, parts: Float64Array): Float64Array {
  let [from, to] = [parts.map(() => 0), parts.map(() => 1)];
  for (let n = 0; n < HALVINGS; n++) {
    const middle = from.map((a, i) => (a + to[i]) / 2);
    const values = valuesOf(spline, middle);
    const isBelow = values.map((v, i) => (v < low + parts[i] * (high - low) ? 1 : 0));
    from = from.map((a, i) => (isBelow[i] ? middle[i] : a));
    to = to.map((b, i) => (isBelow[i] ? b : middle[i]));
  }
  return parts.map((part, i) => (part === 0 ? 0 : part === 1 ? 1 : (from[i] + to[i]) / 2));
}

const HALVINGS = 50;

function valuesOf(spline: Spline, places: Float64Array): Float64Array {
  const values = new Float64Array(places.length);
  evaluateSpline(spline, places, values, places.length);
  return values;
}
