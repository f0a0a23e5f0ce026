import { importModel } from '../../compiler/import/import.js';
import { parseInput } from '../../compiler/import/options.js';
import type { ImportResult } from '../../compiler/import/types.js';
import { congruential } from '../../compiler/judge/points/random.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { writeSafetensors } from '../../compiler/model/safetensors.js';
import type { Tensor } from '../../compiler/model/types.js';
import { memoryFiles } from './helpers.js';

/** Networks written out in plain arithmetic, beside the files that say the same: what an import must give. */

export type Vector = number[];
export type Named = [string, Tensor][];

/** Deterministic numbers in -1 .. 1. */
export function numbers(seed: number): (count: number) => Float64Array {
  const random = congruential(seed);
  const next = () => 2 * random() - 1;
  return (count) => Float64Array.from({ length: count }, next);
}

export interface Dense {
  weight: Tensor;
  bias: Tensor;
}

export function dense(random: (count: number) => Float64Array, rows: number, cols: number): Dense {
  return { weight: { shape: [rows, cols], data: random(rows * cols) }, bias: vector(random(rows)) };
}

export function vector(data: ArrayLike<number>): Tensor {
  return { shape: [data.length], data: Float64Array.from(data) };
}

export function transposed({ shape: [rows, cols], data }: Tensor): Tensor {
  return {
    shape: [cols, rows],
    data: Float64Array.from(data, (_, k) => data[(k % rows) * cols + Math.floor(k / rows)]),
  };
}

/** W x + b, W being [out, in]. */
export function apply({ weight, bias }: Dense, x: Vector): Vector {
  const [rows, cols] = weight.shape;
  return Array.from({ length: rows }, (_, r) =>
    x.reduce((sum, v, c) => sum + weight.data[r * cols + c] * v, bias.data[r]),
  );
}

export const tanh = (x: Vector) => x.map(Math.tanh);

export const named = (name: string, { weight, bias }: Dense): Named => [
  [`${name}.weight`, weight],
  [`${name}.bias`, bias],
];

export async function importFile(file: string, bytes: Uint8Array, spec?: object, columns = 2): Promise<ImportResult> {
  const inputs = ['x', 't', 'z'].slice(0, columns).map((name) => parseInput(`${name}=-1:1`));
  return importModel(file, memoryFiles({ [file]: bytes }), {
    inputs: spec && 'inputs' in spec ? [] : inputs,
    ...(spec ? { spec: { file: 'spec.json', text: JSON.stringify(spec) } } : {}),
  });
}

export function importTensors(tensors: Named, spec?: object, columns = 2): Promise<ImportResult> {
  return importFile('net.safetensors', writeSafetensors(new Map(tensors)), spec, columns);
}

export function answers({ model }: ImportResult, point: Vector): Vector {
  return Array.from(evaluateReference(model, Float64Array.from(point)));
}
