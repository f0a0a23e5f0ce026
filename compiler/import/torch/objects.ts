import { bfloat16, binary16 } from '../../model/small-floats.js';
import type { Tensor } from '../../model/types.js';
import { numbers } from '../numpy/npy.js';
import { type PickleHost, PickleRefusal, type PyDict, PyGlobal, type PyList } from './pickle.js';

/** The constructors that pickles of weights call: PyTorch's tensors and storages, NumPy's arrays, plain containers. */

/** Raw numbers of a storage; `data` may be set later (legacy files keep it after the pickle). */
export interface Storage {
  type: StorageType;
  data: Uint8Array | undefined;
}

export type StorageType = keyof typeof ELEMENTS;

type Reader = (view: DataView, at: number) => number;

const ELEMENTS = {
  double: { bytes: 8, read: (v, at) => v.getFloat64(at, true) },
  float: { bytes: 4, read: (v, at) => v.getFloat32(at, true) },
  half: { bytes: 2, read: (v, at) => binary16(v.getUint16(at, true)) },
  bfloat16: { bytes: 2, read: (v, at) => bfloat16(v.getUint16(at, true)) },
  long: { bytes: 8, read: (v, at) => Number(v.getBigInt64(at, true)) },
  int: { bytes: 4, read: (v, at) => v.getInt32(at, true) },
  short: { bytes: 2, read: (v, at) => v.getInt16(at, true) },
  char: { bytes: 1, read: (v, at) => v.getInt8(at) },
  byte: { bytes: 1, read: (v, at) => v.getUint8(at) },
  bool: { bytes: 1, read: (v, at) => v.getUint8(at) },
} satisfies Record<string, { bytes: number; read: Reader }>;

const STORAGE_CLASSES: Record<string, StorageType> = {
  DoubleStorage: 'double',
  FloatStorage: 'float',
  HalfStorage: 'half',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'long',
  IntStorage: 'int',
  ShortStorage: 'short',
  CharStorage: 'char',
  ByteStorage: 'byte',
  BoolStorage: 'bool',
  UntypedStorage: 'byte',
};

const DTYPES: Record<string, StorageType> = {
  float64: 'double',
  double: 'double',
  float32: 'float',
  float: 'float',
  float16: 'half',
  half: 'half',
  bfloat16: 'bfloat16',
  int64: 'long',
  long: 'long',
  int32: 'int',
  int: 'int',
  int16: 'short',
  int8: 'char',
  uint8: 'byte',
  bool: 'bool',
};

export function storageType(global: unknown): StorageType {
  const type = global instanceof PyGlobal ? STORAGE_CLASSES[global.name] : undefined;
  if (!type)
    throw new PickleRefusal(global instanceof PyGlobal ? `the storage type "${global}"` : 'a storage of no known type');
  return type;
}

export function elementBytes(type: StorageType): number {
  return ELEMENTS[type].bytes;
}

/** A tensor as the pickle describes it; its numbers are read once all storages have their data. */
export class PyTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}

  /** Throws `Error` when it lies outside its storage. */
  toTensor(): Tensor {
    const { data, type } = this.storage;
    if (!data) throw new Error('the data of a storage is missing');
    const { bytes, read } = ELEMENTS[type];
    const count = this.shape.reduce((n, d) => n * d, 1);
    const last = this.shape.reduce((at, d, i) => at + Math.max(0, d - 1) * this.strides[i], this.offset);
    if (count > MAX_ELEMENTS || (count > 0 && (last + 1) * bytes > data.length)) {
      throw new Error(`a tensor of shape [${this.shape.join(', ')}] lies outside its storage`);
    }
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const out = new Float64Array(count);
    const index = new Array<number>(this.shape.length).fill(0);
    let at = this.offset;
    for (let i = 0; i < count; i++) {
      out[i] = read(view, at * bytes);
      for (let axis = this.shape.length - 1; axis >= 0; axis--) {
        at += this.strides[axis];
        if (++index[axis] < this.shape[axis]) break;
        at -= this.strides[axis] * this.shape[axis];
        index[axis] = 0;
      }
    }
    return { shape: this.shape.length ? [...this.shape] : [1], data: out };
  }
}

const MAX_ELEMENTS = 2 ** 26;

/** A NumPy dtype: its type string, with the byte order that BUILD may set. */
class PyDtype {
  constructor(public descr: string) {}
}

/** A NumPy array before and after BUILD has filled it. */
export class PyArray {
  tensor: Tensor | undefined;
  /** Elements of an array of objects, in row-major order. */
  objects: PyList | undefined;
  /** Type of elements that are neither numbers nor objects, such as `<U8` or `<c16`. */
  unread: string | undefined;

  /** Sets the elements; `data` is bytes, or a list where they are objects. */
  fill(shape: unknown, dtype: unknown, fortran: unknown, data: unknown): void {
    if (!Array.isArray(shape) || !(dtype instanceof PyDtype)) return;
    if (Array.isArray(data)) this.objects = data;
    else if (data instanceof Uint8Array) {
      this.tensor = numbers(data, dtype.descr, shape as number[], fortran === true, 'an array');
      if (!this.tensor) this.unread = dtype.descr;
    }
  }
}

/** An object that is nothing but its attributes: `argparse.Namespace` and the like. */
class PyNamespace extends Map<unknown, unknown> {}

/** Something harmless that is not needed (a device, a size). */
const OPAQUE = Object.freeze({ opaque: true });

type Constructor = (args: PyList, host: ObjectHost) => unknown;

const asDict = (pairs: unknown): PyDict => {
  if (pairs instanceof Map) return pairs;
  const dict: PyDict = new Map();
  for (const pair of Array.isArray(pairs) ? pairs : []) if (Array.isArray(pair)) dict.set(pair[0], pair[1]);
  return dict;
};

const rebuildTensor: Constructor = ([storage, offset, shape, strides]) => {
  const counts = (value: unknown): value is number[] =>
    Array.isArray(value) && value.length <= 16 && value.every((d) => Number.isSafeInteger(d) && (d as number) >= 0);
  if (
    !isStorage(storage) ||
    !counts([offset]) ||
    !counts(shape) ||
    !counts(strides) ||
    shape.length !== strides.length
  ) {
    throw new Error('a tensor is described wrongly');
  }
  return new PyTensor(storage, offset as number, shape, strides);
};

function isStorage(value: unknown): value is Storage {
  return typeof value === 'object' && value !== null && 'type' in value && 'data' in value;
}

const first: Constructor = ([value]) => value;
const opaque: Constructor = () => OPAQUE;
const emptyArray: Constructor = () => new PyArray();

/** `_codecs.encode(text, 'latin1')`: how protocol 2 writes bytes. */
const encode: Constructor = ([text]) => Uint8Array.from(String(text), (c) => c.charCodeAt(0));

const numpyScalar: Constructor = ([dtype, bytes]) => {
  if (!(dtype instanceof PyDtype) || !(bytes instanceof Uint8Array)) return OPAQUE;
  return numbers(bytes, dtype.descr, [], false, 'a scalar')?.data[0] ?? OPAQUE;
};

/** `numpy._core.numeric._frombuffer(buffer, dtype, shape, order)`, of protocol 5. */
const fromBuffer: Constructor = ([buffer, dtype, shape, order]) => {
  if (!(buffer instanceof Uint8Array) || !(dtype instanceof PyDtype) || !Array.isArray(shape))
    throw new Error('an array is described wrongly');
  const array = new PyArray();
  array.fill(shape, dtype, order === 'F', buffer);
  return array;
};

/** `_reconstruct_array(function, arguments, state, aval_state)` of JAX: a NumPy array and where it lay. */
const jaxArray: Constructor = ([, , state]) => {
  const array = new PyArray();
  if (Array.isArray(state)) array.fill(state[1], state[2], state[3], state[4]);
  return array;
};

const CONSTRUCTORS: Record<string, Constructor> = {
  'collections.OrderedDict': ([pairs]) => asDict(pairs),
  'collections.defaultdict': () => new Map(),
  'builtins.dict': ([pairs]) => asDict(pairs),
  'builtins.list': ([items]) => (Array.isArray(items) ? [...items] : []),
  'builtins.tuple': ([items]) => (Array.isArray(items) ? [...items] : []),
  'builtins.set': ([items]) => (Array.isArray(items) ? [...items] : []),
  'builtins.bytearray': first,
  'builtins.complex': opaque,
  'torch._utils._rebuild_tensor': rebuildTensor,
  'torch._utils._rebuild_tensor_v2': rebuildTensor,
  'torch._utils._rebuild_tensor_v3': rebuildTensor,
  'torch._utils._rebuild_parameter': first,
  'torch._utils._rebuild_parameter_with_state': first,
  'torch._tensor._rebuild_from_type_v2': ([callable, , args], host) => {
    if (!(callable instanceof PyGlobal) || !Array.isArray(args)) throw new Error('a tensor is described wrongly');
    return host.reduce(callable, args);
  },
  'torch.nn.parameter.Parameter': first,
  'argparse.Namespace': () => new PyNamespace(),
  'types.SimpleNamespace': () => new PyNamespace(),
  'flax.core.frozen_dict.FrozenDict': ([pairs]) => asDict(pairs),
  'jax._src.array._reconstruct_array': jaxArray,
  'jax._src.device_array.reconstruct_device_array': jaxArray,
  'jax.interpreters.xla.reconstruct_device_array': jaxArray,
  'torch.Size': opaque,
  'torch.device': opaque,
  'torch.storage._load_from_bytes': ([bytes], host) => host.loadNested(bytes),
  '_codecs.encode': encode,
  'numpy.dtype': ([descr]) =>
    new PyDtype(
      `<${String(descr)
        .replace(/^[<>|=]/, '')
        .replace(/^ml_dtypes\./, '')}`,
    ),
};

for (const core of ['numpy.core', 'numpy._core']) {
  CONSTRUCTORS[`${core}.multiarray._reconstruct`] = emptyArray;
  CONSTRUCTORS[`${core}.multiarray.scalar`] = numpyScalar;
  CONSTRUCTORS[`${core}.numeric._frombuffer`] = fromBuffer;
}

/** Names that may stand as values without being called. */
function isValueName({ module, name }: PyGlobal): boolean {
  if (module === 'torch') return name in STORAGE_CLASSES || name in DTYPES || name === 'Tensor';
  if (module === 'torch.storage') return name === 'UntypedStorage' || name === 'TypedStorage';
  if (module === 'ml_dtypes') return name === 'bfloat16';
  if (module === 'numpy') return name === 'ndarray' || /^(float|int|uint)(8|16|32|64)$/.test(name);
  return module === 'builtins' && ['int', 'float', 'str', 'bool'].includes(name);
}

/** The constructors that checkpoints of weights call, and nothing else. */
export class ObjectHost implements PickleHost {
  constructor(
    private readonly storageOf: (id: unknown) => Storage,
    readonly loadNested: (bytes: unknown) => unknown,
  ) {}

  allow(global: PyGlobal): void {
    if (isValueName(global) || Object.hasOwn(CONSTRUCTORS, normalised(global))) return;
    throw new PickleRefusal(`"${String(global).slice(0, 120)}"`);
  }

  reduce(callable: PyGlobal, args: PyList): unknown {
    const name = normalised(callable);
    if (!Object.hasOwn(CONSTRUCTORS, name)) throw new PickleRefusal(`a call of "${String(callable).slice(0, 120)}"`);
    return CONSTRUCTORS[name](args, this);
  }

  build(target: unknown, state: unknown): void {
    if (target instanceof PyDtype && Array.isArray(state)) {
      if (state[1] === '>' || state[1] === '<') target.descr = `${state[1]}${target.descr.slice(1)}`;
    } else if (target instanceof PyArray && Array.isArray(state)) {
      target.fill(state[1], state[2], state[3], state[4]);
    } else if (target instanceof PyNamespace && state instanceof Map) {
      for (const [key, value] of state) target.set(key, value);
    } else if (!(target instanceof Map) && target !== OPAQUE && !(target instanceof PyTensor)) {
      throw new PickleRefusal('the state of an object other than a dict, tensor or array');
    }
  }

  persistent(id: unknown): unknown {
    return this.storageOf(id);
  }
}

/** Python 2's names of the same modules. */
function normalised({ module, name }: PyGlobal): string {
  return `${module === '__builtin__' ? 'builtins' : module}.${name}`;
}
