import { describe, expect, it } from 'vitest';
import type { CertifiedBuild } from '../../compiler/certify/certify.js';
import { enclose, type TableBound } from '../../compiler/certify/check/enclose.js';
import { Polynomials } from '../../compiler/certify/check/polynomials.js';
import { noShares } from '../../compiler/certify/prove/element-bounds.js';
import { Enclosure } from '../../compiler/certify/prove/enclosure.js';
import { TableErrors } from '../../compiler/certify/prove/table-errors.js';
import { readTableProgram } from '../../compiler/certify/read/block-table.js';
import { readModelProgram } from '../../compiler/certify/read/model.js';
import type { Program } from '../../compiler/certify/read/program.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../../compiler/code/engines/engine.js';
import { congruential } from '../../compiler/judge/points/random.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import type { Model } from '../../compiler/model/types.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { decodeTable } from '../../compiler/table/table.js';
import { modelFrom, perceptron, randoms, tensor } from '../helpers/models.js';
import { type Layout, quantized, smallModel, summed } from './helpers.js';

/**
 * What prover and checker say of single boxes of every size: at random points in them, table and model each lie within
 * the radius of their own polynomial. A bound of the whole box would hide a term that is too small where another is large.
 */

const VALUE = 5;
const SLOPE = 3;

/** An output over a box: a polynomial of the place in [-1, 1]^2, and how far it may be off. */
interface Output {
  p: ArrayLike<number>;
  r: number;
}

/** Monomials of two variables up to a degree, in the order of both: by degree, powers of the first falling. */
const MONOMIALS = Array.from({ length: VALUE + 1 }, (_, k) =>
  Array.from({ length: k + 1 }, (_, i) => [k - i, i]),
).flat();

const valueAt = (p: ArrayLike<number>, [s, t]: readonly number[]) =>
  MONOMIALS.reduce((sum, [a, b], i) => sum + (p[i] ?? 0) * s ** a * t ** b, 0);

type Bounder = (program: Program, low: number[], high: number[]) => Output | undefined;

function proverOf(program: Program): Bounder {
  const enclosure = new Enclosure(program, 2, { value: VALUE, slope: SLOPE }, new TableErrors());
  return (_, low, high) => {
    if (!enclosure.forward(low, high)) return undefined;
    const [out] = program.outputs;
    const size = enclosure.al.size;
    const { total } = enclosure.contributions(out, noShares());
    return { p: enclosure.p.slice(out * size, (out + 1) * size), r: total };
  };
}

/** The checker's own enclosure, with the prover's errors of tables: those are compared elsewhere. */
function checkerOf(): Bounder {
  const [all, errors] = [new Polynomials(2, VALUE), new TableErrors()];
  const tables: TableBound = (table, low, high) => {
    const { middle, radius } = errors.over(table, low, high);
    return [middle, radius];
  };
  return (program, low, high) => enclose(program, [low, high], [VALUE, SLOPE], all, tables)[0];
}

function edgeOf({ model, table }: CertifiedBuild): (points: Float64Array) => Float64Array {
  const decoded = decodeTable(table);
  const oracle = createOracle(decoded);
  return (points) =>
    fromWords(
      oracle.run(toWords(points, inputWordFormats(decoded))).outputs,
      outputWordFormats(decoded, model.outputs),
    );
}

const knots = { k: tensor([4, 5, 6], randoms(3), 0.7) };
const positive = { bias: [3, 4, 3.5, 4.5] };
const unary = (op: string, more = {}, options = {}) =>
  smallModel([{ name: 'f', op, inputs: ['z'], ...more }, summed('f')], 'y', options);

const CASES: [string, Layout, Model][] = [
  ['tanh', 'lanes', modelFrom(perceptron([2, 6, 6, 1], 'tanh', 3))],
  ['tanh in coarse formats', 'dual', modelFrom(perceptron([2, 6, 6, 6, 1], 'tanh', 5, 4))],
  ['sin', 'dual', modelFrom(perceptron([2, 6, 6, 1], 'sin', 4, 3))],
  ['atan', 'plain', unary('atan', {}, { scale: 3 })],
  ['gelu', 'plain', unary('gelu', {}, { scale: 3 })],
  ['mish', 'plain', unary('mish')],
  ['sqrt', 'plain', unary('sqrt', {}, positive)],
  ['reciprocal', 'plain', unary('reciprocal', {}, positive)],
  ['abs', 'plain', unary('abs')],
  ['lookup', 'plain', unary('lookup', { points: [-1, 0, 0.5, 1], values: [0.2, -0.1, 0.4, 0.3] })],
  ['round', 'plain', unary('round', {}, { scale: 2 })],
  [
    'spline',
    'plain',
    smallModel(
      [
        {
          name: 'f',
          op: 'spline',
          inputs: ['x', 't'],
          coefficients: 'k',
          degree: 2,
          ranges: [
            [-1, 1],
            [0, 2],
          ],
        },
        summed('f'),
      ],
      'y',
      { tensors: knots },
    ),
  ],
  [
    'select',
    'plain',
    smallModel(
      [
        { name: 'a', op: 'scale', inputs: ['z'], scale: [0.5], shift: [0.3] },
        { name: 'h', op: 'mul', inputs: ['a', 'z'] },
        { name: 'f', op: 'select', inputs: ['z', 'h', 'a'] },
        summed('f'),
      ],
      'y',
    ),
  ],
];

describe.each(CASES)('boxes of a network of %s', (name, layout, model) => {
  const build = quantized(model, name.includes('coarse') ? 0.5 : 1e-3, 'auto', layout);
  const edge = readTableProgram(decodeTable(build.table), build.claims, build.outputs);
  const reference = readModelProgram(model);
  const programs: [Program, (points: Float64Array) => Float64Array][] = [
    [edge, edgeOf(build)],
    [reference, (points) => evaluateReference(model, points)],
  ];

  it.each(['prover', 'checker'])('are within what the %s says', (who) => {
    const random = congruential(17);
    let bounded = 0;
    for (const [program, exact] of programs) {
      const bound = who === 'prover' ? proverOf(program) : checkerOf();
      for (let n = 0; n < 10; n++) {
        const width = 2 ** (-1.2 * n);
        const low = model.inputs.map(({ min, max }) => min + random() * (max - min) * (1 - width));
        const high = model.inputs.map(({ min, max }, k) => low[k] + width * (max - min));
        const output = bound(program, low, high);
        if (!output || !Number.isFinite(output.r)) continue;
        bounded++;
        const places = Array.from({ length: 60 }, () => [0, 1].map(() => Math.round(16 * (2 * random() - 1)) / 16));
        const points = Float64Array.from(
          places.flatMap((s) => s.map((v, k) => low[k] + ((v + 1) / 2) * (high[k] - low[k]))),
        );
        exact(points).forEach((value, i) => {
          expect(Math.abs(value - valueAt(output.p, places[i]))).toBeLessThanOrEqual(output.r + 1e-12);
        });
      }
    }
    expect(bounded).toBeGreaterThan(10);
  });
});
