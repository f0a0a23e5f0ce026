import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { certify } from '../../compiler/certify/certify.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../../compiler/code/engines/engine.js';
import type { Precision } from '../../compiler/formats/plan.js';
import type { Model } from '../../compiler/model/types.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { decodeTable } from '../../compiler/table/table.js';
import { exactly } from '../helpers/exact-model.js';
import { fixed, toNumber } from '../helpers/many-digits.js';
import { randoms, tensor } from '../helpers/models.js';
import { boxPoints, type Layout, quantized, smallModel } from './helpers.js';

/**
 * Random small networks of every operation of the model format, in random formats: no point is above the bound, the
 * reference computed with 320 bits after the point from the definitions of the operations.
 */

type Json = Record<string, unknown>;

const schema = readFileSync(new URL('../../compiler/model/pinn-edge-1.schema.json', import.meta.url), 'utf8');
const OPERATIONS = [...schema.matchAll(/"op":\s*\{\s*"const":\s*"(\w+)"/g)].map(([, op]) => op);

const PER_NETWORK = 3;
const POINTS = 60;

/** Values between which an operation is defined, or does not grow too much: its operand is a squashed one, moved there. */
const DOMAINS: Record<string, [number, number]> = {
  asin: [-0.8, 0.8],
  acos: [-0.8, 0.8],
  atanh: [-0.8, 0.8],
  acosh: [1.3, 3],
  log: [0.3, 3],
  sqrt: [0.3, 3],
  reciprocal: [0.5, 3],
  tan: [-1, 1],
  floor: [-1.5, 1.5],
};

/** Nodes of one operation on the value `x` of four elements, which they take to `out` of as many. */
function step(op: string, x: string, out: string, next: () => number, tensors: Json): Json[] {
  const name = (part: string) => `${out}_${part}`;
  const give = (part: string, shape: number[]) => {
    tensors[name(part)] = tensor(shape, next, 0.8);
    return name(part);
  };
  const [low, high] = DOMAINS[op] ?? [-2, 2];
  const moved: Json[] = [
    { name: name('mix'), op: 'dense', inputs: [x], weight: give('w', [4, 4]), bias: give('b', [4]) },
    { name: name('soft'), op: 'tanh', inputs: [name('mix')] },
    { name: name('x'), op: 'scale', inputs: [name('soft')], scale: [(high - low) / 2], shift: [(high + low) / 2] },
  ];
  const one = (more: Json): Json[] => [...moved, { name: out, op, inputs: [name('x')], ...more }];
  const wide = (from: string): Json => ({ name: out, op: 'dense', inputs: [from], weight: give('wide', [4, 1]) });
  const two = { op, inputs: [name('x'), name('y')] };
  const other: Json = { name: name('y'), op: 'sin', inputs: [x] };
  switch (op) {
    case 'dense':
      return one({ weight: give('v', [4, 4]), bias: give('c', [4]) });
    case 'low_rank':
      return one({ left: give('l', [4, 2]), right: give('r', [2, 4]), bias: give('c', [4]) });
    case 'hierarchical':
      return one({
        width: 4,
        leaves: [
          { rows: [0, 2], cols: [0, 4], weight: give('h', [2, 4]) },
          { rows: [2, 4], cols: [0, 2], left: give('hl', [2, 1]), right: give('hr', [1, 2]) },
          { rows: [2, 4], cols: [2, 4], weight: give('k', [2, 2]) },
        ],
      });
    case 'tensor_train':
      return one({
        outputCores: [give('o1', [1, 2, 2]), give('o2', [2, 2, 2])],
        inputCores: [give('i1', [2, 2, 2]), give('i2', [2, 2, 1])],
      });
    case 'spline': {
      const parts = [0, 1].map(
        (i): Json => ({ name: name(`s${i}`), op: 'slice', inputs: [name('x')], start: i, stop: i + 1 }),
      );
      const ranges = [
        [-2, 2],
        [-2, 2],
      ];
      const coefficients = give('k', [4, 5, 6]);
      return [...moved, ...parts, { name: out, op, inputs: [name('s0'), name('s1')], degree: 3, ranges, coefficients }];
    }
    case 'gelu':
      return one(next() > 0 ? { approximate: 'tanh' } : {});
    case 'pow':
      return one({ exponent: next() > 0 ? 3 : 2 });
    case 'elu':
      return one({ alpha: 0.7 });
    case 'leaky_relu':
      return one({ slope: 0.2 });
    case 'clip':
      return one({ min: -0.6, max: 0.9 });
    case 'lookup':
      return one({ points: [-1, 0, 0.5, 1], values: [0.2, -0.1, 0.4, 0.3] });
    case 'scale':
      return one({ scale: [0.7, -0.4, 1.1, 0.9], shift: [0.1] });
    case 'slice':
      return [...moved, { name: name('f'), op, inputs: [name('x')], start: 1, stop: 2 }, wide(name('f'))];
    case 'sum':
    case 'mean':
      return [...moved, { name: name('f'), op, inputs: [name('x')] }, wide(name('f'))];
    case 'concat': {
      const parts = [2, 0].map(
        (i): Json => ({ name: name(`p${i}`), op: 'slice', inputs: [name('x')], start: i, stop: i + 2 }),
      );
      return [...moved, ...parts, { name: out, op, inputs: [name('p2'), name('p0')] }];
    }
    case 'constant':
      return [
        ...moved,
        { name: name('f'), op, value: [0.3, -0.7, 0.2, 1.1] },
        { name: out, op: 'mul', inputs: [name('x'), name('f')] },
      ];
    case 'div':
      return [
        ...moved,
        { name: name('e'), op: 'exp', inputs: [x] },
        { name: name('y'), op: 'scale', inputs: [name('e')], shift: [0.4] },
        { name: out, ...two },
      ];
    case 'select':
      return [...moved, other, { name: out, op, inputs: [name('x'), name('x'), name('y')] }];
    default:
      return ['add', 'sub', 'mul', 'min', 'max'].includes(op) ? [...moved, other, { name: out, ...two }] : one({});
  }
}

function network(operations: readonly string[], seed: number): Model {
  const next = randoms(seed);
  const tensors: Json = {};
  const nodes = operations.flatMap((op, i) => step(op, i ? `v${i - 1}` : 'z', `v${i}`, next, tensors));
  return smallModel([...nodes, { name: 'y', op: 'dense', inputs: [`v${operations.length - 1}`], weight: 'v' }], 'y', {
    tensors,
  });
}

/** All operations in a random order, so many per network. */
function networks(): string[][] {
  const next = randoms(5);
  const order = OPERATIONS.map((op): [number, string] => [next(), op]).sort(([a], [b]) => a - b);
  return Array.from({ length: Math.ceil(order.length / PER_NETWORK) }, (_, i) =>
    order.slice(i * PER_NETWORK, (i + 1) * PER_NETWORK).map(([, op]) => op),
  );
}

const FORMATS: [Precision, Layout][] = [
  ['auto', 'plain'],
  ['32', 'dual'],
  ['16', 'lanes'],
  ['auto', 'dual'],
];

describe('a certificate of random networks', () => {
  it('is tried with every operation of the model format', () => {
    expect(OPERATIONS.length).toBeGreaterThan(50);
    expect(new Set(networks().flat())).toEqual(new Set(OPERATIONS));
  });

  it.each(networks().map((operations, i): [string, string[], number] => [operations.join(', '), operations, i]))(
    'has no point above it: %s',
    async (_name, operations, i) => {
      const model = network(operations, 10 + i);
      const build = quantized(model, 1e-2, ...FORMATS[i % FORMATS.length]);
      const { certificate } = await certify(build, { threads: 1, boxes: 100 });
      const points = boxPoints(model, POINTS, i);
      const decoded = decodeTable(build.table);
      const words = createOracle(decoded).run(toWords(points, inputWordFormats(decoded))).outputs;
      const edge = fromWords(words, outputWordFormats(decoded, model.outputs));
      const errors = Array.from(edge, (value, p) => {
        const [wanted] = exactly(model, points.subarray(2 * p, 2 * p + 2));
        return Math.abs(toNumber(fixed(value) - wanted));
      });
      expect(Math.max(...errors)).toBeLessThanOrEqual(certificate.outputs[0].bound);
      expect(Number.isFinite(certificate.outputs[0].bound)).toBe(true);
    },
    60_000,
  );
});
