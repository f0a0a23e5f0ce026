import type { Field } from '../../table/struct.js';

/**
 * The one specification of model images: what `pinn-edge flash` sends and a slot of the device's flash holds. The
 * constants for C (targets/common/pe_image.gen.h) are generated from it, as those of the block table are.
 *
 *     +--------------------+ 0
 *     | magic, crc         | crc: CRC-32 of every byte after it
 *     | signature          | Ed25519 over the rest of the header; zeros when unsigned
 *     | rest of the header | its last field is a hash of every byte after it
 *     +--------------------+ HEADER_BYTES
 *     | inputs, outputs    | one entry each
 *     | golden inputs      | goldenCount x inputCount int32 words
 *     | golden outputs     | goldenCount x outputCount int32 words
 *     | strings            | stringsBytes of UTF-8, each text ended by a zero byte
 *     | zeros              | up to a multiple of 8
 *     +--------------------+
 *     | payload            | payloadBytes: the module, or the block table
 *     | zeros              | up to a multiple of 8
 *     +--------------------+ totalBytes
 *
 * So a device that has received the header alone knows whether the key's owner has signed the image, and what it may
 * contain, before it erases anything for it. All numbers are little-endian. Texts are named by their offset from the start of the strings.
 */

export const IMAGE_MAGIC = 0x4d494550; // "PEIM"
export const IMAGE_FORMAT_VERSION = 2;

export const SIGNATURE_BYTES = 64;
export const PUBLIC_KEY_BYTES = 32;
export const DIGEST_BYTES = 32;

export const IMAGE_HEADER: Field[] = [
  { name: 'magic', type: 'u32', doc: '"PEIM"' },
  { name: 'crc', type: 'u32', doc: 'CRC-32 (IEEE 802.3) of every byte after this field' },
  { name: 'signature', type: 'signature', doc: 'Ed25519 (RFC 8032) over the rest of the header, or zeros' },
  { name: 'formatVersion', type: 'u16', doc: 'version of this format, 2' },
  { name: 'headerBytes', type: 'u16', doc: 'size of this header' },
  { name: 'totalBytes', type: 'u32', doc: 'size of the image, a multiple of 8' },
  { name: 'kind', type: 'u8', doc: 'what the payload is, one of PAYLOAD' },
  { name: 'flags', type: 'u8', doc: 'bits of IMAGE_FLAG' },
  { name: 'reserved', type: 'u16', doc: 'zero' },
  { name: 'targetClass', type: 'u32', doc: 'CRC-32 of the name of the target that it was built for' },
  { name: 'version', type: 'u32', doc: 'version of the model, never lowered unless forced' },
  { name: 'identity', type: 'u32', doc: 'CRC-32 of the block table' },
  { name: 'memoryBytes', type: 'u32', doc: 'linear memory of the module, or arena of the table' },
  { name: 'stackBytes', type: 'u32', doc: "wasm3's stack for values" },
  { name: 'heapBytes', type: 'u32', doc: 'most that wasm3 takes besides linear memory, that stack included' },
  { name: 'nativeStackBytes', type: 'u32', doc: 'native stack, an estimate; 0: not known' },
  { name: 'inputCount', type: 'u16', doc: 'number of inputs' },
  { name: 'outputCount', type: 'u16', doc: 'number of outputs' },
  { name: 'goldenCount', type: 'u16', doc: 'number of points with known answers' },
  { name: 'nameOffset', type: 'u16', doc: 'name of the model' },
  { name: 'stringsBytes', type: 'u32', doc: 'size of the strings' },
  { name: 'payloadBytes', type: 'u32', doc: 'size of the payload' },
  { name: 'digest', type: 'digest', doc: 'first half of the SHA-512 (FIPS 180-4) of every byte after the header' },
];

export const IMAGE_INPUT: Field[] = [
  { name: 'min', type: 'f64', doc: 'range, in the unit' },
  { name: 'max', type: 'f64', doc: '' },
  { name: 'nameOffset', type: 'u16', doc: 'name' },
  { name: 'unitOffset', type: 'u16', doc: 'unit, "" when none is given' },
  { name: 'exponent', type: 'i32', doc: 'word = floor(value * 2^exponent + 1/2)' },
];

export const IMAGE_OUTPUT: Field[] = [
  { name: 'scale', type: 'f64', doc: 'value = word * 2^-exponent * scale + offset' },
  { name: 'offset', type: 'f64', doc: '' },
  { name: 'nameOffset', type: 'u16', doc: 'name' },
  { name: 'unitOffset', type: 'u16', doc: 'unit, "" when none is given' },
  { name: 'exponent', type: 'i32', doc: '' },
];

/** What an image carries. 0 is never valid. */
export const PAYLOAD = {
  MODULE: 1, // a WebAssembly module for wasm3
  TABLE: 2, // a block table for the C engine
} as const;

export const IMAGE_FLAG = {
  SIGNED: 1, // the signature is meant
} as const;

export const IMAGE_LIMIT = {
  MAX_EXPONENT: 1000, // of inputs and outputs, either sign
  ALIGNMENT: 8, // of the image in memory, of its size and of its payload
} as const;

/** Results of everything that has to do with images and updates, on the device and on the wire. */
export const UPDATE: Record<string, { value: number; text: string }> = {
  OK: { value: 0, text: 'no error' },
  SIZE: { value: 1, text: 'the image is not whole' },
  MAGIC: { value: 2, text: 'there is no image' },
  VERSION: { value: 3, text: 'the image has another format version' },
  CRC: { value: 4, text: 'the image is damaged: its CRC-32 is wrong' },
  LAYOUT: { value: 5, text: 'the sections of the image do not fill it' },
  KIND: { value: 6, text: 'the firmware cannot run this kind of payload' },
  TARGET: { value: 7, text: 'the image was built for another target' },
  STRINGS: { value: 8, text: 'a text of the image lies outside its strings' },
  VALUE: { value: 9, text: 'a number of the image is impossible' },
  CAPACITY: { value: 10, text: 'the model has more inputs or outputs than the firmware has room for' },
  MEMORY: { value: 11, text: 'the model needs more RAM than the firmware has for it' },
  UNSIGNED: { value: 12, text: 'the image is not signed, and the firmware takes only signed ones' },
  SIGNATURE: { value: 13, text: 'the signature does not belong to this image and the key of the firmware' },
  DOWNGRADE: { value: 14, text: 'the running model has a higher version' },
  TOO_LARGE: { value: 15, text: 'the image is larger than the slot' },
  FLASH: { value: 16, text: 'the flash could not be erased or written' },
  STATE: { value: 17, text: 'no transfer was begun, or it is not complete' },
  OFFSET: { value: 18, text: 'the data do not follow those that were received' },
  OPEN: { value: 19, text: 'the model cannot be opened' },
  GOLDEN: { value: 20, text: 'the answers differ from those recorded when the model was built' },
  NO_PREVIOUS: { value: 21, text: 'there is no earlier model to return to' },
  REQUEST: { value: 22, text: 'the request is malformed or unknown' },
  NO_MODEL: { value: 23, text: 'no model is running' },
  TAKEN: { value: 24, text: 'another host has changed what the device receives or runs' },
  WEAR: {
    value: 25,
    text: 'models were replaced so often since the device started that it wants a restart first, to spare its flash',
  },
};
