import { describe, expect, it } from 'vitest';
import { interiorPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import { UNARY_OPS } from '../../compiler/model/types.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { graphError, relativeErrors } from './helpers.js';

/** Derivatives in the graph against the reference's jets, and those against what is known otherwise. */

const derived = (names: readonly string[]) => names.map((name, k) => ({ name: `d${k}`, expression: name }));

/** A model of nodes alone over x in [0.3, 1.2] and t in [0.4, 0.9]. */
function nodesModel(nodes: object[], outputs: object[], tensors = {}) {
  const inputs = [
    { name: 'x', min: 0.3, max: 1.2 },
    { name: 't', min: 0.4, max: 0.9 },
  ];
  return modelFrom({ format: 'pinn-edge/1', name: 'm', inputs, nodes, outputs, tensors });
}

const ORDERS = ['u_x', 'u_t', 'u_xx', 'u_xt', 'u_tx', 'u_tt', 'u_xxt', 'u_xxxx', 'u_xxtt'];

describe('the reference', () => {
  it.each<[string, object[], (x: number, t: number) => number[]]>([
    [
      'exp(x) sin(2t)',
      [
        { name: 'a', op: 'exp', inputs: ['x'] },
        { name: 't2', op: 'scale', inputs: ['t'], scale: [2] },
        { name: 'b', op: 'sin', inputs: ['t2'] },
        { name: 'u', op: 'mul', inputs: ['a', 'b'] },
      ],
      (x, t) => {
        const [e, s, c] = [Math.exp(x), Math.sin(2 * t), Math.cos(2 * t)];
        return [e * s, 2 * e * c, e * s, 2 * e * c, 2 * e * c, -4 * e * s, 2 * e * c, e * s, -4 * e * s];
      },
    ],
    [
      't / x',
      [{ name: 'u', op: 'div', inputs: ['t', 'x'] }],
      (x, t) => {
        return [-t / x ** 2, 1 / x, (2 * t) / x ** 3, -1 / x ** 2, -1 / x ** 2, 0, 2 / x ** 3, (24 * t) / x ** 5, 0];
      },
    ],
    [
      'x^3 t^2',
      [
        { name: 'a', op: 'pow', inputs: ['x'], exponent: 3 },
        { name: 'b', op: 'pow', inputs: ['t'], exponent: 2 },
        { name: 'u', op: 'mul', inputs: ['a', 'b'] },
      ],
      (x, t) => {
        return [
          3 * x ** 2 * t * t,
          2 * x ** 3 * t,
          6 * x * t * t,
          6 * x * x * t,
          6 * x * x * t,
          2 * x ** 3,
          12 * x * t,
          0,
          12 * x,
        ];
      },
    ],
  ])('has the derivatives of %s', (_name, nodes, exact) => {
    const model = nodesModel(nodes, [{ name: 'u', value: 'u', hidden: true }, ...derived(ORDERS)]);
    const points = interiorPoints(inputBox(model.inputs), 50, 1);
    const got = evaluateReference(model, points);
    for (let p = 0; p < 50; p++) {
      exact(points[2 * p], points[2 * p + 1]).forEach((wanted, k) => {
        expect(got[p * ORDERS.length + k]).toBeCloseTo(wanted, 10);
      });
    }
  });

  it.each(UNARY_OPS.map((op) => [op] as const))('agrees with differences of %s', (op) => {
    const model = nodesModel(
      [{ name: 'u', op, inputs: ['x'] }],
      [{ name: 'u', value: 'u' }, ...derived(['u_x', 'u_xx', 'u_xxx', 'u_xxxx'])],
    );
    const h = 1e-4;
    const within = { asin: [-0.5, 0.2, 0.8], acos: [-0.5, 0.2, 0.8], atanh: [-0.5, 0.2, 0.8], acosh: [1.2, 2, 3] };
    for (const x of (within as Record<string, number[]>)[op] ?? [0.35, 0.7, 1.1]) {
      const [below, here, above] = [x - h, x, x + h].map((v) => evaluateReference(model, Float64Array.of(v, 0.5)));
      for (let k = 0; k < 4; k++) {
        const slope = (above[k] - below[k]) / (2 * h);
        expect(Math.abs(here[k + 1] - slope)).toBeLessThan(1e-5 * (1 + Math.abs(slope)));
      }
    }
  });
});

describe('derivatives as nodes', () => {
  const smooth = ['tanh', 'sin', 'cos', 'sigmoid', 'silu', 'softplus', 'exp', 'atan', 'erf', 'mish', 'gelu'];
  it.each(smooth)('of a network of %s agree with the reference', (activation) => {
    const names = ['y0_x0', 'y1_x1', 'y0_x0x0', 'y0_x0x1', 'y1_x1x1', 'y0_x0x0x1', 'y0_x1x1x1x1'];
    const json = perceptron([2, 9, 8, 7, 2], activation, 3, 1.2) as { outputs: object[] };
    json.outputs.push(...derived(names));
    for (const error of graphError(modelFrom(json))) expect(error).toBeLessThan(1e-10);
  });

  it.each(['relu', 'selu', 'abs'])('of a network of %s, kinks and all, agree with the reference', (activation) => {
    const json = perceptron([2, 9, 8, 1], activation, 5, 1.2) as { outputs: object[] };
    json.outputs.push(...derived(['y0_x0', 'y0_x1', 'y0_x0x1']));
    for (const error of graphError(modelFrom(json))) expect(error).toBeLessThan(1e-10);
  });

  it.each<[string, object[]]>([
    ['reciprocal', [{ name: 'f', op: 'reciprocal', inputs: ['v'] }]],
    ['sqrt', [{ name: 'f', op: 'sqrt', inputs: ['v'] }]],
    ['log', [{ name: 'f', op: 'log', inputs: ['v'] }]],
    ['pow 3', [{ name: 'f', op: 'pow', inputs: ['v'], exponent: 3 }]],
    ['pow -2', [{ name: 'f', op: 'pow', inputs: ['v'], exponent: -2 }]],
    ['gelu by tanh', [{ name: 'f', op: 'gelu', inputs: ['v'], approximate: 'tanh' }]],
    [
      'elu',
      [
        { name: 'w', op: 'scale', inputs: ['v'], shift: [-1] },
        { name: 'f', op: 'elu', inputs: ['w'], alpha: 0.7 },
      ],
    ],
    [
      'leaky_relu',
      [
        { name: 'w', op: 'scale', inputs: ['v'], shift: [-1] },
        { name: 'f', op: 'leaky_relu', inputs: ['w'], slope: 0.2 },
      ],
    ],
    ['hard_sigmoid', [{ name: 'f', op: 'hard_sigmoid', inputs: ['v'] }]],
    ['clip', [{ name: 'f', op: 'clip', inputs: ['v'], min: 0.9, max: 1.3 }]],
    ['lookup', [{ name: 'f', op: 'lookup', inputs: ['v'], points: [0.5, 1, 1.5, 2.5], values: [1, 3, 2, 2.5] }]],
    [
      'chain',
      [
        { name: 'a', op: 'sqrt', inputs: ['v'] },
        { name: 'b', op: 'sin', inputs: ['a'] },
        { name: 'f', op: 'exp', inputs: ['b'] },
      ],
    ],
    ['min', [{ name: 'f', op: 'min', inputs: ['v', 'w2'] }]],
    ['max', [{ name: 'f', op: 'max', inputs: ['v', 'w2'] }]],
    [
      'select',
      [
        { name: 'c', op: 'sub', inputs: ['v', 'w2'] },
        { name: 'f', op: 'select', inputs: ['c', 'v', 'w2'] },
      ],
    ],
    ['div', [{ name: 'f', op: 'div', inputs: ['w2', 'v'] }]],
    [
      'mean',
      [
        { name: 'm', op: 'mean', inputs: ['v'] },
        { name: 'f', op: 'mul', inputs: ['v', 'm'] },
      ],
    ],
    [
      'slice',
      [
        { name: 's', op: 'slice', inputs: ['v'], start: 1, stop: 3 },
        { name: 'q', op: 'pow', inputs: ['s'], exponent: 2 },
        { name: 'f', op: 'concat', inputs: ['q', 'w2'] },
      ],
    ],
  ])('through %s agree with the reference', (_name, nodes) => {
    const tensors = {
      w: { shape: [3, 2], data: [1, 0.5, -0.5, 1, 0.3, 0.8] },
      b: { shape: [3], data: [0.3, 0.9, 0.4] },
      w2: { shape: [3, 2], data: [0.4, 0.9, 0.8, -0.3, 1.1, 0.2] },
      wf: { shape: [1, 3], data: [0.9, -0.6, 0.8] },
      wc: { shape: [1, 5], data: [0.9, -0.6, 0.8, 0.5, -0.4] },
    };
    const wide = nodes.at(-1) as { op: string };
    const graph = [
      { name: 'xt', op: 'concat', inputs: ['x', 't'] },
      { name: 'v', op: 'dense', inputs: ['xt'], weight: 'w', bias: 'b' },
      { name: 'z2', op: 'dense', inputs: ['xt'], weight: 'w2', bias: 'b' },
      { name: 'w2', op: 'tanh', inputs: ['z2'] },
      ...nodes.map((node) => ({ ...node })),
      { name: 'u', op: 'dense', inputs: ['f'], weight: wide.op === 'concat' ? 'wc' : 'wf' },
    ];
    const model = nodesModel(
      graph,
      [{ name: 'u', value: 'u' }, ...derived(['u_x', 'u_t', 'u_xt', 'u_xx', 'u_ttt'])],
      tensors,
    );
    for (const error of graphError(model)) expect(error).toBeLessThan(1e-10);
  });

  it('expressions of them agree with the same arithmetic on their values', () => {
    const json = perceptron([2, 8, 2], 'tanh', 7) as {
      outputs: object[];
      physics: object;
    };
    Object.assign(json.outputs[0], { scale: -3, offset: 0.5 });
    json.physics = { parameters: { nu: 0.01 } };
    const parts = ['y0_x0', 'y0_x1', 'y0_x0x0', 'y1_x0'];
    const expressions: [string, (v: number[]) => number][] = [
      ['y0_x1 + y0*y0_x0 - nu*y0_x0x0', ([x, , u, , ux, ut, uxx]) => ut + u * ux - 0.01 * uxx + 0 * x],
      ['-y0_x0^2/(2 + y1^2)', ([, , , v, ux]) => -(ux ** 2) / (2 + v ** 2)],
      ['sin(pi*x0)*exp(-y1) + tan(y1/9)', ([x, , , v]) => Math.sin(Math.PI * x) * Math.exp(-v) + Math.tan(v / 9)],
      ['max(y0, y1) - min(y0, 0.1)', ([, , u, v]) => Math.max(u, v) - Math.min(u, 0.1)],
      [
        'sinh(y1) + cosh(y1) + asinh(y1) + acosh(2 + y1^2)',
        ([, , , v]) => Math.exp(v) + Math.asinh(v) + Math.acosh(2 + v * v),
      ],
      ['asin(tanh(y1)/2) + acos(tanh(y1)/2) + atan(y0)', ([, , u]) => Math.PI / 2 + Math.atan(u)],
      [
        'abs(y0)^1.5 + 2^y1 + log(3 + y1^2) + sqrt(2 + y0^2)',
        ([, , u, v]) => Math.abs(u) ** 1.5 + 2 ** v + Math.log(3 + v * v) + Math.sqrt(2 + u * u),
      ],
      ['d3_x1 + flux_x0', ([, , , , , , , , vxt, q]) => vxt + q],
    ];
    json.outputs.push(
      ...(derived(parts) as object[]),
      { name: 'mixed', expression: 'y1_x0x1' },
      { name: 'flux', expression: '2*y0_x0 + x0' },
      { name: 'slope', expression: '2*y0_x0x0 + 1' },
      ...expressions.map(([expression], k) => ({ name: `e${k}`, expression })),
    );
    const model = modelFrom(json as never);
    const points = interiorPoints(inputBox(model.inputs), 64, 1);
    const values = evaluateReference(model, points);
    const width = model.outputs.length;
    const wanted = Float64Array.from({ length: 64 * expressions.length }, (_, i) => {
      const [p, k] = [Math.floor(i / expressions.length), i % expressions.length];
      const row = values.slice(p * width, (p + 1) * width);
      return expressions[k][1]([
        points[2 * p],
        points[2 * p + 1],
        ...row.slice(0, 2),
        ...row.slice(2, 6),
        row[6],
        row[8],
      ]);
    });
    const got = Float64Array.from(
      wanted,
      (_, i) => values[Math.floor(i / expressions.length) * width + 9 + (i % expressions.length)],
    );
    for (const error of relativeErrors(got, wanted, expressions.length)) expect(error).toBeLessThan(1e-12);
    for (const error of graphError(model)) expect(error).toBeLessThan(1e-10);
  });
});
