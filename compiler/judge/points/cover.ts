import type { Box } from '../../model/box.js';
import { uniform } from './random.js';
import { sobolPoints } from './sobol.js';

/** Points over the input box, engineering units, row-major [count x inputs]. */

/** Past this many inputs not every corner is taken (2^d grows too fast) but Sobol-chosen ones. */
const MAX_CORNERS = 1024;

/** `count` Sobol points over the box; `skip` selects a later, disjoint part of the sequence. */
export function interiorPoints(box: Box, count: number, skip = 1): Float64Array {
  return scaleToBox(sobolPoints(count, box.min.length, skip), box);
}

/** All corners of the box, or 1,024 of them when there are more. */
export function cornerPoints(box: Box): Float64Array {
  const d = box.min.length;
  const all = 2 ** d;
  const count = Math.min(all, MAX_CORNERS);
  const unit =
    all <= MAX_CORNERS
      ? Float64Array.from({ length: count * d }, (_, i) => (Math.floor(i / d) >> (i % d)) & 1)
      : sobolPoints(count, d).map((u) => (u < 0.5 ? 0 : 1));
  return scaleToBox(unit, box);
}

/**
 * Points on the faces of the box: each of `count` Sobol points with some coordinates moved to ends of their ranges. Faces of
 * one and of two pinned coordinates are visited in turn, every one as often as every other; where there are more inputs, a
 * third of the points have three or more pinned. Corners are left to {@link cornerPoints}.
 */
export function edgePoints(box: Box, count: number, skip = 1): Float64Array {
  const d = box.min.length;
  const unit = sobolPoints(count, d, skip);
  const kinds = Math.max(1, Math.min(3, d - 1));
  const random = uniform(d + skip);
  for (let p = 0; p < count; p++) {
    const turn = Math.floor(p / kinds);
    const pinned =
      p % kinds === 0 ? oneCoordinate(turn, d) : p % kinds === 1 ? twoCoordinates(turn, d) : several(d, random);
    for (const [axis, end] of pinned) unit[p * d + axis] = end;
  }
  return scaleToBox(unit, box);
}

/** Coordinates and the ends, 0 or 1, that they are moved to. */
type Pinned = readonly (readonly [axis: number, end: number])[];

function oneCoordinate(turn: number, d: number): Pinned {
  return [[turn % d, Math.floor(turn / d) & 1]];
}

/** All pairs of neighbours first, then of those one further apart, and so on; each at all four pairs of ends. */
function twoCoordinates(turn: number, d: number): Pinned {
  const ends = turn & 3;
  const pair = (turn >> 2) % ((d * (d - 1)) / 2);
  let distance = 1;
  let first = pair;
  for (; first >= d - distance; distance++) first -= d - distance;
  return [
    [first, ends & 1],
    [first + distance, ends >> 1],
  ];
}

/** Three or more, but not all, at random. */
function several(d: number, random: () => number): Pinned {
  const axes = Array.from({ length: d }, (_, axis) => axis);
  const wanted = 3 + Math.floor(random() * (d - 3));
  for (let k = 0; k < wanted; k++) {
    const other = k + Math.floor(random() * (d - k));
    [axes[k], axes[other]] = [axes[other], axes[k]];
  }
  return axes.slice(0, wanted).map((axis) => [axis, random() < 0.5 ? 0 : 1]);
}

/** Sobol points, faces and corners together: what ranges and errors are measured on. */
export function coveringPoints(box: Box, count: number, skip = 1): Float64Array {
  return concatPoints([cornerPoints(box), edgePoints(box, count >> 2), interiorPoints(box, count, skip)]);
}

/** The points of all parts, in order. */
export function concatPoints(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function scaleToBox(unit: Float64Array, box: Box): Float64Array {
  const d = box.min.length;
  return unit.map((u, i) => {
    const k = i % d;
    return u === 1 ? box.max[k] : box.min[k] + u * (box.max[k] - box.min[k]);
  });
}
