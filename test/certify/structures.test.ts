import { describe, expect, it } from 'vitest';
import { certify } from '../../compiler/certify/certify.js';
import { checkCertificate } from '../../compiler/certify/check/check-certificate.js';
import type { Model } from '../../compiler/model/types.js';
import { randoms, tensor } from '../helpers/models.js';
import { boxPoints, errorsAt, quantized, smallModel, summed } from './helpers.js';

/** Tensor trains, splines, jumps and powers of whole numbers: no point above its bound, and the checker agrees. */

const next = randoms(7);

const train = smallModel(
  [
    { name: 'f', op: 'tensor_train', inputs: ['z'], outputCores: ['o1', 'o2'], inputCores: ['i1', 'i2'], bias: 'c' },
    { name: 'g', op: 'tanh', inputs: ['f'] },
    { name: 'y', op: 'dense', inputs: ['g'], weight: 's' },
  ],
  'y',
  {
    tensors: {
      o1: tensor([1, 2, 2], next),
      o2: tensor([2, 3, 3], next),
      i1: tensor([3, 2, 2], next),
      i2: tensor([2, 2, 1], next),
      c: tensor([6], next),
      s: tensor([1, 6], next),
    },
  },
);

/** A spline of so many axes, between the inputs and tanh. */
function splineModel(axes: number, degree: number, segments: number, ranges: [number, number][]): Model {
  const inputs = ['x', 't', 'a'].slice(0, axes);
  const shape = [4, ...inputs.map(() => segments + degree)];
  const nodes = [
    { name: 'a', op: 'slice', inputs: ['z'], start: 0, stop: 1 },
    { name: 'f', op: 'spline', inputs, coefficients: 'k', degree, ranges: ranges.slice(0, axes) },
    summed('f'),
  ];
  return smallModel(nodes, 'y', { tensors: { k: tensor(shape, next, 0.7) } });
}

const inside: [number, number][] = [
  [-1, 1],
  [0, 2],
  [-2, 2],
];
const SMOOTH: Record<string, Model> = {
  'a tensor train': train,
  'a spline': splineModel(1, 3, 8, inside),
  'a spline of two axes': splineModel(2, 3, 4, inside),
  'a spline of three axes, of lines': splineModel(3, 1, 2, inside),
  'the 16th power': smallModel([{ name: 'f', op: 'pow', inputs: ['z'], exponent: 16 }, summed('f')], 'y', {
    scale: 0.5,
  }),
  'the power -3': smallModel([{ name: 'f', op: 'pow', inputs: ['z'], exponent: -3 }, summed('f')], 'y', {
    bias: [3, 4, 3.5, 4.5],
  }),
};

/** Products of two splines over a box, and kinks, need more boxes than a test has. */
const LOOSE = ['a spline of two axes', 'a spline of three axes, of lines'];

describe('a certificate', () => {
  it.each(Object.keys(SMOOTH))(
    'bounds %s',
    async (name) => {
      const model = SMOOTH[name];
      const build = quantized(model, 1e-3);
      const { certificate } = await certify(build, { threads: 1, boxes: 150 });
      const [error] = errorsAt(build, boxPoints(model, 2000));
      const [output] = certificate.outputs;
      expect(error).toBeLessThanOrEqual(output.bound);
      if (!LOOSE.includes(name)) expect(output.bound).toBeLessThan(4 * error);
      expect(checkCertificate(build, certificate)).toBeUndefined();
      const lower = { ...certificate, outputs: [{ ...output, bound: 0.99 * output.bound }] };
      expect(checkCertificate(build, lower)).toMatch(/may be off by/);
    },
    60_000,
  );

  it.each(['floor', 'ceil', 'round'])(
    'of %s says what holds away from the jumps',
    async (op) => {
      const model = smallModel([{ name: 'f', op, inputs: ['z'] }, summed('f')], 'y', { scale: 1.5 });
      const build = quantized(model, 1e-3);
      const { certificate, search } = await certify(build, { threads: 1, boxes: 200 });
      const [error] = errorsAt(build, boxPoints(model, 2000));
      const [output] = certificate.outputs;
      expect(error).toBeLessThanOrEqual(output.bound);
      expect(search.elsewhere[0]).toBeLessThan(0.01 * output.bound);
      expect(checkCertificate(build, certificate)).toBeUndefined();
    },
    60_000,
  );
});
