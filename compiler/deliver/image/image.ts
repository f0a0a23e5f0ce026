import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { PinnEdgeError } from '../../diagnostics.js';
import { type Field, layoutOf } from '../../table/struct.js';
import {
  DIGEST_BYTES,
  IMAGE_FLAG,
  IMAGE_FORMAT_VERSION,
  IMAGE_HEADER,
  IMAGE_INPUT,
  IMAGE_LIMIT,
  IMAGE_MAGIC,
  IMAGE_OUTPUT,
  type PAYLOAD,
  SIGNATURE_BYTES,
  UPDATE,
} from './image-format.js';

/** Model images as bytes; the layout is drawn in image-format.ts, the device's reader is targets/common/pe_image.c. */

const HEADER = layoutOf(IMAGE_HEADER);
const HEADER_TYPES = new Map(IMAGE_HEADER.map(({ name, type }) => [name, type]));
const MAX_STRINGS_BYTES = 65535;

export interface ImageInput {
  name: string;
  /** Name of the target, or its class where only that is known. */
  target: string;
  /** Version of the model; a device refuses a lower one than it runs, unless forced. */
  version: number;
  kind: (typeof PAYLOAD)[keyof typeof PAYLOAD];
  payload: Uint8Array;
  /** CRC-32 of the block table. */
  identity: number;
  memoryBytes: number;
  stackBytes: number;
  heapBytes: number;
  nativeStackBytes: number;
  inputs: readonly { name: string; unit?: string; min: number; max: number; exponent: number }[];
  outputs: readonly { name: string; unit?: string; exponent: number; scale: number; offset: number }[];
  golden: { inputWords: Int32Array; outputWords: Int32Array; count: number };
}

/** What a target's images and firmware are marked with: an image for another target is refused. */
export function targetClass(target: string): number {
  return crc32(target);
}

/** An unsigned image; the same input gives the same bytes. */
export function encodeImage(input: ImageInput): Uint8Array {
  const strings = new Strings();
  const inputs = input.inputs.map(({ name, unit = '', min, max, exponent }) =>
    encode(IMAGE_INPUT, { min, max, exponent, nameOffset: strings.add(name), unitOffset: strings.add(unit) }),
  );
  const outputs = input.outputs.map(({ name, unit = '', scale, offset, exponent }) =>
    encode(IMAGE_OUTPUT, { scale, offset, exponent, nameOffset: strings.add(name), unitOffset: strings.add(unit) }),
  );
  const nameOffset = strings.add(input.name);
  const parts = [...inputs, ...outputs, words(input.golden.inputWords), words(input.golden.outputWords), strings.bytes];
  const payloadOffset = aligned(parts.reduce((sum, part) => sum + part.length, HEADER.bytes));
  const totalBytes = aligned(payloadOffset + input.payload.length);
  const header = encode(IMAGE_HEADER, {
    magic: IMAGE_MAGIC,
    formatVersion: IMAGE_FORMAT_VERSION,
    headerBytes: HEADER.bytes,
    totalBytes,
    kind: input.kind,
    targetClass: targetClass(input.target),
    version: input.version,
    identity: input.identity,
    memoryBytes: input.memoryBytes,
    stackBytes: input.stackBytes,
    heapBytes: input.heapBytes,
    nativeStackBytes: input.nativeStackBytes,
    inputCount: input.inputs.length,
    outputCount: input.outputs.length,
    goldenCount: input.golden.count,
    nameOffset,
    stringsBytes: strings.bytes.length,
    payloadBytes: input.payload.length,
  });
  const image = new Uint8Array(totalBytes);
  let at = 0;
  for (const part of [header, ...parts]) {
    image.set(part, at);
    at += part.length;
  }
  image.set(input.payload, payloadOffset);
  return withCrc(withDigest(image));
}

export interface ImageInfo {
  crc: number;
  signed: boolean;
  totalBytes: number;
  kind: number;
  targetClass: number;
  version: number;
  identity: number;
  memoryBytes: number;
  heapBytes: number;
  inputCount: number;
  outputCount: number;
}

/**
 * Reads the header of an image and makes sure that it is whole and undamaged; the device checks the rest.
 *
 * @throws PE9001
 */
export function readImage(file: string, image: Uint8Array): ImageInfo {
  const refuse = (result: keyof typeof UPDATE): never => {
    throw new PinnEdgeError('PE9001', { file, reason: UPDATE[result].text });
  };
  if (image.length < HEADER.bytes) refuse('SIZE');
  const field = (name: string) => readField(image, name);
  if (field('magic') !== IMAGE_MAGIC) refuse('MAGIC');
  if (field('formatVersion') !== IMAGE_FORMAT_VERSION) refuse('VERSION');
  if (field('totalBytes') !== image.length) refuse('SIZE');
  if (field('crc') !== contentCrc(image)) refuse('CRC');
  return {
    crc: field('crc'),
    signed: (field('flags') & IMAGE_FLAG.SIGNED) !== 0,
    totalBytes: image.length,
    kind: field('kind'),
    targetClass: field('targetClass'),
    version: field('version'),
    identity: field('identity'),
    memoryBytes: field('memoryBytes'),
    heapBytes: field('heapBytes'),
    inputCount: field('inputCount'),
    outputCount: field('outputCount'),
  };
}

/** The bytes that a signature covers, with the image already marked as signed and its digest as it should be. */
export function signedPart(image: Uint8Array): Uint8Array {
  const marked = withDigest(Uint8Array.from(image));
  marked[HEADER.offsets.flags] |= IMAGE_FLAG.SIGNED;
  return marked.subarray(HEADER.offsets.formatVersion, HEADER.bytes);
}

/** The image with this signature of its {@link signedPart}. */
export function withSignature(image: Uint8Array, signature: Uint8Array): Uint8Array {
  const signed = withDigest(Uint8Array.from(image));
  signed[HEADER.offsets.flags] |= IMAGE_FLAG.SIGNED;
  signed.set(signature.subarray(0, SIGNATURE_BYTES), HEADER.offsets.signature);
  return withCrc(signed);
}

/** The 64 bytes of the signature; zeros in an image that is not signed. */
export function signatureOf(image: Uint8Array): Uint8Array {
  return image.subarray(HEADER.offsets.signature, HEADER.offsets.signature + SIGNATURE_BYTES);
}

function contentCrc(image: Uint8Array): number {
  return crc32(image.subarray(HEADER.offsets.signature));
}

/** Corrects the digest in place: what the signature says of all that it does not cover itself. */
function withDigest(image: Uint8Array): Uint8Array {
  const digest = createHash('sha512').update(image.subarray(HEADER.bytes)).digest();
  image.set(digest.subarray(0, DIGEST_BYTES), HEADER.offsets.digest);
  return image;
}

/** Corrects the CRC in place. */
export function withCrc(image: Uint8Array): Uint8Array {
  new DataView(image.buffer, image.byteOffset).setUint32(HEADER.offsets.crc, contentCrc(image), true);
  return image;
}

function readField(image: Uint8Array, name: string): number {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const at = HEADER.offsets[name];
  const type = HEADER_TYPES.get(name);
  if (type === 'u8') return view.getUint8(at);
  return type === 'u16' ? view.getUint16(at, true) : view.getUint32(at, true);
}

/** One entry; fields that are not given are zero. */
function encode(fields: readonly Field[], values: Record<string, number>): Uint8Array {
  const { offsets, bytes } = layoutOf(fields);
  const entry = new Uint8Array(bytes);
  const view = new DataView(entry.buffer);
  for (const { name, type } of fields) {
    const value = values[name] ?? 0;
    const at = offsets[name];
    if (type === 'u8') view.setUint8(at, value);
    else if (type === 'u16') view.setUint16(at, value, true);
    else if (type === 'u32') view.setUint32(at, value, true);
    else if (type === 'i32') view.setInt32(at, value, true);
    else if (type === 'f64') view.setFloat64(at, value, true);
  }
  return entry;
}

/** Texts one after the other, each ended by a zero byte; equal ones only once. */
class Strings {
  #offsets = new Map<string, number>();
  #bytes: number[] = [];

  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#bytes.length;
    // A zero inside would end the text on the device.
    this.#bytes.push(...new TextEncoder().encode(text.replaceAll('\0', '')), 0);
    if (this.#bytes.length > MAX_STRINGS_BYTES) {
      throw new PinnEdgeError('PE9001', { file: 'model.img', reason: 'names and units take more than 65535 bytes' });
    }
    this.#offsets.set(text, offset);
    return offset;
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

function words(values: Int32Array): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setInt32(4 * i, value, true);
  });
  return bytes;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / IMAGE_LIMIT.ALIGNMENT) * IMAGE_LIMIT.ALIGNMENT;
}
