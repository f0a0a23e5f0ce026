import { describe, expect, it } from 'vitest';
import { evaluateIr, gradientIr } from '../../compiler/ir/evaluate.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph, toTurns } from '../../compiler/ir/simplify.js';
import type { IrGraph } from '../../compiler/ir/types.js';
import { interiorPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import { modelFrom, perceptron, tensor } from '../helpers/models.js';
import { tableRandom } from '../helpers/random-table.js';

type Json = Record<string, unknown>;
const UNARY = ['tanh', 'sin', 'cos', 'sigmoid', 'silu', 'softplus', 'relu', 'gelu', 'exp', 'atan', 'neg'];

/** A random graph over every operation; widths, sharing and constants vary. */
function randomModel(seed: number): Json {
  const random = tableRandom(seed);
  const next = () => random.int(-1000, 1000) / 1000;
  const pick = <T>(list: readonly T[]) => list[random.int(0, list.length - 1)];
  const inputs = ['a', 'b', 'c'].map((name) => ({ name, min: -1, max: 2 }));
  const values = inputs.map((input) => ({ name: input.name, width: 1 }));
  const nodes: Json[] = [];
  const tensors: Record<string, Json> = {};
  for (let n = 0; n < 24; n++) {
    const name = `n${n}`;
    const x = pick(values);
    const add = (op: string, width: number, fields: Json) => {
      nodes.push({ name, op, ...fields });
      values.push({ name, width });
    };
    switch (random.int(0, 9)) {
      case 0: {
        const width = random.int(1, 5);
        tensors[`${name}w`] = tensor([width, x.width], next, 0.7);
        tensors[`${name}b`] = tensor([width], next, 0.5);
        add('dense', width, { inputs: [x.name], weight: `${name}w`, bias: `${name}b` });
        break;
      }
      case 1:
      case 2:
        add(pick(UNARY), x.width, { inputs: [x.name] });
        break;
      case 3: {
        const y = pick(values.filter((v) => v.width === x.width || v.width === 1 || x.width === 1));
        add(pick(['add', 'sub', 'mul']), Math.max(x.width, y.width), { inputs: [x.name, y.name] });
        break;
      }
      case 4: {
        const parts = [x, pick(values), pick(values)];
        add(
          'concat',
          parts.reduce((sum, p) => sum + p.width, 0),
          { inputs: parts.map((p) => p.name) },
        );
        break;
      }
      case 5: {
        const start = random.int(0, x.width - 1);
        const stop = random.int(start + 1, x.width);
        add('slice', stop - start, { inputs: [x.name], start, stop });
        break;
      }
      case 6:
        add('scale', x.width, { inputs: [x.name], scale: [next()], shift: Array.from({ length: x.width }, next) });
        break;
      case 7:
        add('constant', 1, { value: [next()] });
        break;
      case 8:
        add('pow', x.width, { inputs: [x.name], exponent: random.int(0, 3) });
        break;
      default:
        add('tanh', x.width, { inputs: [x.name] });
    }
  }
  const outputs = values.slice(-3).map((v, i) => ({ name: `y${i}`, value: v.name, index: v.width - 1 }));
  return { format: 'pinn-edge/1', name: 'random', inputs, outputs, tensors, nodes };
}

function expectSameFunction(json: Json): IrGraph {
  const model = modelFrom(json);
  const points = interiorPoints(inputBox(model.inputs), 50);
  const wanted = evaluateReference(model, points);
  const graph = toTurns(foldGraph(buildIr(model)));
  const got = evaluateIr(graph, points, model.inputs.length).get(graph.output)!;
  got.forEach((value, i) => {
    expect(Math.abs(value - wanted[i])).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(wanted[i])));
  });
  return graph;
}

describe('simplification', () => {
  it.each(Array.from({ length: 60 }, (_, i) => i + 1))('keeps the function of random graph %i', (seed) => {
    expectSameFunction(randomModel(seed));
  });

  it('leaves out what no output needs, and rows that are only cut away', () => {
    const json = perceptron([2, 6, 4]) as { nodes: Json[]; outputs: Json[] };
    json.nodes.push({ name: 'dead', op: 'exp', inputs: ['z1'] });
    json.outputs = [{ name: 'y', value: 'z2', index: 2 }];
    const graph = expectSameFunction(json as Json);
    expect(graph.nodes.map((n) => `${n.kind}[${n.width}]`)).toEqual([
      'input[1]',
      'input[1]',
      'concat[2]',
      'affine[6]',
      'map[6]',
      'affine[1]',
      'concat[1]',
    ]);
  });

  it('moves scalings into weights and tables', () => {
    const json = perceptron([1, 3, 1]) as { nodes: Json[]; outputs: Json[] };
    json.nodes[0] = { name: 'v0', op: 'scale', inputs: ['x0'], scale: [2], shift: [-1] };
    json.nodes.push({ name: 'out', op: 'scale', inputs: ['z2'], scale: [5] });
    json.outputs = [{ name: 'y', value: 'out' }];
    const kinds = expectSameFunction(json as Json).nodes.map((n) => n.kind);
    expect(kinds).toEqual(['input', 'affine', 'map', 'affine', 'concat']);
  });

  it('shares one argument between sine and cosine, in turns', () => {
    const json = perceptron([2, 4, 1], 'sin') as { nodes: Json[] };
    json.nodes.splice(
      3,
      0,
      { name: 'other', op: 'cos', inputs: ['z1'] },
      { name: 'both', op: 'add', inputs: ['h1', 'other'] },
    );
    (json.nodes.at(-1) as { inputs: string[] }).inputs = ['both'];
    const graph = expectSameFunction(json as Json);
    const maps = graph.nodes.filter((n) => n.kind === 'map');
    expect(maps).toHaveLength(2);
    expect(maps[0].x).toBe(maps[1].x);
    expect(maps.map((m) => m.fn.phase).sort()).toEqual([0, 0.25]);
    expect(graph.nodes.filter((n) => n.kind === 'affine' && n.wraps)).toHaveLength(1);
  });
});

describe('gradients', () => {
  it.each([1, 2, 3, 4, 5, 6])('agree with central differences on random graph %i', (seed) => {
    const model = modelFrom(randomModel(seed));
    const graph = buildIr(model);
    const d = model.inputs.length;
    const points = interiorPoints(inputBox(model.inputs), 7);
    const values = evaluateIr(graph, points, d);
    const h = 1e-6;
    for (let k = 0; k < graph.output.width; k++) {
      const gradients = gradientIr(graph, values, k);
      for (const node of graph.nodes) {
        if (node.kind !== 'input') continue;
        const shifted = (sign: number) => {
          const moved = points.map((v, i) => (i % d === node.index ? v + sign * h : v));
          return evaluateIr(graph, moved, d).get(graph.output)!;
        };
        const [up, down] = [shifted(1), shifted(-1)];
        gradients.get(node)!.forEach((g, p) => {
          const difference = (up[p * graph.output.width + k] - down[p * graph.output.width + k]) / (2 * h);
          expect(Math.abs(g - difference)).toBeLessThan(1e-4 * (1 + Math.abs(difference)));
        });
      }
    }
  });
});
