import { expect, test } from 'vitest';
import { Differentiator } from '../../compiler/ir/derive/differentiate.js';
import { evaluateIr } from '../../compiler/ir/evaluate.js';
import { functionOf, type MapStep } from '../../compiler/ir/map-function.js';
import { graphOf, type IrNode } from '../../compiler/ir/types.js';
import { randoms } from '../helpers/models.js';

/** Derivatives of nodes that imports seldom make, against central differences. */

const next = randoms(17);
const some = (length: number) => Float64Array.from({ length }, () => 1 + next() / 2);
const x: IrNode = { kind: 'input', name: 'x', width: 1, index: 0 };
const wide: IrNode = { kind: 'affine', name: 'wide', width: 2, x, weight: some(2), bias: some(2) };

const map = (inner: IrNode, ...steps: MapStep[]): IrNode => {
  return { kind: 'map', name: 'map', width: inner.width, x: inner, fn: functionOf(...steps) };
};
const scale = (inner: IrNode, factors: number[]): IrNode => {
  const { width } = inner;
  return { kind: 'scale', name: 'scale', width, x: inner, scale: Float64Array.from(factors), shift: some(width) };
};
const tanh = map(wide, { op: 'function', name: 'tanh' });
const exp = map(wide, { op: 'function', name: 'exp' });
const parts = [tanh, exp];

const nodes: [string, IrNode][] = [
  ['a product with factors of their own', { kind: 'mul', name: 'mul', width: 2, a: scale(tanh, [2, 5]), b: exp }],
  [
    'a sum with factors of their own',
    { kind: 'add', name: 'add', width: 2, a: scale(tanh, [2, 5]), b: exp, subtract: false },
  ],
  [
    'leaves whose arguments have different factors',
    {
      kind: 'blocks',
      name: 'blocks',
      width: 3,
      leaves: [
        { row: 0, rows: 2, x: scale(tanh, [2, 2]), weight: some(4) },
        { row: 2, rows: 1, x: scale(exp, [5, 5]), weight: some(2) },
      ],
      bias: some(3),
    },
  ],
  [
    'the second of two parts',
    { kind: 'slice', name: 'slice', width: 2, x: { kind: 'concat', name: 'both', width: 4, parts }, start: 2 },
  ],
  ['what comes before and after a function', map(wide, affine(0.5, 1), { op: 'function', name: 'tanh' }, affine(3, 2))],
  ['the same of an exponential', map(wide, affine(0.5, 1), { op: 'function', name: 'exp' }, affine(3, 2))],
  ['cosine', map(wide, { op: 'function', name: 'cos' })],
];

function affine(factor: number, shift: number): MapStep {
  return { op: 'affine', scale: factor, shift };
}

function valuesOf(node: IrNode, points: Float64Array): Float64Array {
  const graph = graphOf({ kind: 'concat', name: 'outputs', width: node.width, parts: [node] });
  return evaluateIr(graph, points, 1).get(graph.output)!;
}

test.each(nodes)('the first and second derivative of %s', (_name, node) => {
  const h = 1e-5;
  const points = Float64Array.from({ length: 9 }, (_, i) => i / 4 - 1);
  const differentiator = new Differentiator(['x']);
  for (let [value, order] = [node, 1]; order <= 2; order++) {
    const derivative = differentiator.by(value, 0)!;
    const [up, down] = [h, -h].map((step) =>
      valuesOf(
        value,
        points.map((v) => v + step),
      ),
    );
    valuesOf(derivative, points).forEach((got, i) => {
      expect(Math.abs(got - (up[i] - down[i]) / (2 * h))).toBeLessThan(1e-6);
    });
    value = derivative;
  }
});
