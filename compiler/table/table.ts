import { crc32 } from 'node:zlib';
import { FORMAT_VERSION, HEADER, INPUT, MAGIC, OUTPUT, RECORD } from './specification.js';
import { FIELD_BYTES, type Field, type IntegerType, layoutOf } from './struct.js';

/** The block table in memory, and its bytes. See specification.ts for the layout. */

export interface TableRecord {
  kind: number;
  format: number;
  flags: number;
  shift: number;
  rows: number;
  cols: number;
  a: number;
  b: number;
  out: number;
  shiftA: number;
  shiftB: number;
  weights: number;
  bias: number;
  rowShifts: number;
  origin: number;
}

export interface BlockTable {
  inputs: { min: number; max: number; exponent: number }[];
  outputs: { exponent: number }[];
  arenaBytes: number;
  records: TableRecord[];
  pool: Uint8Array;
}

export const EMPTY_RECORD: TableRecord = {
  kind: 0,
  format: 0,
  flags: 0,
  shift: 0,
  rows: 0,
  cols: 0,
  a: 0,
  b: 0,
  out: 0,
  shiftA: 0,
  shiftB: 0,
  weights: 0,
  bias: 0,
  rowShifts: 0,
  origin: 0,
};

const header = layoutOf(HEADER);
const input = layoutOf(INPUT);
const output = layoutOf(OUTPUT);
const record = layoutOf(RECORD);

/** The CRC covers every byte after its own field. */
const CRC_START = header.offsets.crc + 4;

/** The bytes of a table, its CRC-32 included; the pool is filled up to whole words. */
export function encodeTable(table: BlockTable): Uint8Array {
  const recordsOffset = header.bytes + table.inputs.length * input.bytes + table.outputs.length * output.bytes;
  const poolOffset = recordsOffset + table.records.length * record.bytes;
  const poolBytes = Math.ceil(table.pool.length / 4) * 4;
  const bytes = new Uint8Array(poolOffset + poolBytes);
  const view = new DataView(bytes.buffer);
  writeFields(view, 0, HEADER, {
    magic: MAGIC,
    version: FORMAT_VERSION,
    headerBytes: header.bytes,
    totalBytes: bytes.length,
    crc: 0,
    recordCount: table.records.length,
    inputCount: table.inputs.length,
    outputCount: table.outputs.length,
    reserved: 0,
    arenaBytes: table.arenaBytes,
    recordsOffset,
    poolOffset,
    poolBytes,
  });
  let at = header.bytes;
  for (const entry of table.inputs) at = writeFields(view, at, INPUT, entry);
  for (const entry of table.outputs) at = writeFields(view, at, OUTPUT, entry);
  for (const entry of table.records) at = writeFields(view, at, RECORD, entry);
  bytes.set(table.pool, poolOffset);
  sealTable(bytes);
  return bytes;
}

/** Writes the CRC-32 of a table into its header. */
export function sealTable(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(header.offsets.crc, tableCrc(bytes), true);
}

/** CRC-32 of a table: the identity by which a module knows its own. */
export function tableCrc(bytes: Uint8Array): number {
  return crc32(bytes.subarray(CRC_START));
}

export type Header = Record<(typeof HEADER)[number]['name'], number>;

/** The header's fields; the bytes must be at least a header long. */
export function readHeader(bytes: Uint8Array): Header {
  return readFields(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, HEADER);
}

/** Parses bytes that {@link checkTable} has accepted. */
export function decodeTable(bytes: Uint8Array): BlockTable {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = readHeader(bytes);
  const many = (count: number, start: number, fields: Field<IntegerType>[], size: number) =>
    Array.from({ length: count }, (_, i) => readFields(view, start + i * size, fields));
  const outputsAt = header.bytes + head.inputCount * input.bytes;
  return {
    inputs: many(head.inputCount, header.bytes, INPUT, input.bytes) as BlockTable['inputs'],
    outputs: many(head.outputCount, outputsAt, OUTPUT, output.bytes) as BlockTable['outputs'],
    arenaBytes: head.arenaBytes,
    records: many(head.recordCount, head.recordsOffset, RECORD, record.bytes) as unknown as TableRecord[],
    pool: bytes.slice(head.poolOffset, head.poolOffset + head.poolBytes),
  };
}

export const HEADER_BYTES = header.bytes;
export const INPUT_BYTES = input.bytes;
export const OUTPUT_BYTES = output.bytes;
export const RECORD_BYTES = record.bytes;

function writeFields(view: DataView, at: number, fields: Field<IntegerType>[], values: object): number {
  for (const { name, type } of fields) {
    const value = (values as Record<string, number>)[name];
    const [min, max] = BOUNDS[type];
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new Error(`block table field ${name} = ${value} does not fit ${type}`);
    }
    WRITERS[type](view, at, value);
    at += FIELD_BYTES[type];
  }
  return at;
}

function readFields(view: DataView, at: number, fields: Field<IntegerType>[]): Record<string, number> {
  const values: Record<string, number> = {};
  for (const { name, type } of fields) {
    values[name] = READERS[type](view, at);
    at += FIELD_BYTES[type];
  }
  return values;
}

const BOUNDS: Record<IntegerType, [number, number]> = {
  u8: [0, 2 ** 8 - 1],
  u16: [0, 2 ** 16 - 1],
  u32: [0, 2 ** 32 - 1],
  i32: [-(2 ** 31), 2 ** 31 - 1],
};
const WRITERS: Record<IntegerType, (view: DataView, at: number, value: number) => void> = {
  u8: (view, at, value) => view.setUint8(at, value),
  u16: (view, at, value) => view.setUint16(at, value, true),
  u32: (view, at, value) => view.setUint32(at, value, true),
  i32: (view, at, value) => view.setInt32(at, value, true),
};
const READERS: Record<IntegerType, (view: DataView, at: number) => number> = {
  u8: (view, at) => view.getUint8(at),
  u16: (view, at) => view.getUint16(at, true),
  u32: (view, at) => view.getUint32(at, true),
  i32: (view, at) => view.getInt32(at, true),
};
