import { evaluateOutputs } from '../compiler/compress/teacher/teacher.js';
import { buildIr } from '../compiler/ir/from-model.js';
import { foldGraph } from '../compiler/ir/simplify.js';
import { interiorPoints } from '../compiler/judge/points/cover.js';
import { RELATIVE_L2_SHARE } from '../compiler/judge/requirement.js';
import { inputBox } from '../compiler/model/box.js';
import type { Model } from '../compiler/model/types.js';
import type { LookupTable } from './compress-rows.js';

/**
 * What an engineer would do without this compiler: the outputs at the points of a regular grid, in 16 bits, and
 * interpolation between them along every axis, linear or by cubics through four points. The number of points of each axis
 * is what keeps the tolerance along that axis by itself; then all together grow or shrink until the table as a whole just
 * keeps it.
 */

interface MeasuredTable {
  /** Points per axis. */
  shape: number[];
  bytes: number;
  /** Products per output of an answer. */
  reads: number;
  /** Largest error over the largest output; the worst output counts. */
  error: number;
}

/** Points that interpolation reads along an axis, and the power of the distance that its error goes with. */
const STENCIL = { bilinear: 2, cubic: 4 } as const;
const LINES = 12;
const LINE_POINTS = 2049;
/** Evaluations of the network for a look at a table. */
const EVALUATIONS = 1 << 17;
const FRESH_SKIP = 24_000;
const LOOKS = 12;

export function lookupTable(model: Model, tolerance: number, kind: LookupTable): MeasuredTable {
  const box = inputBox(model.inputs);
  const graph = foldGraph(buildIr(model));
  const d = model.inputs.length;
  const at = (points: Float64Array) => evaluateOutputs(graph, points, d);
  const largest = largestOutputs(at(interiorPoints(box, 8192)), graph.output.width);
  const place = (k: number, share: number) => box.min[k] + share * (box.max[k] - box.min[k]);
  const alone = Array.from(box.min.keys(), pointsOfAxis);
  let [low, high] = [0.25, 4];
  let best: MeasuredTable | undefined;
  for (let n = 0; n < LOOKS; n++) {
    const factor = Math.sqrt(low * high);
    const shape = alone.map((count) => Math.max(STENCIL[kind], Math.ceil(factor * count)));
    const measured = measure(shape);
    if (measured.within) {
      best = measured;
      high = factor;
    } else low = factor;
    if (!best && n === LOOKS / 2) high *= 8;
  }
  if (!best) throw new Error(`no table of ${model.name} keeps ${tolerance}`);
  return best;

  /** The fewest points along an axis that keep the tolerance on lines along it. */
  function pointsOfAxis(k: number): number {
    const starts = interiorPoints(box, LINES, 64);
    const points = new Float64Array(LINES * LINE_POINTS * d);
    for (let i = 0; i < LINES * LINE_POINTS; i++) {
      for (let j = 0; j < d; j++) points[i * d + j] = starts[Math.floor(i / LINE_POINTS) * d + j];
      points[i * d + k] = place(k, (i % LINE_POINTS) / (LINE_POINTS - 1));
    }
    const values = at(points);
    const width = largest.length;
    const keeps = (count: number) => {
      for (let i = 0; i < LINES * LINE_POINTS; i++) {
        const line = Math.floor(i / LINE_POINTS) * LINE_POINTS;
        const { first, weights } = stencil(kind, count, (i % LINE_POINTS) / (LINE_POINTS - 1));
        for (let c = 0; c < width; c++) {
          let sum = 0;
          weights.forEach((w, j) => {
            const node = line + Math.round(((first + j) / (count - 1)) * (LINE_POINTS - 1));
            sum += w * values[node * width + c];
          });
          if (Math.abs(sum - values[i * width + c]) > (tolerance / d) * largest[c]) return false;
        }
      }
      return true;
    };
    // Points of the table are points of the lines: the distances are powers of two of theirs.
    for (let step = (LINE_POINTS - 1) / 4; step > 1; step /= 2) {
      const count = (LINE_POINTS - 1) / step + 1;
      if (keeps(count)) return count;
    }
    return LINE_POINTS;
  }

  function measure(shape: readonly number[]): MeasuredTable & { within: boolean } {
    const reads = STENCIL[kind] ** d;
    const count = Math.max(256, Math.floor(EVALUATIONS / reads));
    const points = interiorPoints(box, count, FRESH_SKIP);
    const nodes = new Float64Array(count * reads * d);
    const factors = new Float64Array(count * reads);
    for (let p = 0; p < count; p++) {
      const axes = shape.map((n, k) => stencil(kind, n, (points[p * d + k] - box.min[k]) / (box.max[k] - box.min[k])));
      for (let r = 0; r < reads; r++) {
        let [rest, factor] = [r, 1];
        axes.forEach(({ first, weights }, k) => {
          const j = rest % weights.length;
          rest = Math.floor(rest / weights.length);
          factor *= weights[j];
          nodes[(p * reads + r) * d + k] = place(k, (first + j) / (shape[k] - 1));
        });
        factors[p * reads + r] = factor;
      }
    }
    const [exact, stored] = [at(points), at(nodes)];
    const width = largest.length;
    let [error, within] = [0, true];
    for (let c = 0; c < width; c++) {
      const unit = largest[c] / 32767 || 1;
      let [most, squares, all] = [0, 0, 0];
      for (let p = 0; p < count; p++) {
        let sum = 0;
        for (let r = p * reads; r < (p + 1) * reads; r++) {
          sum += factors[r] * unit * Math.round(stored[r * width + c] / unit);
        }
        const miss = sum - exact[p * width + c];
        most = Math.max(most, Math.abs(miss));
        squares += miss * miss;
        all += exact[p * width + c] ** 2;
      }
      error = Math.max(error, most / (largest[c] || 1));
      within &&= most <= tolerance * largest[c] && squares <= (RELATIVE_L2_SHARE * tolerance) ** 2 * all;
    }
    return { shape: [...shape], bytes: 2 * width * shape.reduce((n, s) => n * s, 1), reads, error, within };
  }
}

/** The points that are read at a place of an axis, in 0 .. 1, and their factors. */
function stencil(kind: LookupTable, count: number, place: number): { first: number; weights: number[] } {
  const reach = STENCIL[kind];
  const at = place * (count - 1);
  const first = Math.max(0, Math.min(count - reach, Math.floor(at) - (reach / 2 - 1)));
  const weights = Array.from({ length: reach }, (_, j) => {
    let weight = 1;
    for (let i = 0; i < reach; i++) if (i !== j) weight *= (at - first - i) / (j - i);
    return weight;
  });
  return { first, weights };
}

function largestOutputs(values: Float64Array, width: number): Float64Array {
  const largest = new Float64Array(width);
  values.forEach((v, i) => {
    largest[i % width] = Math.max(largest[i % width], Math.abs(v));
  });
  return largest;
}
