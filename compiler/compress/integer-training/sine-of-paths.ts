import { FIXED, type Numbers } from './number-formats.js';
import { ANGLE_BITS, ANGLE_LIMIT, cosineOf, halfPhaseOf, phaseOf, SINE_BITS, sineOf } from './sine.js';

/**
 * The sine of all paths of a group of points. A path is what a point's values are followed along: the point itself, first,
 * and then, by how derivatives are had,
 *
 * - `difference`: for each perturbed point the difference of its values from the centre's,
 *   sin(z + dz) - sin(z) = 2 cos(z + dz / 2) sin(dz / 2), in which nothing cancels;
 * - `direct`: for each perturbed point its values;
 * - `exact`: for each input the derivatives by it, and last the Laplacian (forward mode).
 *
 * Rows are path-major: row p + points * path is path `path` of point p.
 */
export type Carry = 'difference' | 'direct' | 'exact';

export interface Paths {
  carry: Carry;
  points: number;
  paths: number;
  /** Inputs of the Laplacian, the first ones. */
  among: number;
  width: number;
}

const rowsOf = ({ points, paths }: Paths) => points * paths;
/** Values of the paths that are a centre's or taken like one. */
const centres = (shape: Paths) => (shape.carry === 'direct' ? rowsOf(shape) : shape.points) * shape.width;

/** h = sin z; with numbers z becomes the angles in integers, which {@link sineBackward} wants. */
export function sineForward(z: Float64Array, h: Float64Array, shape: Paths, numbers?: Numbers): void {
  if (numbers) integerForward(z, h, shape);
  else floatForward(z, h, shape);
}

function floatForward(z: Float64Array, h: Float64Array, shape: Paths): void {
  const { points, paths, among, width, carry } = shape;
  const own = centres(shape);
  const size = points * width;
  for (let i = 0; i < own; i++) h[i] = Math.sin(z[i]);
  if (carry === 'direct') return;
  for (let i = 0; i < size; i++) {
    if (carry === 'difference') {
      for (let at = i + size; at < paths * size; at += size)
        h[at] = 2 * Math.cos(z[i] + z[at] / 2) * Math.sin(z[at] / 2);
      continue;
    }
    if (paths === 1) continue;
    const [s, c] = [Math.sin(z[i]), Math.cos(z[i])];
    let squares = 0;
    for (let k = 1; k < paths - 1; k++) {
      const at = i + k * size;
      h[at] = c * z[at];
      if (k <= among) squares += z[at] * z[at];
    }
    const last = i + (paths - 1) * size;
    h[last] = c * z[last] - s * squares;
  }
}

/** g: gradients by h on the way in, by z on the way out. */
export function sineBackward(z: Float64Array, g: Float64Array, shape: Paths, numbers?: Numbers): void {
  if (numbers) integerBackward(z, g, shape);
  else floatBackward(z, g, shape);
}

function floatBackward(z: Float64Array, g: Float64Array, shape: Paths): void {
  const { points, paths, among, width, carry } = shape;
  const size = points * width;
  if (carry === 'direct') {
    for (let i = 0; i < paths * size; i++) g[i] *= Math.cos(z[i]);
    return;
  }
  for (let i = 0; i < size; i++) {
    const [s, c] = [Math.sin(z[i]), Math.cos(z[i])];
    let sum = c * g[i];
    if (carry === 'difference') {
      for (let at = i + size; at < paths * size; at += size) {
        sum -= 2 * Math.sin(z[i] + z[at] / 2) * Math.sin(z[at] / 2) * g[at];
        g[at] *= Math.cos(z[i] + z[at]);
      }
    } else if (paths > 1) {
      const last = i + (paths - 1) * size;
      let squares = 0;
      for (let k = 1; k < paths - 1; k++) {
        const at = i + k * size;
        sum -= s * z[at] * g[at];
        g[at] *= c;
        if (k > among) continue;
        squares += z[at] * z[at];
        g[at] -= 2 * s * z[at] * g[last];
      }
      sum -= (s * z[last] + c * squares) * g[last];
      g[last] *= c;
    }
    g[i] = sum;
  }
}

const SINE_UNIT = 2 ** -SINE_BITS;
const ANGLE_SCALE = 2 ** ANGLE_BITS;
const GRADIENT_SCALE = 2 ** FIXED.gradient;
const GRADIENT_UNIT = 2 ** -FIXED.gradient;
const GRADIENT_LIMIT = 2 * GRADIENT_SCALE - 1;
const SLOPE_UNIT = 2 ** -FIXED.slope;
/** What the product of two sines, doubled, is multiplied by to be a sine; a sine to be a slope; the product to be a slope. */
const DOUBLE_PRODUCT = 2 ** (1 - SINE_BITS);
const SLOPE_SHIFT = 2 ** (FIXED.slope - SINE_BITS);
const SLOPE_PRODUCT = 2 ** (1 + FIXED.slope - 2 * SINE_BITS);

/** The nearest integer, halves up: exact for the multiples of 2^-22 below 2^30 that there are here. */
const nearest = (x: number) => Math.floor(x + 0.5);

function clamped(x: number, limit: number): number {
  return x > limit ? limit : x < -limit ? -limit : x;
}

/** Leaves integers of ANGLE_BITS behind the point in z. */
function integerForward(z: Float64Array, h: Float64Array, shape: Paths): void {
  const { points, paths, width } = shape;
  const size = points * width;
  const own = centres(shape);
  for (let i = 0; i < paths * size; i++) z[i] = clamped(nearest(z[i] * ANGLE_SCALE), ANGLE_LIMIT - 1);
  for (let i = 0; i < own; i++) h[i] = sineOf(phaseOf(z[i])) * SINE_UNIT;
  if (own > size) return;
  for (let i = 0; i < size; i++) {
    const centre = phaseOf(z[i]);
    for (let at = i + size; at < paths * size; at += size) {
      const half = halfPhaseOf(z[at]);
      h[at] = nearest(cosineOf(centre + half) * sineOf(half) * DOUBLE_PRODUCT) * SINE_UNIT;
    }
  }
}

/** Gradients become integers of FIXED.gradient bits behind the point, slopes of FIXED.slope; every product is rounded. */
function integerBackward(z: Float64Array, g: Float64Array, shape: Paths): void {
  const { points, paths, width } = shape;
  const size = points * width;
  const own = centres(shape);
  for (let i = 0; i < paths * size; i++) g[i] = clamped(nearest(g[i] * GRADIENT_SCALE), GRADIENT_LIMIT);
  for (let i = 0; i < own; i++) {
    const centre = phaseOf(z[i]);
    let sum = nearest(g[i] * nearest(cosineOf(centre) * SLOPE_SHIFT) * SLOPE_UNIT);
    if (own === size) {
      for (let at = i + size; at < paths * size; at += size) {
        const half = halfPhaseOf(z[at]);
        const change = nearest(sineOf(centre + half) * sineOf(half) * SLOPE_PRODUCT);
        sum -= nearest(g[at] * change * SLOPE_UNIT);
        const there = nearest(cosineOf(centre + 2 * half) * SLOPE_SHIFT);
        g[at] = nearest(g[at] * there * SLOPE_UNIT) * GRADIENT_UNIT;
      }
    }
    g[i] = sum * GRADIENT_UNIT;
  }
}
