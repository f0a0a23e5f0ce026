import { sobolPoints } from './sobol.js';

/** Points over the input box, engineering units, row-major [count x inputs]. */

export interface Box {
  min: Float64Array;
  max: Float64Array;
}

/** Past this many inputs not every corner is taken (2^d grows too fast) but Sobol-chosen ones. */
const MAX_CORNERS = 1024;

/** The box of a model's inputs. */
export function inputBox(inputs: readonly { min: number; max: number }[]): Box {
  return { min: Float64Array.from(inputs, (i) => i.min), max: Float64Array.from(inputs, (i) => i.max) };
}

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

/** Points on the faces of the box: each of `count` Sobol points with one coordinate in turn moved to one of its ends. */
export function edgePoints(box: Box, count: number): Float64Array {
  const d = box.min.length;
  const unit = sobolPoints(count, d);
  for (let p = 0; p < count; p++) unit[p * d + ((p >> 1) % d)] = p & 1;
  // Every other pair pins two coordinates, so that the edges of a face are met as well.
  for (let p = 0; d > 1 && p < count; p++) if ((p >> 2) & 1) unit[p * d + (((p >> 1) + 1) % d)] = (p >> 3) & 1;
  return scaleToBox(unit, box);
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
