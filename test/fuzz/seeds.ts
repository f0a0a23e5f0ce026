import { createPrivateKey } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { linearMemoryBytes } from '../../compiler/code/linear-memory.js';
import { encodeImage, type ImageInput, withSignature } from '../../compiler/deliver/image/image.js';
import { PAYLOAD } from '../../compiler/deliver/image/image-format.js';
import { signImage } from '../../compiler/deliver/image/keys.js';
import { FORMAT, KIND } from '../../compiler/table/specification.js';
import { type BlockTable, decodeTable, EMPTY_RECORD, encodeTable, readHeader } from '../../compiler/table/table.js';
import { dualTable } from '../helpers/dual-table.js';
import { randomTable } from '../helpers/random-table.js';
import { smallModel } from '../package/fixture.js';
import { tinyModule, tinyNativeModule } from './tiny-module.js';

/** What fuzzing begins with: well-formed input of every fuzz target (targets/fuzz/<name>.c says what it is). */

const MEMORY_BYTES = 4096;
/** What the tiny module's `identity` returns, and where its input and output words lie. */
const IDENTITY = 16;

const FLASH = { sectorBytes: 256, slotSectors: 6 };
const RECORD_MAGIC = 0x43525045;

const u32 = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);
const join = (...parts: readonly (Uint8Array | readonly number[])[]) =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

/** RFC 8032, section 7.1, test 1; its public key is FUZZ_PUBLIC_KEY. */
const PRIVATE_KEY = createPrivateKey({
  key: Buffer.from(
    '302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'hex',
  ),
  format: 'der',
  type: 'pkcs8',
});

function tinyImage(changes: Partial<ImageInput> = {}): Uint8Array {
  return encodeImage({
    name: 'tiny',
    target: 'fuzz',
    version: 1,
    kind: PAYLOAD.MODULE,
    payload: tinyModule(),
    identity: IDENTITY,
    memoryBytes: MEMORY_BYTES,
    stackBytes: 1024,
    heapBytes: 16384,
    nativeStackBytes: 0,
    inputs: [{ name: 'x', unit: 'm', min: -1, max: 1, exponent: 20 }],
    outputs: [{ name: 'u', exponent: 16, scale: 1, offset: 0 }],
    // The module leaves the word where it is.
    golden: { inputWords: Int32Array.of(7, -7), outputWords: Int32Array.of(7, -7), count: 2 },
    ...changes,
  });
}

/** A block table that takes some three million steps, in less than 4 kB. */
function longTable(): Uint8Array {
  const copy = { ...EMPTY_RECORD, kind: KIND.COPY, format: FORMAT.ACC_WIDE, rows: 29_000, out: 4 };
  const inputs = [{ min: -(2 ** 31), max: 2 ** 31 - 1, exponent: 0 }];
  return encodeTable({
    inputs,
    outputs: [{ exponent: 0 }],
    arenaBytes: 60_000,
    records: Array(100).fill(copy),
    pool: new Uint8Array(),
  });
}

/** The export `run` of a module: a loop that calls pe.walk(8, 60000). */
const WALK_FOR_EVER = [0, 0x03, 0x40, 0x41, 8, 0x41, 0xe0, 0xd4, 0x03, 0x10, 0, 0x1a, 0x0c, 0, 0x0b, 0x00, 0x0b];

/** An image around a block table. */
function tableImage(payload: Uint8Array): Uint8Array {
  const { inputs, outputs, arenaBytes } = decodeTable(payload);
  return tinyImage({
    kind: PAYLOAD.TABLE,
    payload,
    identity: readHeader(payload).crc,
    memoryBytes: arenaBytes,
    stackBytes: 0,
    heapBytes: 0,
    inputs: inputs.map(({ exponent }) => ({ name: 'x', min: -1, max: 1, exponent })),
    outputs: outputs.map(({ exponent }) => ({ name: 'u', exponent, scale: 1, offset: 0 })),
    golden: { inputWords: new Int32Array(inputs.length), outputWords: new Int32Array(outputs.length), count: 1 },
  });
}

/** A block table of the first `count` records of a random one. */
function part(table: BlockTable, from: number, count: number): Uint8Array {
  const records = table.records.slice(from, from + count);
  return encodeTable({ ...table, records: records.length ? records : [EMPTY_RECORD] });
}

function record(sequence: number, slot: number, runs: number, before: number): Uint8Array {
  const fields = u32(RECORD_MAGIC, sequence, slot, runs, before, 0xffffffff, 0xffffffff);
  const bytes = new Uint8Array(FLASH.sectorBytes).fill(0xff);
  bytes.set(join(fields, u32(crc32(fields))));
  return bytes;
}

function slot(image: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FLASH.sectorBytes * FLASH.slotSectors).fill(0xff);
  bytes.set(image);
  return bytes;
}

const crcOf = (image: Uint8Array) => new DataView(image.buffer, image.byteOffset).getUint32(4, true);

/** Operations of the agent's target. */
const BEGIN = [2, 0];
const ALL_DATA = [4];
const FINISH = [5];
const ROLLBACK = [6];
const RESET = [11];

function agent(options: number, image: Uint8Array, ...operations: number[]): Uint8Array {
  return join([options, image.length & 255, image.length >> 8], image, operations);
}

/** Seeds by target and name. */
export async function seeds(): Promise<Map<string, Uint8Array>> {
  const compiled = await smallModel();
  const memoryBytes = linearMemoryBytes(compiled.table.length, compiled.lowered.table.arenaBytes);
  const random = randomTable(3, 1);
  const first = tinyImage();
  const second = tinyImage({ version: 2, name: 'second' });
  const files = new Map<string, Uint8Array>([
    ['module/tiny', join(u32(MEMORY_BYTES, IDENTITY), tinyModule())],
    ['module/native', join(u32(MEMORY_BYTES, 8), tinyNativeModule())],
    ['module/walks', join(u32(2 ** 16, 8), tinyNativeModule(longTable(), WALK_FOR_EVER))],
    ['module/model', join(u32(memoryBytes, crc32(compiled.table.subarray(16))), compiled.wasm)],
    ['generated/empty', new Uint8Array()],
    ['table/model', join(u32(123456), compiled.table)],
    ['table/dual', join(u32(0x80000000), encodeTable(dualTable(2, 4)))],
    ['image/module', join([0], first)],
    ['image/signed', join([1], withSignature(first, signImage(first, PRIVATE_KEY)))],
    ['image/table', join([0], tableImage(compiled.table))],
    ['table_image/model', join([0], u32(1 << 28, 0xf0000000), tableImage(compiled.table))],
    ['table_image/dual', join([2], u32(0, 0x80000000), tableImage(encodeTable(dualTable(2, 4))))],
    [
      'slots/both',
      join([0], record(1, 0, crcOf(first), 0), record(2, 1, crcOf(second), crcOf(first)), slot(first), slot(second)),
    ],
    ['slots/one', join([3], record(1, 0, crcOf(first), 0), slot(first), slot(second.fill(0, 40, 60)))],
    ['agent/update', agent(0, first, ...BEGIN, ...ALL_DATA, ...FINISH, 8, 9, 7, 1, 0)],
    [
      'agent/again',
      agent(2, first, ...BEGIN, ...ALL_DATA, ...FINISH, ...BEGIN, ...ALL_DATA, ...FINISH, ...ROLLBACK, ...RESET),
    ],
    [
      'agent/cut',
      agent(
        0,
        first,
        ...BEGIN,
        3,
        200,
        10,
        3,
        1,
        ...ALL_DATA,
        ...RESET,
        ...BEGIN,
        ...ALL_DATA,
        ...FINISH,
        10,
        1,
        1,
        ...ROLLBACK,
      ),
    ],
    ['agent/frames', agent(0, first, 0, 8, 0, 3, 1, 2, 1, 1, 1, 0, 1, 4, 1, 2, 3, 4, 3)],
  ]);
  for (let from = 0, i = 0; from < random.records.length; from += 40, i++) {
    files.set(`table/random-${i}`, join(u32(0x12345678 * (i + 1)), part(random, from, 12)));
    const few = part({ ...random, outputs: random.outputs.slice(0, 4) }, from, 12);
    files.set(`table_image/random-${i}`, join([i & 2], u32(0x12345678 * (i + 1), i), tableImage(few)));
  }
  return files;
}
