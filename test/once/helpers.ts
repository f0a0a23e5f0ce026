import type { Goal } from '../../compiler/code/cost/goal.js';
import type { BuildEngine } from '../../compiler/code/engines/build-engine.js';
import { type BuiltModel, buildForTarget } from '../../compiler/deliver/build.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { modelFrom, randoms, tensor } from '../helpers/models.js';

type Json = Record<string, unknown>;

export const SENSORS = 7;

/**
 * A DeepONet: sensors v0 .. v6 with x between them in the order of the inputs, so that neither part's are neighbours; its answer
 * reads a sensor beside what the branch makes of all of them.
 *
 * @param depth hidden layers of branch and trunk
 */
export function operatorNet(depth = 1, change: (json: Json) => void = () => {}): Json {
  const next = randoms(3);
  const sensors = Array.from({ length: SENSORS }, (_, i) => ({ name: `v${i}`, min: 0.2, max: 1 + i / 8, once: true }));
  const inputs = [
    ...sensors.slice(0, 3),
    { name: 'x', min: 0.5, max: 2 },
    ...sensors.slice(3),
    { name: 't', min: -1, max: 1 },
  ];
  const tensors: Record<string, Json> = {};
  const nodes: Json[] = [];
  const chain = (name: string, from: string[], width: number, sizes: number[]) => {
    nodes.push({ name: `${name}0`, op: 'concat', inputs: from });
    let cols = width;
    sizes.forEach((rows, l) => {
      tensors[`${name}w${l}`] = tensor([rows, cols], next, 1.5 / Math.sqrt(cols));
      tensors[`${name}b${l}`] = tensor([rows], next, 0.3);
      nodes.push({
        name: `${name}z${l}`,
        op: 'dense',
        inputs: [l ? `${name}h${l - 1}` : `${name}0`],
        weight: `${name}w${l}`,
        bias: `${name}b${l}`,
      });
      nodes.push({ name: `${name}h${l}`, op: l % 2 ? 'sin' : 'tanh', inputs: [`${name}z${l}`] });
      cols = rows;
    });
    return `${name}h${sizes.length - 1}`;
  };
  const branch = chain(
    'branch',
    sensors.map(({ name }) => name),
    SENSORS,
    [...Array(depth).fill(9), 6],
  );
  // Read by the first step of each point and by no later one.
  tensors.gate = tensor([1, 6], next, 0.6);
  nodes.push(
    { name: 'gatez', op: 'dense', inputs: [branch], weight: 'gate' },
    { name: 'gateh', op: 'tanh', inputs: ['gatez'] },
    { name: 'gated', op: 'mul', inputs: ['gateh', 'x'] },
  );
  const trunk = chain('trunk', ['gated', 't'], 2, [...Array(depth).fill(8), 6]);
  tensors.ones = { shape: [1, 6], data: Array(6).fill(1) };
  nodes.push(
    { name: 'products', op: 'mul', inputs: [branch, trunk] },
    { name: 'sum', op: 'dense', inputs: ['products'], weight: 'ones' },
    { name: 'start', op: 'mul', inputs: ['v4', 'x'] },
    { name: 'answer', op: 'add', inputs: ['sum', 'start'] },
  );
  const outputs = [
    { name: 'y', value: 'answer', scale: 2.5, offset: -1.3 },
    { name: 'mean', value: branch, index: 0 },
  ];
  const json = { format: 'pinn-edge/1', name: 'operator', inputs, outputs, tensors, nodes };
  change(json);
  return json;
}

/** No input is given once. */
export function withoutOnce({ inputs }: Json): void {
  for (const input of inputs as { once?: boolean }[]) delete input.once;
}

export function operatorBuild(
  engine: BuildEngine,
  goal: Goal,
  { depth = 1, target = 'cortex-m4', change }: { depth?: number; target?: string; change?: (json: Json) => void } = {},
): Promise<BuiltModel> {
  const settings = { engine, goal, compress: 'none', tolerance: 1e-2 } as const;
  return buildForTarget(modelFrom(operatorNet(depth, change)), loadTarget(target), settings);
}
