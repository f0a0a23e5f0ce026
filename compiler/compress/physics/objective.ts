import { evaluateIr, pullBackIr } from '../../ir/evaluate.js';
import { addNormalEquations, type NormalEquations } from '../../ir/jacobian.js';
import { type ParameterLayout, weightSites } from '../../ir/parameters.js';
import { addOuterProducts } from '../refine/outer-products.js';
import { evaluateOutputs } from '../teacher/teacher.js';
import type { Term } from './terms.js';

/** The loss of a network at points, its gradient by the weights, and what Gauss and Newton make of its residuals. */

/** A term at some of its points. */
export interface Batch {
  readonly term: Term;
  /** Row-major [count x inputs]. */
  readonly points: Float64Array;
  readonly count: number;
  /** What the outputs should be there; zero unless given. */
  readonly wanted?: Float64Array;
  /** What every point counts; their sum is 1 for a mean. */
  readonly shares: Float64Array;
}

export interface Loss {
  total: number;
  /** Mean squares of all outputs of all terms, without their weights, in the order of the terms. */
  terms: number[];
}

const CHUNK = 512;

/** (value - wanted) sqrt(weight), row-major [points x outputs]. */
export function errorsOf({ term, points, wanted }: Batch, inputCount: number): Float64Array {
  const { graph, roots } = term;
  const errors = evaluateOutputs(graph, points, inputCount);
  for (let i = 0; i < errors.length; i++) errors[i] = (errors[i] - (wanted?.[i] ?? 0)) * roots[i % roots.length];
  return errors;
}

export function lossOf(batches: readonly Batch[], inputCount: number): Loss {
  return sumUp(
    batches,
    batches.map((batch) => errorsOf(batch, inputCount)),
  );
}

export function sumUp(batches: readonly Batch[], errors: readonly Float64Array[]): Loss {
  let total = 0;
  const terms = batches.flatMap(({ term: { roots }, shares }, b) => {
    const sums = new Float64Array(roots.length);
    errors[b].forEach((e, i) => {
      sums[i % roots.length] += shares[Math.floor(i / roots.length)] * e * e;
    });
    for (const sum of sums) total += sum;
    return Array.from(sums, (sum, k) => sum / roots[k] ** 2);
  });
  return { total, terms };
}

/** The loss and its gradient. */
export function gradientOf(
  batches: readonly Batch[],
  inputCount: number,
  layout: ParameterLayout,
): Loss & { gradient: Float64Array } {
  const gradient = new Float64Array(layout.size);
  const all = batches.map(({ term: { graph, roots }, points, count, wanted, shares }) => {
    const sites = weightSites(graph).filter(({ weight, bias }) =>
      [weight, bias].some((a) => a && layout.offsets.has(a)),
    );
    const k = roots.length;
    const errors = new Float64Array(count * k);
    for (let start = 0; start < count; start += CHUNK) {
      const end = Math.min(count, start + CHUNK);
      const values = evaluateIr(graph, points.subarray(start * inputCount, end * inputCount), inputCount);
      const seed = values.get(graph.output)!.map((v, i) => {
        const at = start * k + i;
        errors[at] = (v - (wanted?.[at] ?? 0)) * roots[i % k];
        return 2 * shares[Math.floor(at / k)] * errors[at] * roots[i % k];
      });
      const gradients = pullBackIr(graph, values, seed);
      for (const site of sites) addOuterProducts(gradient, layout, site, gradients.get(site.out)!, values.get(site.x)!);
    }
    return errors;
  });
  return { ...sumUp(batches, all), gradient };
}

/** J^T J and J^T r of all residuals r = (value - wanted) sqrt(weight share): the loss is their sum of squares. */
export function gaussNewton(
  batches: readonly Batch[],
  inputCount: number,
  layout: ParameterLayout,
  into: NormalEquations,
): Loss {
  into.gram.sum.fill(0);
  into.gradient.fill(0);
  const all = batches.map((batch) => {
    const { term, points, shares } = batch;
    const errors = errorsOf(batch, inputCount);
    const allowances = term.roots.map((root) => 1 / root);
    const weights = errors.map((_, i) => shares[Math.floor(i / allowances.length)]);
    addNormalEquations({ allowances, inputCount }, term.graph, points, errors, weights, into, layout);
    return errors;
  });
  return sumUp(batches, all);
}
