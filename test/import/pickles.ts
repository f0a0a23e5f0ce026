import type { Tensor } from '../../compiler/model/types.js';

/** Writes pickles as Python does (protocol 4), for tests: lists, tuples, dicts, text, numbers, NumPy and JAX arrays. */

/** `module.name(*args)`, with a state that BUILD sets. */
export interface Call {
  call: [module: string, name: string];
  args: Picklable[];
  state?: Picklable;
}
/** A tuple, as against a list. */
export interface Tuple {
  tuple: Picklable[];
}
export type Picklable =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Tensor
  | Picklable[]
  | Map<string, Picklable>
  | Tuple
  | Call;

const bytes = (text: string) => [...new TextEncoder().encode(text)];
const int32 = (value: number) => [...new Uint8Array(Int32Array.of(value).buffer)];

export function pickle(value: Picklable): Uint8Array {
  return Uint8Array.from([0x80, 4, ...write(value), 0x2e]);
}

function write(value: Picklable): number[] {
  if (value === null) return [0x4e];
  if (typeof value === 'boolean') return [value ? 0x88 : 0x89];
  if (typeof value === 'number') {
    if (Number.isInteger(value)) return [0x4a, ...int32(value)];
    return [0x47, ...new Uint8Array(Float64Array.of(value).buffer).reverse()];
  }
  if (typeof value === 'string') return [0x58, ...int32(bytes(value).length), ...bytes(value)];
  if (value instanceof Uint8Array) return [0x42, ...int32(value.length), ...value];
  if (value instanceof Map)
    return [0x7d, 0x28, ...[...value].flatMap(([key, inner]) => [...write(key), ...write(inner)]), 0x75];
  if (Array.isArray(value)) return [0x5d, 0x28, ...value.flatMap(write), 0x65];
  if ('tuple' in value) return [0x28, ...value.tuple.flatMap(write), 0x74];
  if ('call' in value) {
    const [module, name] = value.call;
    const made = [...write(module), ...write(name), 0x93, ...write({ tuple: value.args }), 0x52];
    return value.state === undefined ? made : [...made, ...write(value.state), 0x62];
  }
  return write(numpyArray(value));
}

/** `(1, shape, dtype, False, data)`: the state of a NumPy array; `data` is a list where it holds objects. */
export function arrayState(shape: number[], descr: string, data: Picklable): Tuple {
  const dtype: Call = {
    call: ['numpy', 'dtype'],
    args: [descr, false, true],
    state: { tuple: [3, '<', null, null, null, -1, -1, 0] },
  };
  return { tuple: [1, { tuple: shape }, dtype, false, data] };
}

function numpyArray({ shape, data }: Tensor): Call {
  return {
    call: ['numpy.core.multiarray', '_reconstruct'],
    args: [],
    state: arrayState(shape, 'f8', new Uint8Array(Float64Array.from(data).buffer)),
  };
}

/** An array as `jax.Array.__reduce__` writes it. */
export function jaxArray({ shape, data }: Tensor): Call {
  const state = arrayState(shape, 'f8', new Uint8Array(Float64Array.from(data).buffer));
  return {
    call: ['jax._src.array', '_reconstruct_array'],
    args: [null, { tuple: [] }, state, new Map([['weak_type', false]])],
  };
}

/** An array of objects. */
export function objectArray(items: Picklable[]): Call {
  return { call: ['numpy.core.multiarray', '_reconstruct'], args: [], state: arrayState([items.length], 'O8', items) };
}

/** A `.npy` of version 1.0. */
export function npy(descr: string, shape: number[], data: Uint8Array): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`.padEnd(117, ' ');
  const start = Uint8Array.from([0x93, ...bytes('NUMPY'), 1, 0, 118, 0]);
  return Uint8Array.from([...start, ...bytes(`${header}\n`), ...data]);
}
