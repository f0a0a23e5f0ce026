import { decode, ExtensionCodec } from '@msgpack/msgpack';
import { bfloat16 } from '../../model/small-floats.js';
import type { Tensor } from '../../model/types.js';
import { numbers } from '../numpy/npy.js';
import type { Imported, ImportJob } from '../source.js';
import { networksOf } from '../state-dict.js';

/** Parameters that `flax.serialization.to_bytes` has written: MessagePack with arrays of NumPy as extensions. */

/** Kinds of extension: an array, a complex number, one number of NumPy. */
const ARRAY = 1;
const SCALAR = 3;
const MAX_DEPTH = 32;
/** What training stores beside the parameters. */
const TRAINING = new Set(['opt_state', 'step']);

const DTYPES: Record<string, string> = {
  float64: '<f8',
  float32: '<f4',
  float16: '<f2',
  int64: '<i8',
  int32: '<i4',
  int16: '<i2',
  int8: '|i1',
  uint64: '<u8',
  uint32: '<u4',
  uint16: '<u2',
  uint8: '|u1',
  bool: '|b1',
};

class Leaf {
  constructor(readonly tensor: Tensor | undefined) {}
}

export function importFlax(job: ImportJob): Imported {
  return networksOf(job, readFlax(job.bytes));
}

/** Arrays by their path, such as `params/Dense_0/kernel`. Throws `Error` with the reason. */
export function readFlax(bytes: Uint8Array): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  const visit = (value: unknown, path: readonly string[]) => {
    if (path.length > MAX_DEPTH) throw new Error('it is nested too deeply');
    if (value instanceof Leaf) {
      if (value.tensor) tensors.set(path.join('/'), value.tensor);
    } else if (isChunked(value)) {
      tensors.set(path.join('/'), joined(value));
    } else if (typeof value === 'object' && value !== null) {
      const isState = path.length === 0 && 'params' in value;
      for (const [key, entry] of Object.entries(value))
        if (!(isState && TRAINING.has(key))) visit(entry, [...path, key]);
    }
  };
  visit(decode(bytes, { extensionCodec: codec(), maxStrLength: 4096, maxMapLength: 100_000 }), []);
  return tensors;
}

function codec(): ExtensionCodec {
  const extensions = new ExtensionCodec();
  for (const type of [ARRAY, SCALAR]) {
    extensions.register({ type, encode: () => null, decode: (data) => new Leaf(array(data)) });
  }
  return extensions;
}

/** `[shape, dtype, bytes]`, MessagePack again. */
function array(data: Uint8Array): Tensor | undefined {
  const [shape, dtype, bytes] = decode(data) as [unknown, unknown, unknown];
  const isShape = Array.isArray(shape) && shape.every((d) => Number.isInteger(d) && d >= 0);
  if (!isShape || typeof dtype !== 'string' || !(bytes instanceof Uint8Array))
    throw new Error('one of its arrays is damaged');
  if (dtype === 'bfloat16') return halves(bytes, shape);
  return Object.hasOwn(DTYPES, dtype) ? numbers(bytes, DTYPES[dtype], shape, false, 'an array') : undefined;
}

function halves(bytes: Uint8Array, shape: number[]): Tensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = shape.reduce((n, d) => n * d, 1);
  if (count * 2 !== bytes.length) throw new Error('one of its arrays is damaged');
  const data = Float64Array.from({ length: count }, (_, i) => bfloat16(view.getUint16(2 * i, true)));
  return { shape: shape.length ? shape : [1], data };
}

interface Chunked {
  shape: Record<string, unknown>;
  chunks: Record<string, unknown>;
}

/** Arrays above 1 GiB are cut into pieces. */
function isChunked(value: unknown): value is Chunked {
  return typeof value === 'object' && value !== null && '__msgpack_chunked_array__' in value;
}

function joined({ shape, chunks }: Chunked): Tensor {
  const parts = Object.keys(chunks)
    .sort((a, b) => Number(a) - Number(b))
    .map((key) => chunks[key]);
  const data = parts.flatMap((part) => (part instanceof Leaf && part.tensor ? [part.tensor.data] : []));
  const dims = Object.values(shape).map(Number);
  const all = new Float64Array(data.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of data) {
    all.set(part, at);
    at += part.length;
  }
  if (dims.reduce((n, d) => n * d, 1) !== all.length) throw new Error('one of its arrays is damaged');
  return { shape: dims, data: all };
}
