import type { Tensor } from '../model/types.js';

/**
 * Convolutions of width 1, which act on every point alone: their weights are those of dense layers, with axes of length 1
 * that say nothing. PyTorch writes [out, in, 1] or [out, in, 1, 1] as `weight`, Keras and JAX [1, in, out] or
 * [1, 1, in, out] as `kernel`.
 * @returns the tensors, such weights as matrices; all as they are where one of these weights is wider, or another kind of array
 */
export function matricesOfConvolutions(tensors: ReadonlyMap<string, Tensor>, notes: string[]): Map<string, Tensor> {
  const weights = [...tensors].filter(([name, { shape }]) => KIND.test(name) && shape.length > 2 && shape.length < 6);
  const matrices = weights.map(([name, { shape, data }]): [string, Tensor | undefined] => {
    const isKernel = name.endsWith('kernel');
    const matrix = isKernel ? shape.slice(-2) : shape.slice(0, 2);
    const others = isKernel ? shape.slice(0, -2) : shape.slice(2);
    return [name, others.every((d) => d === 1) ? { shape: matrix, data } : undefined];
  });
  const all = new Map(tensors);
  if (!matrices.length || matrices.some(([, matrix]) => !matrix)) return all;
  for (const [name, matrix] of matrices) all.set(name, matrix!);
  notes.push('convolutions of width 1 are taken as dense layers, point by point');
  return all;
}

/** A weight, or what weight normalisation, spectral normalisation and pruning keep of it. */
const KIND = /(^|[./])(weight(_[vg]|_orig|_mask)?|kernel|original[01]?)$/;

/** Arrays of three and more axes, where a network of dense layers has matrices, or undefined. */
export function describeArrays(tensors: ReadonlyMap<string, Tensor>): string | undefined {
  const arrays = [...tensors].filter(([, { shape }]) => shape.length > 2);
  if (!arrays.length) return undefined;
  const shapes = arrays.slice(0, 8).map(([name, { shape }]) => `${name} [${shape.join(', ')}]`);
  const more = arrays.length > 8 ? ` and ${arrays.length - 8} more` : '';
  return `${shapes.join(', ')}${more} ${arrays.length === 1 ? 'is no matrix but an array' : 'are no matrices but arrays'} of more axes, as convolutions and networks stacked by vmap have; a layer reads one point, so save the matrices that act on it`;
}
