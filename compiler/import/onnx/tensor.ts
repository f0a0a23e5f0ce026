import { bfloat16, binary16 } from '../../model/small-floats.js';
import { type NdArray, ndArray, sizeOf } from './ndarray.js';
import type { OnnxTensor } from './proto.js';

/** ONNX TensorProto to an array of numbers (onnx.proto, "TensorProto.DataType"). */

type Reader = (view: DataView, at: number) => number;

const TYPES: Record<number, { bytes: number; integer: boolean; read: Reader }> = {
  1: { bytes: 4, integer: false, read: (v, at) => v.getFloat32(at, true) },
  2: { bytes: 1, integer: true, read: (v, at) => v.getUint8(at) },
  3: { bytes: 1, integer: true, read: (v, at) => v.getInt8(at) },
  4: { bytes: 2, integer: true, read: (v, at) => v.getUint16(at, true) },
  5: { bytes: 2, integer: true, read: (v, at) => v.getInt16(at, true) },
  6: { bytes: 4, integer: true, read: (v, at) => v.getInt32(at, true) },
  7: { bytes: 8, integer: true, read: (v, at) => Number(v.getBigInt64(at, true)) },
  9: { bytes: 1, integer: true, read: (v, at) => v.getUint8(at) },
  10: { bytes: 2, integer: false, read: (v, at) => binary16(v.getUint16(at, true)) },
  11: { bytes: 8, integer: false, read: (v, at) => v.getFloat64(at, true) },
  12: { bytes: 4, integer: true, read: (v, at) => v.getUint32(at, true) },
  13: { bytes: 8, integer: true, read: (v, at) => Number(v.getBigUint64(at, true)) },
  16: { bytes: 2, integer: false, read: (v, at) => bfloat16(v.getUint16(at, true)) },
};

const EXTERNAL = 1;

/** Bytes of a file beside the model, or undefined when there is none. */
export type ExternalData = (location: string) => Uint8Array | undefined;

/** Throws `Error` with the reason. */
export function readTensor(tensor: OnnxTensor, external: ExternalData): NdArray {
  const shape = tensor.dims.map(Number);
  const type = TYPES[tensor.dataType];
  if (!type) throw new Error(`tensor "${tensor.name}" has data type ${tensor.dataType}, which is not supported`);
  const count = sizeOf(shape);
  const raw = tensor.dataLocation === EXTERNAL ? externalBytes(tensor, external) : tensor.rawData;
  if (raw.length > 0 || count === 0) {
    if (raw.length !== count * type.bytes) {
      throw new Error(`tensor "${tensor.name}" of shape [${shape.join(', ')}] has ${raw.length} bytes of data`);
    }
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    return ndArray(
      shape,
      Float64Array.from({ length: count }, (_, i) => type.read(view, i * type.bytes)),
      type.integer,
    );
  }
  return ndArray(shape, listedData(tensor), type.integer);
}

/** The typed lists: half floats lie in int32Data as their bits. */
function listedData(tensor: OnnxTensor): number[] {
  switch (tensor.dataType) {
    case 1:
      return tensor.floatData;
    case 7:
      return tensor.int64Data.map(Number);
    case 10:
      return tensor.int32Data.map(binary16);
    case 16:
      return tensor.int32Data.map(bfloat16);
    case 11:
      return tensor.doubleData;
    case 12:
    case 13:
      return tensor.uint64Data.map(Number);
    default:
      return tensor.int32Data;
  }
}

function externalBytes(tensor: OnnxTensor, external: ExternalData): Uint8Array {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location') ?? '';
  // A path that leaves the model's folder could read any file.
  if (!location || /^([\\/]|[A-Za-z]:)/.test(location) || location.split(/[\\/]/).includes('..')) {
    throw new Error(`tensor "${tensor.name}" has its data at "${location}", outside the model's folder`);
  }
  const bytes = external(location);
  if (!bytes) throw new Error(`its weights lie in "${location}", which is not beside it`);
  const offset = Number(entries.get('offset') ?? 0);
  const length = Number(entries.get('length') ?? bytes.length - offset);
  if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) {
    throw new Error(`tensor "${tensor.name}" lies outside "${location}"`);
  }
  return bytes.subarray(offset, offset + length);
}
