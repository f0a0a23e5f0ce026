import { describe, expect, it } from 'vitest';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { modelFrom } from '../helpers/models.js';

type Json = Record<string, unknown>;

/** y of a model with inputs a in [0.1, 2] and b in [-1, 1] and the given nodes. */
function evaluate(nodes: Json[], points: number[][], tensors: Json = {}): number[] {
  const model = modelFrom({
    format: 'pinn-edge/1',
    name: 'm',
    inputs: [
      { name: 'a', min: 0.1, max: 2 },
      { name: 'b', min: -1, max: 1 },
    ],
    outputs: [{ name: 'y', value: 'y' }],
    tensors,
    nodes,
  });
  return [...evaluateReference(model, Float64Array.from(points.flat()))];
}

/** 300 points: more than two blocks of the evaluator. */
const POINTS = Array.from({ length: 300 }, (_, i) => [0.1 + 0.006 * i, Math.cos(i)]);

describe('the float64 reference', () => {
  it.each<[string, Json, (b: number, a: number) => number]>([
    ['tanh', {}, (b) => (Math.exp(b) - Math.exp(-b)) / (Math.exp(b) + Math.exp(-b))],
    ['sin', {}, (b) => Math.sin(b)],
    ['cos', {}, (b) => Math.cos(b)],
    ['sigmoid', {}, (b) => 1 / (1 + Math.exp(-b))],
    ['silu', {}, (b) => b / (1 + Math.exp(-b))],
    ['softplus', {}, (b) => Math.log(1 + Math.exp(b))],
    ['relu', {}, (b) => (b > 0 ? b : 0)],
    ['exp', {}, (b) => Math.exp(b)],
    ['atan', {}, (b) => Math.atan(b)],
    ['neg', {}, (b) => -b],
    ['pow', { exponent: 3 }, (b) => b * b * b],
    ['pow', { exponent: 0 }, () => 1],
    ['scale', { scale: [-2], shift: [0.5] }, (b) => 0.5 - 2 * b],
    [
      'gelu',
      { approximate: 'tanh' },
      (b) => 0.5 * b * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (b + 0.044715 * b ** 3))),
    ],
  ])('computes %s %o', (op, fields, f) => {
    const y = evaluate([{ name: 'y', op, inputs: ['b'], ...fields }], POINTS);
    for (const [i, [a, b]] of POINTS.entries()) expect(y[i]).toBeCloseTo(f(b, a), 13);
  });

  it('computes the exact GELU', () => {
    // x Phi(x) from tables of the normal distribution.
    const y = evaluate(
      [{ name: 'y', op: 'gelu', inputs: ['b'] }],
      [
        [1, 1],
        [1, -1],
        [1, 0.5],
        [1, 0],
      ],
    );
    [0.841344746068543, -0.158655253931457, 0.345731230637012, 0].forEach((value, i) => {
      expect(y[i]).toBeCloseTo(value, 13);
    });
  });

  it.each<[string, (a: number, b: number) => number]>([
    ['add', (a, b) => a + b],
    ['sub', (a, b) => a - b],
    ['mul', (a, b) => a * b],
    ['div', (a, b) => b / a],
  ])('computes %s', (op, f) => {
    const inputs = op === 'div' ? ['b', 'a'] : ['a', 'b'];
    const y = evaluate([{ name: 'y', op, inputs }], POINTS);
    for (const [i, [a, b]] of POINTS.entries()) expect(y[i]).toBeCloseTo(f(a, b), 14);
  });

  it('computes reciprocal and sqrt', () => {
    const y = evaluate(
      [
        { name: 'r', op: 'reciprocal', inputs: ['a'] },
        { name: 's', op: 'sqrt', inputs: ['a'] },
        { name: 'y', op: 'mul', inputs: ['r', 's'] },
      ],
      POINTS,
    );
    for (const [i, [a]] of POINTS.entries()) expect(y[i]).toBeCloseTo(1 / Math.sqrt(a), 13);
  });

  it('computes dense, concat, slice, constant and broadcasting', () => {
    const y = evaluate(
      [
        { name: 'c', op: 'constant', value: [1, 2, 3] },
        { name: 'v', op: 'concat', inputs: ['a', 'b', 'c'] },
        { name: 'w', op: 'mul', inputs: ['v', 'a'] },
        { name: 's', op: 'slice', inputs: ['w'], start: 1, stop: 4 },
        { name: 'y', op: 'dense', inputs: ['s'], weight: 'w0', bias: 'b0' },
      ],
      POINTS,
      { w0: { shape: [1, 3], data: [2, -1, 0.5] }, b0: { shape: [1], data: [0.25] } },
    );
    for (const [i, [a, b]] of POINTS.entries()) expect(y[i]).toBeCloseTo(2 * a * b - a + 0.5 * 2 * a + 0.25, 13);
  });
});
