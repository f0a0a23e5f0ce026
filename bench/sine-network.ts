import type { Model, ModelNode, Tensor } from '../compiler/model/types.js';
import { randoms } from './random.js';

/** A smooth sine network of four hidden layers with random weights: compression of growing networks is timed with it. */
export function sineNetwork(width: number): Model {
  const next = randoms(1);
  const sizes = [2, width, width, width, width, 1];
  const tensors = new Map<string, Tensor>();
  const widths = new Map<string, number>([['x', 1], ['y', 1], ['xy', 2]]); // biome-ignore format: one line
  const nodes: ModelNode[] = [{ name: 'xy', op: 'concat', inputs: ['x', 'y'] }];
  let read = 'xy';
  for (let l = 1; l < sizes.length; l++) {
    const [rows, cols] = [sizes[l], sizes[l - 1]];
    const scale = l === 1 ? 2 : Math.sqrt(3 / cols);
    const random = (count: number, size: number) => Float64Array.from({ length: count }, () => size * next());
    tensors.set(`w${l}`, { shape: [rows, cols], data: random(rows * cols, scale) });
    tensors.set(`b${l}`, { shape: [rows], data: random(rows, 1) });
    nodes.push({ name: `z${l}`, op: 'dense', inputs: [read], weight: `w${l}`, bias: `b${l}` });
    widths.set(`z${l}`, rows);
    read = `z${l}`;
    if (l === sizes.length - 1) break;
    nodes.push({ name: `h${l}`, op: 'sin', inputs: [read] });
    widths.set(`h${l}`, rows);
    read = `h${l}`;
  }
  const inputs = ['x', 'y'].map((name) => ({ name, min: -1, max: 1 }));
  return {
    format: 'pinn-edge/1',
    name: 'sine',
    inputs,
    outputs: [{ name: 'u', value: read }],
    nodes,
    tensors,
    widths,
  } as Model;
}
