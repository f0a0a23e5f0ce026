import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importModel } from '../../compiler/import/import.js';
import { parseDerive, parseInput } from '../../compiler/import/options.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { derivedGraph, graphError } from '../derive/helpers.js';
import { files } from './helpers.js';

/** `--derive` of a file of every kind: the derivatives are those of the network that was read. */

interface Case {
  file: string;
  inputs?: string[];
  points: number[][];
}

const folder = join(import.meta.dirname, 'fixtures');
const read = <T>(name: string): T => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const { 'flax.msgpack': flax } = read<Record<string, Omit<Case, 'file'>>>('keras-cases.json');
const all = [...Object.values(read<Record<string, Case>>('cases.json')), { ...flax, file: 'flax.msgpack' }];

/** The first of every kind of file. */
const cases = [...new Map(all.map((one) => [extname(one.file), one] as const).reverse()).values()];

const STEP = 1e-3;

it('knows a file of every kind', () => {
  const kinds = cases.map(({ file }) => extname(file)).sort();
  expect(kinds).toEqual(['.h5', '.keras', '.msgpack', '.npz', '.onnx', '.pkl', '.pt', '.pth', '.safetensors']);
});

it.each<[string, string[]]>([
  ['u_x', ['u_x = u_x']],
  ['u_x, u_t', ['u_x = u_x', 'u_t = u_t']],
  ['v = -psi_x', ['v = -psi_x']],
  ['m = max(u_x, u_t)', ['m = max(u_x, u_t)']],
])('reads --derive "%s"', (text, wanted) => {
  expect(parseDerive(text).map(({ name, expression }) => `${name} = ${expression}`)).toEqual(wanted);
});

it.each(['u_x,', 'u_x,,u_t', 'u_x,u_x', 'u_x u_t', 'v =', '= u_x', 'v = u = w'])('refuses --derive "%s"', (text) => {
  expect(() => parseDerive(text)).toThrow(`--derive ${text}: `);
});

describe.each(cases)('$file', ({ file, inputs, points }) => {
  const options = { inputs: (inputs ?? points[0].map((_, i) => `x${i}=-1:1`)).map(parseInput) };
  const [first, second] = options.inputs.map(({ name }) => name);

  it('has first and mixed derivatives as outputs, and hides its own', async () => {
    const plain = (await importModel(join(folder, file), files, options)).model;
    const [{ name: output }] = plain.outputs;
    const derive = [
      { name: 'slope', expression: `${output}_${first}` },
      { name: 'mixed', expression: `-2*${output}_${first}${second}` },
    ];
    const { model } = await importModel(join(folder, file), files, { ...options, derive, keep: ['slope', 'mixed'] });
    expect(model.outputs.map(({ name }) => name)).toEqual(['slope', 'mixed']);
    const found = evaluateReference(model, Float64Array.from(points.flat()));
    const at = (point: number[], ...moves: number[]) =>
      evaluateReference(
        plain,
        Float64Array.from(point, (v, i) => v + STEP * (moves[i] ?? 0)),
      )[0];
    points.forEach((point, p) => {
      const slope = (at(point, 1) - at(point, -1)) / (2 * STEP);
      const mixed = (at(point, 1, 1) - at(point, 1, -1) - at(point, -1, 1) + at(point, -1, -1)) / (4 * STEP ** 2);
      expect(Math.abs(found[2 * p] - slope)).toBeLessThan(1e-5 * Math.max(1, Math.abs(slope)));
      expect(Math.abs(found[2 * p + 1] + 2 * mixed)).toBeLessThan(1e-4 * Math.max(1, Math.abs(mixed)));
    });
    // As nodes they share the weights.
    expect(Math.max(...graphError(model))).toBeLessThan(1e-12);
    const weights = derivedGraph(model).nodes.flatMap((node) => (node.kind === 'affine' ? [node.weight] : []));
    expect(new Set(weights).size).toBeLessThan(weights.length);
  });
});
