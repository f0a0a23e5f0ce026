import { describe, expect, test } from 'vitest';
import { importModel } from '../../compiler/import/import.js';
import { parseInput } from '../../compiler/import/options.js';
import { congruential } from '../../compiler/judge/points/random.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { writeSafetensors } from '../../compiler/model/safetensors.js';
import type { Tensor } from '../../compiler/model/types.js';
import { memoryFiles } from './helpers.js';

/** Names and shapes of tensors as frameworks and people write them, and the network that follows from them. */

const WIDTHS = [2, 5, 4, 1];
const POINT = Float64Array.of(0.3, -0.6);

const share = congruential(7);
const random = () => 2 * share() - 1;
const layers = WIDTHS.slice(1).map((rows, i) => ({
  rows,
  cols: WIDTHS[i],
  weight: Float64Array.from({ length: rows * WIDTHS[i] }, random),
  bias: Float64Array.from({ length: rows }, random),
}));

function expected(): number {
  let x = [...POINT];
  layers.forEach(({ rows, cols, weight, bias }, i) => {
    const z = Array.from({ length: rows }, (_, r) => x.reduce((s, v, c) => s + weight[r * cols + c] * v, bias[r]));
    x = i + 1 < layers.length ? z.map(Math.tanh) : z;
  });
  return x[0];
}

const outIn = (i: number): Tensor => ({ shape: [layers[i].rows, layers[i].cols], data: layers[i].weight });
const bias = (i: number): Tensor => ({ shape: [layers[i].rows], data: layers[i].bias });
function inOut(i: number): Tensor {
  const { rows, cols, weight } = layers[i];
  const data = Float64Array.from({ length: rows * cols }, (_, k) => weight[(k % rows) * cols + Math.floor(k / rows)]);
  return { shape: [cols, rows], data };
}

type Named = [string, Tensor][];
const torch = (names: string[]): Named =>
  names.flatMap(
    (n, i): Named => [
      [`${n}.weight`, outIn(i)],
      [`${n}.bias`, bias(i)],
    ],
  );
const jax = (names: string[]): Named =>
  names.flatMap(
    (n, i): Named => [
      [`${n}/kernel`, inOut(i)],
      [`${n}/bias`, bias(i)],
    ],
  );

async function run(tensors: Named, spec?: object) {
  const files = memoryFiles({ 'net.safetensors': writeSafetensors(new Map(tensors)) });
  return importModel('net.safetensors', files, {
    inputs: ['x=-1:1', 't=-1:1'].map(parseInput),
    ...(spec ? { spec: { file: 'spec.json', text: JSON.stringify(spec) } } : {}),
  });
}

describe('layer names', () => {
  const cases: Record<string, Named> = {
    'linears.N of DeepXDE': torch(['linears.0', 'linears.1', 'linears.2']),
    'net.N of Sequential': torch(['net.0', 'net.2', 'net.4']),
    'layers.N': torch(['layers.0', 'layers.1', 'layers.2']),
    'fcN and fc_out': torch(['fc1', 'fc2', 'fc_out']),
    'words in the order of the file': torch(['layer_in', 'hidden.0', 'layer_out']),
    'out of order, sorted by number': torch(['net.8', 'net.9', 'net.10']).toReversed(),
    'dense, dense_1 of Keras': jax(['dense', 'dense_1', 'dense_2']),
    'Dense_N of Flax': jax(['params/Dense_0', 'params/Dense_1', 'params/Dense_2']),
    'W0, b0': layers.flatMap(
      (_, i): Named => [
        [`W${i}`, inOut(i)],
        [`b${i}`, bias(i)],
      ],
    ),
    'weights_1, biases_1': layers.flatMap(
      (_, i): Named => [
        [`weights_${i + 1}`, outIn(i)],
        [`biases_${i + 1}`, bias(i)],
      ],
    ),
    'pairs (g, v) of jaxpi': layers.flatMap((_, i): Named => {
      const g = Float64Array.from({ length: layers[i].rows }, () => 0.5 + Math.abs(random()));
      const v = inOut(i);
      return [
        [`Dense_${i}.kernel.0`, { shape: [g.length], data: g }],
        [`Dense_${i}.kernel.1`, { shape: v.shape, data: v.data.map((x, k) => x / g[k % g.length]) }],
        [`Dense_${i}.bias`, bias(i)],
      ];
    }),
  };
  for (const [name, tensors] of Object.entries(cases)) {
    test(name, async () => {
      const { model, notes } = await run(tensors);
      expect(notes.join('; ')).toContain('inferred: 2-5-4-1');
      expect(evaluateReference(model, POINT)[0]).toBeCloseTo(expected(), 12);
    });
  }

  test('parallel networks of a DeepXDE PFNN', async () => {
    const parallel = layers.flatMap(
      (_, i): Named =>
        [0, 1].flatMap(
          (k): Named => [
            [`layers.${i}.${k}.weight`, outIn(i)],
            [`layers.${i}.${k}.bias`, bias(i)],
          ],
        ),
    );
    const { model, notes } = await run(parallel);
    expect(notes.filter((note) => note.startsWith('network net_'))).toHaveLength(2);
    expect(Array.from(evaluateReference(model, POINT))).toEqual([
      expect.closeTo(expected(), 12),
      expect.closeTo(expected(), 12),
    ]);
  });

  test('groups of names that chain by themselves and one after the other are asked for', async () => {
    const wide = { shape: [2, 4], data: new Float64Array(8) };
    const both: Named = [...torch(['net_p.0', 'net_p.1', 'net_p.2']).slice(0, 4), ['net_p.2.weight', wide]];
    const tensors: Named = [...both, ...torch(['net_u.0', 'net_u.1', 'net_u.2'])];
    await expect(run(tensors)).rejects.toThrow(/net_p and net_u may be networks side by side, or one after the other/);
    const { model } = await run(tensors, {
      networks: { P: { prefix: 'net_p.', activation: 'tanh' }, U: { prefix: 'net_u.', activation: 'tanh' } },
    });
    expect(model.outputs).toHaveLength(3);
  });

  test.each([
    ['model_ema', 'model'],
    ['ema', 'net'],
    ['net_target', 'net'],
    ['teacher', 'student'],
    ['best_1', 'net_1'],
  ])('%s beside %s is no second network until it is said', async (copy, name) => {
    const layersOf = (prefix: string) => torch([0, 2, 4].map((i) => `${prefix}.${i}`));
    const tensors: Named = [...layersOf(name), ...layersOf(copy)];
    await expect(run(tensors)).rejects.toThrow(new RegExp(`${copy} has the name of a copy`));
    const one = { network: { activation: 'tanh', layers: [0, 2, 4].map((i) => `${name}.${i}`) } };
    const { model } = await run(tensors, { ...one, ignore: layersOf(copy).map(([tensor]) => tensor) });
    expect(Array.from(evaluateReference(model, POINT))).toEqual([expect.closeTo(expected(), 12)]);
  });

  test('layers that do not follow each other are listed with their shapes', async () => {
    await expect(
      run([
        ['a.weight', outIn(0)],
        ['b.weight', outIn(2)],
      ]),
    ).rejects.toThrow(/the layers a \[5, 2\], b \[1, 4\] do not follow each other; give --spec/);
  });

  test('batch normalisation is refused rather than ignored', async () => {
    const norm: Named = [
      ['bn.running_mean', bias(0)],
      ['bn.running_var', bias(0)],
    ];
    await expect(run([...torch(['l1', 'l2', 'l3']), ...norm])).rejects.toThrow(
      /"bn.running_mean" belongs to a batch normalisation/,
    );
  });

  test('what is not used is said', async () => {
    const { notes } = await run([
      ...torch(['l1', 'l2', 'l3']),
      ['lambda_pde', { shape: [1], data: Float64Array.of(2) }],
    ]);
    expect(notes).toContain('not used: lambda_pde');
  });

  test('infinite weights are refused by name', async () => {
    const broken: Tensor = { shape: [1], data: Float64Array.of(Number.POSITIVE_INFINITY) };
    const tensors = torch(['l1', 'l2', 'l3']).map(([name, t]): [string, Tensor] => [
      name,
      name === 'l3.bias' ? broken : t,
    ]);
    await expect(run(tensors)).rejects.toThrow(/l3.bias\[0\]: found Infinity, expected a finite number/);
  });
});
