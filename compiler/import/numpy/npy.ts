import { bfloat16, binary16 } from '../../model/small-floats.js';
import type { Tensor } from '../../model/types.js';

/** NumPy's `.npy` (numpy.lib.format, versions 1 to 3): a header written as a Python literal, then the elements. */

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const MAX_ELEMENTS = 2 ** 26;

type Reader = (view: DataView, at: number, little: boolean) => number;

const READERS: Record<string, { bytes: number; read: Reader }> = {
  f8: { bytes: 8, read: (v, at, e) => v.getFloat64(at, e) },
  f4: { bytes: 4, read: (v, at, e) => v.getFloat32(at, e) },
  f2: { bytes: 2, read: (v, at, e) => binary16(v.getUint16(at, e)) },
  i8: { bytes: 8, read: (v, at, e) => Number(v.getBigInt64(at, e)) },
  u8: { bytes: 8, read: (v, at, e) => Number(v.getBigUint64(at, e)) },
  i4: { bytes: 4, read: (v, at, e) => v.getInt32(at, e) },
  u4: { bytes: 4, read: (v, at, e) => v.getUint32(at, e) },
  i2: { bytes: 2, read: (v, at, e) => v.getInt16(at, e) },
  u2: { bytes: 2, read: (v, at, e) => v.getUint16(at, e) },
  i1: { bytes: 1, read: (v, at) => v.getInt8(at) },
  u1: { bytes: 1, read: (v, at) => v.getUint8(at) },
  bfloat16: { bytes: 2, read: (v, at, e) => bfloat16(v.getUint16(at, e)) },
  b1: { bytes: 1, read: (v, at) => v.getUint8(at) },
};

export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((b, i) => bytes[i] === b);
}

/** What a `.npy` holds: numbers, text, the pickle of an array of objects, or elements of a type that is not read. */
export type NpyContent = { tensor: Tensor } | { text: string[] } | { pickle: Uint8Array } | { unread: string };

/** Throws `Error` with the reason where the bytes are damaged. */
export function readNpy(bytes: Uint8Array, name: string): NpyContent {
  if (!isNpy(bytes)) throw new Error(`"${name}" does not start as a .npy file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes[6] >= 2;
  const headerLength = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const dataStart = (wide ? 12 : 10) + headerLength;
  if (dataStart > bytes.length) throw new Error(`"${name}" ends within its header`);
  const header = new TextDecoder('latin1').decode(bytes.subarray(wide ? 12 : 10, dataStart));
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1];
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const shapeText = /'shape'\s*:\s*\(([0-9,\sL]*)\)/.exec(header)?.[1];
  if (fortran === undefined || shapeText === undefined) throw new Error(`"${name}" has a damaged header`);
  if (descr === undefined) return { unread: 'records' };
  const shape = shapeText.split(',').flatMap((d) => (d.trim() ? [Number.parseInt(d, 10)] : []));
  const data = bytes.subarray(dataStart);
  if (/^\|?O/.test(descr)) return { pickle: data };
  const text = texts(data, descr, shape);
  if (text) return { text };
  const tensor = numbers(data, descr, shape, fortran === 'True', name);
  return tensor ? { tensor } : { unread: descr };
}

/** Elements of `<U8` (code points of 4 bytes) and `|S8` (bytes), filled up with NUL. */
function texts(bytes: Uint8Array, descr: string, shape: readonly number[]): string[] | undefined {
  const [, order, kind, size] = /^([<>|=]?)([US])(\d{1,5})$/.exec(descr) ?? [];
  if (kind === undefined) return undefined;
  const count = shape.reduce((n, d) => n * d, 1);
  const width = Number(size) * (kind === 'U' ? 4 : 1);
  if (!(count >= 0 && count * width <= bytes.length)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const codeAt = (at: number) => (kind === 'U' ? view.getUint32(at, order !== '>') : bytes[at]);
  return Array.from({ length: Math.min(count, 100) }, (_, i) => {
    let text = '';
    for (let k = 0; k < Number(size); k++) {
      const code = codeAt(i * width + k * (kind === 'U' ? 4 : 1));
      if (code === 0 || code > 0x10ffff) break;
      text += String.fromCodePoint(code);
    }
    return text;
  });
}

/** Elements of type `descr` (such as `<f8`) in C or Fortran order as a tensor. */
export function numbers(
  bytes: Uint8Array,
  descr: string,
  shape: readonly number[],
  fortran: boolean,
  name: string,
): Tensor | undefined {
  const kind = /^[<>|=]?([a-z][1248]|bfloat16)$/.exec(descr)?.[1];
  const reader = kind !== undefined && Object.hasOwn(READERS, kind) ? READERS[kind] : undefined;
  if (!reader) return undefined;
  const count = shape.reduce((n, d) => n * d, 1);
  if (!Number.isInteger(count) || count < 0 || count > MAX_ELEMENTS)
    throw new Error(`"${name}" has shape [${shape.join(', ')}], which is too large`);
  if (bytes.length < count * reader.bytes)
    throw new Error(`"${name}" of shape [${shape.join(', ')}] has only ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = !descr.startsWith('>');
  const data = Float64Array.from({ length: count }, (_, i) => reader.read(view, i * reader.bytes, little));
  return { shape: shape.length ? [...shape] : [1], data: fortran && shape.length > 1 ? rowMajor(data, shape) : data };
}

function rowMajor(data: Float64Array, shape: readonly number[]): Float64Array {
  const out = new Float64Array(data.length);
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < data.length; i++) {
    let at = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) at = at * shape[axis] + index[axis];
    out[i] = data[at];
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return out;
}
