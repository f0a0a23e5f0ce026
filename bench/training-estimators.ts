import { createNetwork, forward, type Network } from '../compiler/compress/integer-training/group.js';
import { smxNumbers } from '../compiler/compress/integer-training/number-formats.js';
import { mxBytes, mxValues, roundToMx } from '../compiler/compress/integer-training/ocp-mx.js';
import { exactPlan, type PathPlan, steinPlan, valuePlan } from '../compiler/compress/integer-training/paths.js';
import { roundToBlocks, smxBytes, smxFormat } from '../compiler/compress/integer-training/smx.js';
import {
  gaussHermiteRule,
  hutchinsonLaplacian,
  randomRule,
  type SteinRule,
  sobolRule,
} from '../compiler/compress/integer-training/stein.js';
import { createLayers } from '../compiler/compress/integer-training/trained-layers.js';
import { uniform } from '../compiler/judge/points/random.js';
import { sobolPoints } from '../compiler/judge/points/sobol.js';

/** How well estimators of the Laplacian do on a network of sines that is as steep as one that has learned waves. */

const INPUTS = 2;
const COUNT = 16;
const SIGMAS = [0.1, 0.01] as const;
const PAIRS = 512;
const WIDTHS = [8, 12, 16] as const;

function steepNetwork(): Network {
  const layers = createLayers({ inputs: INPUTS, hidden: [64, 64], structure: 'dense', rank: 1 }, uniform(5));
  const [{ matrices }] = layers[0].halves;
  matrices[0].values.set(matrices[0].values.map((w) => Math.min(3.9, Math.max(-3.9, 8 * w))));
  return { ...createNetwork(layers, smxNumbers()), numbers: undefined };
}

const POINTS = sobolPoints(COUNT, INPUTS).map((x) => Math.round(x * 2 ** 14) / 2 ** 14);

function laplacians(net: Network, plan: PathPlan): number[] {
  const [outputs] = forward(net, plan, POINTS, COUNT);
  return Array.from({ length: COUNT }, (_, p) => plan.gather(outputs, COUNT, p).laplacian);
}

/** Rounding of the second hidden matrix, and the bytes of what forward and backward passes read. */
function formatLines(net: Network): string[] {
  const [{ rows, cols, values }] = net.layers[1].halves[0].matrices;
  const off = (rounded: Float64Array) => percent(errorOf(Array.from(rounded), Array.from(values)));
  const smx = [4, 8].map((block) => {
    const format = smxFormat(8, block, -30, 0);
    const bytes = smxBytes(rows, cols, format);
    return `| SMX, ${block} x ${block} | ${off(roundToBlocks(values, rows, cols, format).values)} | ${bytes} |`;
  });
  const mx = mxValues(roundToMx(values, rows, cols));
  return [...smx, `| OCP MXINT8, 1 x 32 | ${off(mx)} | ${mxBytes(rows, cols) + mxBytes(cols, rows)} |`];
}

const errorOf = (found: readonly number[], wanted: readonly number[]) =>
  Math.hypot(...found.map((v, i) => v - wanted[i])) / Math.hypot(...wanted);
const percent = (x: number) => `${(100 * x).toPrecision(2)} %`;

/** Three tables as Markdown. */
export function estimatorText(): string {
  const net = steepNetwork();
  const widths = SIGMAS.flatMap((sigma) =>
    WIDTHS.map((bits) => {
      const numbers = smxNumbers({ bits });
      const rule = randomRule(sigma, PAIRS, INPUTS, uniform(3));
      const float = laplacians(net, steinPlan(rule, INPUTS, 'difference'));
      const of = (carry: 'direct' | 'difference') =>
        errorOf(laplacians({ ...net, numbers }, steinPlan(rule, INPUTS, carry, numbers)), float);
      return `| ${sigma} | INT${bits} | ${percent(of('direct'))} | ${percent(of('difference'))} |`;
    }),
  );
  return `## The Laplacian in integers

Relative error of the Laplacians at ${COUNT} points of a steep 2-64-64-1 network with INT8 weights, against the same estimate with ${PAIRS}
random pairs in floating point: values in blocks of 4 x 4, of perturbed points as they are or as differences.

| sigma | values | direct | differences |
| --- | --- | --- | --- |
${widths.join('\n')}

And what the estimators themselves are off by in floating point, against exact derivatives, sigma ${SIGMAS[1]}, root mean square of 8 seeds:

| evaluations | Stein, random | Stein, Sobol | Hutchinson | sparse Gauss-Hermite |
| --- | --- | --- | --- | --- |
${samplingLines(net).join('\n')}

Its second matrix of 64 x 64 in INT8: relative error of the rounding, and bytes for W and its transpose. SMX keeps one copy for
both; the blocks of OCP MX lie along rows, so that the transpose is a second one.

| format | error | bytes |
| --- | --- | --- |
${formatLines(net).join('\n')}
`;
}

function samplingLines(net: Network): string[] {
  const exact = laplacians(net, exactPlan(INPUTS, INPUTS));
  const sigma = SIGMAS[1];
  const stein = (rule: SteinRule) => errorOf(laplacians(net, steinPlan(rule, INPUTS, 'difference')), exact);
  const rms = (of: (seed: number) => number) =>
    percent(Math.sqrt(Array.from({ length: 8 }, (_, seed) => of(seed) ** 2).reduce((a, b) => a + b) / 8));
  const value = (point: Float64Array) => forward(net, valuePlan(INPUTS, 1), point, 1)[0][0];
  const hutchinson = (pairs: number, seed: number) => {
    const random = uniform(seed);
    const found = Array.from({ length: COUNT }, (_, p) =>
      hutchinsonLaplacian(value, POINTS.slice(p * INPUTS, (p + 1) * INPUTS), pairs, sigma, random),
    );
    return errorOf(found, exact);
  };
  const sparse = gaussHermiteRule(sigma, INPUTS);
  return [sparse.pairs, 64, 512].map((pairs) => {
    const cells = [
      rms((seed) => stein(randomRule(sigma, pairs, INPUTS, uniform(seed)))),
      rms((seed) => stein(sobolRule(sigma, pairs, INPUTS, 1 + seed * pairs))),
      rms((seed) => hutchinson(pairs, seed)),
      pairs === sparse.pairs ? percent(stein(sparse)) : '',
    ];
    return `| ${2 * pairs + 1} | ${cells.join(' | ')} |`;
  });
}
