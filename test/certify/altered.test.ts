import { describe, expect, it } from 'vitest';
import { attackAltered } from '../../bench/certify-attack.js';
import type { Precision } from '../../compiler/formats/plan.js';
import type { Model } from '../../compiler/model/types.js';
import { modelFrom, perceptron, randoms, tensor } from '../helpers/models.js';
import { boxPoints, type Layout, quantized, smallModel, summed } from './helpers.js';

/** Tables of every kind of record with one bit altered: refused by name, or with a bound that no point is above. */

const positive = { bias: [3, 4, 3.5, 4.5] };
const spline = { name: 'f', op: 'spline', inputs: ['x', 't'], coefficients: 'k', degree: 3 };
const coefficients = { tensors: { k: tensor([4, 5, 5], randoms(3), 0.7) } };
const ranges = [
  [-1, 1],
  [0, 2],
];

const CASES: [string, Layout, Precision, Model][] = [
  ['lanes and slopes', 'lanes', 'auto', modelFrom(perceptron([2, 6, 6, 1], 'tanh', 3))],
  ['lanes of three', 'lanes', '16', modelFrom(perceptron([2, 9, 9, 1], 'sin', 4))],
  ['octaves', 'dual', 'auto', smallModel([{ name: 'f', op: 'reciprocal', inputs: ['z'] }, summed('f')], 'y', positive)],
  ['a spline', 'plain', 'auto', smallModel([{ ...spline, ranges }, summed('f')], 'y', coefficients)],
  [
    'products and choices',
    'plain',
    'auto',
    smallModel(
      [
        { name: 'a', op: 'scale', inputs: ['z'], scale: [0.5] },
        { name: 'g', op: 'max', inputs: ['a', 'z'] },
        { name: 'h', op: 'mul', inputs: ['g', 'z'] },
        { name: 'f', op: 'select', inputs: ['z', 'h', 'a'] },
        summed('f'),
      ],
      'y',
    ),
  ],
];

describe('a table with one bit altered', () => {
  it.each(CASES)(
    'of %s never is above its own bound',
    async (_name, layout, precision, model) => {
      const build = quantized(model, 1e-3, precision, layout);
      const { proved, above } = await attackAltered(build, boxPoints(model, 1000), 60, { boxes: 8 });
      expect(above).toEqual([]);
      expect(proved).toBeGreaterThan(15);
    },
    120_000,
  );
});
