import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { loadModel } from '../compiler/model/load.js';
import type { Model } from '../compiler/model/types.js';

/** The examples with networks of other widths, to be trained from fresh weights. */

export const fileOf = (example: string, name = 'model.json') => join(PACKAGE_ROOT, 'examples', example, name);

/**
 * The model of an example with fewer and narrower layers in the place of its own, all weights zero.
 * @param rank of the matrices between hidden layers, dense unless given
 */
export function withWidths(example: string, widths: readonly number[], rank?: number): Model {
  const { weights: _, ...json } = JSON.parse(readFileSync(fileOf(example), 'utf8'));
  const isLayer = ({ name }: { name: string }) => /^([zh]\d+|net)$/.test(name);
  const at = json.nodes.findIndex(isLayer);
  const tensors: Record<string, object> = {};
  const zeros = (...shape: number[]) => ({ shape, data: new Array(shape.reduce((n, d) => n * d, 1)).fill(0) });
  let [from] = json.nodes[at].inputs;
  const layers = widths.slice(1).flatMap((width, k) => {
    const isLast = k === widths.length - 2;
    const [bias, name] = [`l${k}.bias`, isLast ? 'net' : `z${k}`];
    tensors[bias] = zeros(width);
    const [weight, left, right] = ['weight', 'left', 'right'].map((part) => `l${k}.${part}`);
    const isLowRank = rank !== undefined && k > 0 && !isLast;
    if (isLowRank) Object.assign(tensors, { [left]: zeros(width, rank), [right]: zeros(rank, widths[k]) });
    else tensors[weight] = zeros(width, widths[k]);
    const matrix = isLowRank ? { op: 'low_rank', left, right } : { op: 'dense', weight };
    const layer = { name, inputs: [from], bias, ...matrix };
    from = `h${k}`;
    return isLast ? [layer] : [layer, { name: from, op: 'tanh', inputs: [name] }];
  });
  const rest = json.nodes.filter((node: { name: string }) => !isLayer(node));
  const nodes = [...rest.slice(0, at), ...layers, ...rest.slice(at)];
  const bytes = new TextEncoder().encode(JSON.stringify({ ...json, nodes, tensors }));
  return loadModel(example, { read: () => bytes, beside: (_file, name) => name });
}

/** With the points of the example's reference file, where it has one, as data to measure against. */
export function withReference(model: Model, example: string): Model {
  if (example !== 'burgers') return model;
  const { points, outputs } = JSON.parse(readFileSync(fileOf(example, 'reference.json'), 'utf8'));
  const rows = points.map((point: number[], p: number) => [...point, outputs.u[p]]);
  const data = [{ name: 'reference', columns: ['x', 't', 'u'], rows, weight: 0 }];
  return { ...model, physics: { ...model.physics, data } };
}
