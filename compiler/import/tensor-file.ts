import type { Tensor } from '../model/types.js';
import type { Layout } from './network-spec.js';

/** A text, number or switch that a file keeps beside its tensors, by the path of keys that leads to it. */
export interface Said {
  path: string;
  value: string | number | boolean;
}

/** What a file of tensors without a graph holds. */
export interface TensorFile {
  /** In the order of the file. */
  tensors: Map<string, Tensor>;
  said: Said[];
  /** Where the file's maker writes every matrix in one way, by marks of its own. */
  layout?: Layout;
  /** True for files that PyTorch wrote: a tensor named `weight` is [out, in]. */
  torch?: boolean;
}

/** A file's tensors alone. */
export function plainTensors(tensors: Map<string, Tensor>): TensorFile {
  return { tensors, said: [] };
}
