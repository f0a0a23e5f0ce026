import { evaluateIr } from '../../ir/evaluate.js';
import { cholesky } from '../../ir/linear-algebra/cholesky.js';
import { sweep } from '../../ir/linear-algebra/nearest-plane.js';
import { mapNodes } from '../../ir/map-nodes.js';
import { type WeightSite, weightSites } from '../../ir/parameters.js';
import { coresOf } from '../../ir/tensor-train.js';
import type { IrGraph, IrNode, WeightBits } from '../../ir/types.js';
import { storedBytes } from '../graph-cost.js';
import { POINT_COUNTS } from '../teacher/point-counts.js';
import { type Samples, shareOf, type Teacher, trainingPoints } from '../teacher/teacher.js';
import { withPeaks } from '../teacher/worst-points.js';
import { roundRows, rowUnit } from './hmatrix.js';
import { type Moments, momentsOf } from './moments.js';

/** {@link roundWithin} with the peaks between the points in view; without, where even 32 bits exceed the limit there. */
export function roundWithPeaks(teacher: Teacher, graph: IrGraph, samples: Samples, limit: number): IrGraph | undefined {
  const known = withPeaks(teacher, graph, samples);
  return roundWithin(teacher, graph, known, limit) ?? roundWithin(teacher, graph, samples, limit);
}

/**
 * Weights rounded to the precision that each matrix states (16 bits where it states none), or to more where the network
 * would leave its share of the tolerance: the matrix whose rounding costs most is widened first. Where there is room,
 * matrices are narrowed again, the largest first.
 * @returns undefined when 32 bits everywhere are not enough
 */
export function roundWithin(teacher: Teacher, graph: IrGraph, samples: Samples, limit: number): IrGraph | undefined {
  const sites = weightSites(graph);
  // Either can do better on small matrices: the second takes no heed of the activations.
  const found = [planeRounding(teacher, graph, sites), rowRounding(sites)].flatMap(
    (rounding) => roundBy(rounding, teacher, graph, sites, samples, limit) ?? [],
  );
  return found.reduce<IrGraph | undefined>((a, b) => (a && storedBytes(a) <= storedBytes(b) ? a : b), undefined);
}

function roundBy(
  rounding: Rounding,
  teacher: Teacher,
  graph: IrGraph,
  sites: readonly WeightSite[],
  samples: Samples,
  limit: number,
): IrGraph | undefined {
  const bits = sites.map(({ precision = 16 }) => precision);
  // The cores of tensor trains are stored as they are, so the network has to keep its share with them and with what they
  // are rounded to on the device.
  const stored = graph.nodes.some((node) => node.kind === 'affine' && coresOf(node)) ? [true, false] : [true];
  const errorOf = (widths: readonly WeightBits[]) =>
    Math.max(...stored.map((trains) => shareOf(teacher, withPrecision(graph, widths, rounding, trains), samples)));
  let error = errorOf(bits);
  if (error > limit) {
    const costs = sites.map((_, k) => errorOf(bits.map((b, i) => (i === k ? b : 32))));
    while (error > limit) {
      const candidates = bits.flatMap((b, k) => (b < 32 ? [k] : []));
      if (!candidates.length) return undefined;
      const worst = candidates.reduce((m, k) => (costs[k] > costs[m] ? k : m));
      bits[worst] = bits[worst] === 8 ? 16 : 32;
      costs[worst] = errorOf(bits.map((b, i) => (i === worst ? b : 32)));
      error = errorOf(bits);
    }
  }
  const order = Array.from(sites.keys()).sort((a, b) => sites[b].weight.length - sites[a].weight.length);
  for (const k of order.slice(0, MOST_NARROWED)) {
    while (bits[k] > 8) {
      const narrower = bits.map((b, i): WeightBits => (i !== k ? b : b === 32 ? 16 : 8));
      if (errorOf(narrower) > limit) break;
      bits[k] = narrower[k];
    }
  }
  return withPrecision(graph, bits, rounding, false);
}

const MOST_NARROWED = 48;

/** A matrix at a precision, with what the mean of its argument makes of the rounding errors, to be added to the bias. */
interface Rounded {
  weight: Float64Array;
  shift?: Float64Array;
}

type Rounding = (site: number, bits: WeightBits) => Rounded;

/** Every weight to the nearest. */
function rowRounding(sites: readonly WeightSite[]): Rounding {
  return (k, bits) => ({ weight: roundRows(sites[k].weight, sites[k].x.width, bits) });
}

/** The matrices of the sites at any precision, rounded with their arguments over the box in view. */
function planeRounding(teacher: Teacher, graph: IrGraph, sites: readonly WeightSite[]): Rounding {
  const values = evaluateIr(graph, trainingPoints(teacher, POINT_COUNTS.rounding), teacher.inputCount);
  const moments = new Map<IrNode, Moments>();
  const known = new Map<string, Rounded>();
  return (k, bits) => {
    const key = `${k} ${bits}`;
    const before = known.get(key);
    if (before) return before;
    const { x, out, weight, bias } = sites[k];
    const { width } = x;
    // The cores of a tensor train are stored, not the halves that stand here.
    if (bits === 32 || (out.kind === 'affine' && coresOf(out))) {
      const rounded = { weight: roundRows(weight, width, bits) };
      known.set(key, rounded);
      return rounded;
    }
    const { mean, covariance } = moments.get(x) ?? momentsOf(values.get(x)!, width);
    moments.set(x, { mean, covariance, width });
    const shifts = out.kind === 'affine' && bias !== undefined;
    const moment = shifts ? covariance : covariance.map((c, i) => c + mean[Math.floor(i / width)] * mean[i % width]);
    const rounded: Rounded = { weight: roundTogether(weight, width, bits, moment) };
    if (shifts) {
      rounded.shift = new Float64Array(out.width);
      weight.forEach((w, i) => {
        rounded.shift![Math.floor(i / width)] += (w - rounded.weight[i]) * mean[i % width];
      });
    }
    known.set(key, rounded);
    return rounded;
  };
}

/** Damping of the second moments beside their mean: what is nearly free for some arguments must not run away. */
const DAMPING = 1e-2;

/**
 * Rounds every row w to integers q of `bits` bits times a power of two such that E[((w - q) x)^2] is small: each entry in
 * turn takes up what those before it have left, L_ij of the Cholesky factor of E[x x^T] saying how (Frantar et al., arXiv
 * 2210.17323; Babai's nearest plane). Zeros stay zeros.
 * @param moment E[x x^T], row-major [cols x cols]
 */
export function roundTogether(weights: Float64Array, cols: number, bits: 8 | 16, moment: Float64Array): Float64Array {
  let trace = 0;
  for (let c = 0; c < cols; c++) trace += moment[c * cols + c];
  const factor = new Float64Array(cols * cols);
  const damping = new Float64Array(cols).fill((DAMPING * trace) / cols);
  if (!(trace > 0 && cholesky(moment, damping, factor, cols, cols))) return roundRows(weights, cols, bits);
  const rounded = weights.slice();
  const limit = 2 ** (bits - 1);
  for (let at = 0; at < weights.length; at += cols) {
    const unit = rowUnit(weights.subarray(at, at + cols), bits);
    sweep(
      factor,
      cols,
      (c) => weights[at + c],
      (c, wanted) => {
        if (weights[at + c] === 0) return 0;
        rounded[at + c] = Math.min(limit - 1, Math.max(-limit, Math.round(wanted / unit))) * unit;
        return rounded[at + c];
      },
    );
  }
  return rounded;
}

/** @param trains also round the merged halves of tensor trains, whose cores then no longer describe them */
function withPrecision(graph: IrGraph, bits: readonly WeightBits[], rounding: Rounding, trains: boolean): IrGraph {
  let next = 0;
  return mapNodes(graph, (node, original) => {
    if (node.kind === 'affine') {
      const at = next++;
      const precision = bits[at];
      if (!trains && original.kind === 'affine' && coresOf(original)) return { ...node, precision };
      const { weight, shift } = rounding(at, precision);
      return { ...node, precision, weight, bias: shift ? node.bias.map((b, r) => b + shift[r]) : node.bias };
    }
    if (node.kind !== 'blocks') return node;
    const leaves = node.leaves.map((leaf) => {
      const at = next++;
      return { ...leaf, precision: bits[at], weight: rounding(at, bits[at]).weight };
    });
    return { ...node, leaves };
  });
}
