import type { Problem } from '../diagnostics.js';
import { bfloat16, binary16 } from './small-floats.js';
import type { Tensor } from './types.js';

/**
 * Reads and writes safetensors: 8 bytes of header length (little-endian), a JSON header
 * `{name: {dtype, shape, data_offsets}}`, then the raw tensors
 * (https://github.com/huggingface/safetensors, "Format").
 */

type HeaderEntry = { dtype: string; shape: number[]; data_offsets: [number, number] };

const MAX_HEADER_BYTES = 100_000_000;

const READERS: Record<string, { bytes: number; read: (view: DataView, at: number) => number }> = {
  F64: { bytes: 8, read: (v, at) => v.getFloat64(at, true) },
  F32: { bytes: 4, read: (v, at) => v.getFloat32(at, true) },
  F16: { bytes: 2, read: (v, at) => binary16(v.getUint16(at, true)) },
  BF16: { bytes: 2, read: (v, at) => bfloat16(v.getUint16(at, true)) },
  I64: { bytes: 8, read: (v, at) => Number(v.getBigInt64(at, true)) },
  I32: { bytes: 4, read: (v, at) => v.getInt32(at, true) },
  I16: { bytes: 2, read: (v, at) => v.getInt16(at, true) },
  I8: { bytes: 1, read: (v, at) => v.getInt8(at) },
  U8: { bytes: 1, read: (v, at) => v.getUint8(at) },
};

/** All tensors of a safetensors file as float64. Throws `Error` with the reason when the bytes are not one. */
export function readSafetensors(bytes: Uint8Array): Map<string, Tensor> {
  const { header, view, dataStart } = readHeader(bytes);
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    tensors.set(name, readTensor(name, entry as HeaderEntry, view, dataStart));
  }
  return tensors;
}

/** The texts that the writer of the file added to its header. Throws `Error` as {@link readSafetensors} does. */
export function safetensorsMetadata(bytes: Uint8Array): Record<string, string> {
  const metadata = readHeader(bytes).header.__metadata__;
  const entries = typeof metadata === 'object' && metadata !== null ? Object.entries(metadata) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; view: DataView; dataStart: number } {
  if (bytes.length < 8) throw new Error('shorter than its 8-byte header length');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES || headerBytes + 8 > bytes.length) {
    throw new Error(`header of ${headerBytes} bytes, but the file has ${bytes.length}`);
  }
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + headerBytes)));
  } catch {
    throw new Error('header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new Error('header is not an object');
  return { header: header as Record<string, unknown>, view, dataStart: 8 + headerBytes };
}

function readTensor(name: string, entry: HeaderEntry, view: DataView, dataStart: number): Tensor {
  const reader = typeof entry === 'object' && entry !== null ? READERS[entry.dtype] : undefined;
  if (!reader) throw new Error(`tensor "${name}" has unsupported dtype ${String(entry?.dtype ?? 'none')}`);
  const { shape, data_offsets: offsets } = entry;
  if (!isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    throw new Error(`tensor "${name}" has a malformed shape or offsets`);
  }
  const count = shape.reduce((n, d) => n * d, 1);
  const [begin, end] = offsets;
  if (end - begin !== count * reader.bytes || dataStart + end > view.byteLength) {
    throw new Error(`tensor "${name}" of shape [${shape.join(', ')}] lies outside the file or has the wrong length`);
  }
  const data = new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = reader.read(view, dataStart + begin + i * reader.bytes);
  return { shape: shape.length ? shape : [1], data };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((d) => Number.isSafeInteger(d) && d >= 0);
}

/** Writes tensors as F64, or as F32 where every element is a float32; names in the map's order. */
export function writeSafetensors(tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  const header: Record<string, HeaderEntry> = {};
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const single = tensor.data.every((v) => Math.fround(v) === v);
    const bytes = tensor.data.length * (single ? 4 : 8);
    header[name] = { dtype: single ? 'F32' : 'F64', shape: tensor.shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = JSON.stringify(header);
  const padded = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8, ' '));
  const out = new Uint8Array(8 + padded.length + offset);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(padded.length), true);
  out.set(padded, 8);
  for (const [name, tensor] of tensors) {
    const { dtype, data_offsets } = header[name];
    const start = 8 + padded.length + data_offsets[0];
    tensor.data.forEach((v, i) => {
      if (dtype === 'F32') view.setFloat32(start + 4 * i, v, true);
      else view.setFloat64(start + 8 * i, v, true);
    });
  }
  return out;
}

/** The first element that is not a finite number, as a problem. */
export function nonFiniteProblem(path: string, tensor: Tensor): Problem | undefined {
  const at = tensor.data.findIndex((v) => !Number.isFinite(v));
  if (at < 0) return undefined;
  return { path: `${path}[${at}]`, found: String(tensor.data[at]), expected: 'a finite number' };
}
