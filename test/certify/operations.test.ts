import { describe, expect, it } from 'vitest';
import { certify } from '../../compiler/certify/certify.js';
import { checkCertificate } from '../../compiler/certify/check/check-certificate.js';
import type { Precision } from '../../compiler/formats/plan.js';
import type { Model } from '../../compiler/model/types.js';
import { boxPoints, errorsAt, type Layout, quantized, smallModel, summed } from './helpers.js';

/** Every operation, in several formats: no point above its bound, the checker agrees, and the bound says something. */

const unary = (op: string, more: object = {}) =>
  smallModel([{ name: 'f', op, inputs: ['z'], ...more }, summed('f')], 'y');
const positive = { bias: [3, 4, 3.5, 4.5] };
const onPositive = (op: string, more: object = {}) =>
  smallModel([{ name: 'f', op, inputs: ['z'], ...more }, summed('f')], 'y', positive);
const two = (op: string) =>
  smallModel(
    [
      { name: 'a', op: 'tanh', inputs: ['z'] },
      { name: 'b', op: 'sin', inputs: ['z'] },
      { name: 'f', op, inputs: ['a', 'b'] },
      summed('f'),
    ],
    'y',
  );

const MODELS: Record<string, Model> = {
  tanh: unary('tanh'),
  sin: unary('sin'),
  cos: unary('cos'),
  'sin of many turns': smallModel([{ name: 'f', op: 'sin', inputs: ['z'] }, summed('f')], 'y', { scale: 5 }),
  sigmoid: unary('sigmoid'),
  silu: unary('silu'),
  softplus: unary('softplus'),
  exp: unary('exp'),
  atan: unary('atan'),
  erf: unary('erf'),
  mish: unary('mish'),
  gelu: unary('gelu'),
  'gelu by tanh': unary('gelu', { approximate: 'tanh' }),
  tan: smallModel([{ name: 'f', op: 'tan', inputs: ['z'] }, summed('f')], 'y', { scale: 0.5 }),
  sinh: unary('sinh'),
  cosh: unary('cosh'),
  asin: smallModel([{ name: 'f', op: 'asin', inputs: ['z'] }, summed('f')], 'y', { scale: 0.3 }),
  acos: smallModel([{ name: 'f', op: 'acos', inputs: ['z'] }, summed('f')], 'y', { scale: 0.3 }),
  asinh: unary('asinh'),
  acosh: onPositive('acosh'),
  atanh: smallModel([{ name: 'f', op: 'atanh', inputs: ['z'] }, summed('f')], 'y', { scale: 0.3 }),
  relu: unary('relu'),
  abs: unary('abs'),
  selu: unary('selu'),
  elu: unary('elu', { alpha: 0.7 }),
  leaky_relu: unary('leaky_relu', { slope: 0.1 }),
  hard_sigmoid: unary('hard_sigmoid'),
  clip: unary('clip', { min: -0.5, max: 0.8 }),
  lookup: unary('lookup', { points: [-1, 0, 0.5, 1], values: [0.2, -0.1, 0.4, 0.3] }),
  square: unary('pow', { exponent: 2 }),
  cube: unary('pow', { exponent: 3 }),
  reciprocal: onPositive('reciprocal'),
  sqrt: onPositive('sqrt'),
  log: onPositive('log'),
  'power 1.5': onPositive('pow', { exponent: 1.5 }),
  neg: unary('neg'),
  add: two('add'),
  sub: two('sub'),
  mul: two('mul'),
  min: two('min'),
  max: two('max'),
  div: smallModel(
    [
      { name: 'a', op: 'tanh', inputs: ['z'] },
      { name: 'e', op: 'exp', inputs: ['z'] },
      { name: 'f', op: 'div', inputs: ['a', 'e'] },
      summed('f'),
    ],
    'y',
  ),
  'select without a jump': smallModel(
    [
      { name: 'a', op: 'scale', inputs: ['z'], scale: [0.5] },
      { name: 'f', op: 'select', inputs: ['z', 'z', 'a'] },
      summed('f'),
    ],
    'y',
  ),
  mean: smallModel(
    [
      { name: 'a', op: 'tanh', inputs: ['z'] },
      { name: 'y', op: 'mean', inputs: ['a'] },
    ],
    'y',
  ),
};

const FORMATS: [Precision, Layout][] = [
  ['32', 'plain'],
  ['16', 'dual'],
  ['auto', 'lanes'],
];

/** Around a kink a bound shrinks only with the boxes: what it can be with few of them says little. */
const KINKED = ['relu', 'abs', 'selu', 'elu', 'leaky_relu', 'clip', 'lookup', 'min', 'max', 'select without a jump'];

describe('a certificate', () => {
  for (const [name, model] of Object.entries(MODELS)) {
    for (const [precision, layout] of FORMATS) {
      it(`bounds ${name}, ${precision} bits, ${layout}`, async () => {
        const build = quantized(model, 1e-3, precision, layout);
        const { certificate } = await certify(build, { threads: 1, boxes: 100 });
        const [error] = errorsAt(build, boxPoints(model, 2000));
        const [output] = certificate.outputs;
        expect(error).toBeLessThanOrEqual(output.bound);
        if (!KINKED.includes(name)) expect(output.bound).toBeLessThan(16 * error);
        if (layout !== 'plain') return;
        expect(checkCertificate(build, certificate)).toBeUndefined();
        const lower = { ...certificate, outputs: [{ ...output, bound: 0.99 * output.bound }] };
        expect(checkCertificate(build, lower)).toMatch(/may be off by/);
      }, 60_000);
    }
  }

  it.each(KINKED)(
    'gets tighter around the kinks of %s with more boxes',
    async (name) => {
      const build = quantized(MODELS[name], 1e-3);
      const bound = async (boxes: number) => (await certify(build, { threads: 1, boxes })).certificate.outputs[0].bound;
      expect(await bound(500)).toBeLessThan(0.8 * (await bound(60)));
    },
    60_000,
  );
});
