import { expect, test } from 'vitest';
import { evaluateIr } from '../../compiler/ir/evaluate.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import { operands } from '../../compiler/ir/types.js';
import { interiorPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import { modelFrom, randoms, tensor } from '../helpers/models.js';

/** Networks that read one another in pieces: no piece is left, and the function is the same. */

const WIDTH = 6;
const LAYERS = 3;
type Json = Record<string, unknown>;

/** Order in which a layer reads the neurons of two networks, as [network, neuron]. */
const ORDERS: Record<string, (n: number) => [network: number, neuron: number]> = {
  'in turns': (n) => [n % 2, n >> 1],
  'in turns, backwards': (n) => [n % 2, WIDTH - 1 - (n >> 1)],
  'three of the first, then the second, then the rest': (n) =>
    n < 3 ? [0, n] : n < 3 + WIDTH ? [1, n - 3] : [0, n - WIDTH],
  'some of them twice': (n) => [n % 2, n % 5],
};

function twoNetworks(order: (n: number) => [number, number]): Json {
  const next = randoms(1);
  const tensors: Record<string, Json> = {};
  const nodes: Json[] = [{ name: 'in', op: 'concat', inputs: ['x', 't'] }];
  const layer = (name: string, from: string, cols: number) => {
    tensors[`${name}w`] = tensor([WIDTH, cols], next, 0.6);
    tensors[`${name}b`] = tensor([WIDTH], next, 0.3);
    nodes.push({ name: `${name}z`, op: 'dense', inputs: [from], weight: `${name}w`, bias: `${name}b` });
    nodes.push({ name, op: 'tanh', inputs: [`${name}z`] });
  };
  for (const network of [0, 1]) layer(`h0_${network}`, 'in', 2);
  for (let l = 1; l <= LAYERS; l++) {
    const pieces = Array.from({ length: 2 * WIDTH }, (_, n) => {
      const [network, neuron] = order(n);
      nodes.push({
        name: `s${l}_${n}`,
        op: 'slice',
        inputs: [`h${l - 1}_${network}`],
        start: neuron,
        stop: neuron + 1,
      });
      return `s${l}_${n}`;
    });
    nodes.push({ name: `v${l}`, op: 'concat', inputs: pieces });
    for (const network of [0, 1]) layer(`h${l}_${network}`, `v${l}`, 2 * WIDTH);
  }
  nodes.push({ name: 'y', op: 'add', inputs: [`h${LAYERS}_0`, `h${LAYERS}_1`] });
  const inputs = ['x', 't'].map((name) => ({ name, min: -1, max: 1 }));
  const outputs = Array.from({ length: WIDTH }, (_, index) => ({ name: `y${index}`, value: 'y', index }));
  return { format: 'pinn-edge/1', name: 'two', inputs, outputs, tensors, nodes };
}

test.each(Object.entries(ORDERS))('neurons read %s are read as whole values', (name, order) => {
  const model = modelFrom(twoNetworks(order));
  const graph = foldGraph(buildIr(model));
  const arguments_ = graph.nodes.flatMap((node) => (node.kind === 'affine' ? operands(node) : []));
  const parts = arguments_.flatMap((x) => (x.kind === 'concat' ? x.parts : [x]));
  // Neurons that no one reads are left out by slices, one for each network and layer at most.
  const slices = parts.filter(({ kind }) => kind === 'slice').length;
  expect(slices).toBeLessThanOrEqual(name.includes('twice') ? 4 * LAYERS : 0);
  const points = interiorPoints(inputBox(model.inputs), 64);
  const got = evaluateIr(graph, points, 2).get(graph.output)!;
  const wanted = evaluateReference(model, points);
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i], 12);
  });
});
