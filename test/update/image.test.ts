import { createHash, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { encodeImage, type ImageInput, readImage, targetClass, withCrc } from '../../compiler/deliver/image/image.js';
import { IMAGE_HEADER, IMAGE_INPUT, PAYLOAD, UPDATE } from '../../compiler/deliver/image/image-format.js';
import { isSignedBy, rawPublicKey, signImage } from '../../compiler/deliver/image/keys.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { layoutOf } from '../../compiler/table/struct.js';
import { temporaryFolder } from '../helpers/cli.js';
import { smallModel } from '../package/fixture.js';
import { run } from '../package/toolchain.js';
import { buildProgram, imageOf, MODULE_SOURCES, TABLE_SOURCES, TARGET } from './fixture.js';

const folder = temporaryFolder();

const keys = generateKeyPairSync('ed25519');
const otherKeys = generateKeyPairSync('ed25519');
const hex = (key = keys.publicKey) => Buffer.from(rawPublicKey(key)).toString('hex');

const SOURCE = join(PACKAGE_ROOT, 'test/update/image_test.c');
const { offsets: HEADER, bytes: HEADER_BYTES } = layoutOf(IMAGE_HEADER);
let model: Uint8Array;
let withModel = '';
let sanitized = '';
let fast = '';

beforeAll(async () => {
  model = imageOf(await smallModel());
  const sources = [SOURCE, 'pe_crc32.c', 'pe_image.c', 'pe_signature.c', 'pe_update_text.c'];
  withModel = buildProgram(folder, 'image_open', [...sources, 'pinn_edge.c', ...MODULE_SOURCES, ...TABLE_SOURCES], {
    wasm3: true,
    flags: ['-O1'],
  });
  sanitized = buildProgram(folder, 'image_sanitized', sources, {
    defines: ['-DWITHOUT_WASM3'],
  });
  fast = buildProgram(folder, 'image_fast', sources, { flags: ['-O3'], defines: ['-DWITHOUT_WASM3'] });
}, 300_000);

/** A whole image in some 300 bytes: the payload is not looked at here. */
function tinyImage(changes: Partial<ImageInput> = {}): Uint8Array {
  return encodeImage({
    name: 'tiny',
    target: TARGET,
    version: 7,
    kind: PAYLOAD.TABLE,
    payload: Uint8Array.of(1, 2, 3),
    identity: 0x12345678,
    memoryBytes: 100,
    stackBytes: 0,
    heapBytes: 0,
    nativeStackBytes: 0,
    inputs: [{ name: 'x', unit: 'm', min: -1, max: 1, exponent: 20 }],
    outputs: [{ name: 'u', exponent: 16, scale: 1, offset: 0 }],
    golden: { inputWords: Int32Array.of(1), outputWords: Int32Array.of(2), count: 1 },
    ...changes,
  });
}

function drive(program: string, mode: string, image: Uint8Array, ...more: string[]) {
  const file = join(folder, 'model.img');
  writeFileSync(file, image);
  const result = run(program, [mode, file, String(targetClass(TARGET)), ...more]);
  expect(result.stderr).toBe('');
  return result.stdout.trim();
}

/** The name of the device's verdict. */
function verdict(image: Uint8Array, key = '-', memoryBytes = 10_000_000, mode = 'check'): string {
  const value = Number(drive(sanitized, mode, image, key, String(memoryBytes)));
  return Object.entries(UPDATE).find(([, result]) => result.value === value)![0];
}

/** The same for the header alone: what is known before anything is erased. */
const verdictOfHeader = (image: Uint8Array, key = '-') => verdict(image, key, 10_000_000, 'header');

/** The image with some bytes set, under a right CRC. */
function changed(at: number, bytes: readonly number[], image = tinyImage()): Uint8Array {
  const copy = Uint8Array.from(image);
  copy.set(bytes, at);
  return withCrc(copy);
}

const u32 = (value: number) => [...new Uint8Array(Uint32Array.of(value).buffer)];

describe('model images', () => {
  test('a device builds the whole model from the image alone', () => {
    expect(drive(withModel, 'open', model)).toMatch(/^mlp v1 whole: no error; 28 points, x0 \[\] -1\.\.1, y0 \[°C\]$/);
    expect(drive(withModel, 'open', signImage(model, keys.privateKey), hex())).toContain('no error; 28 points');
  });

  test('are the same bytes every time, and what the header says', () => {
    expect(tinyImage()).toEqual(tinyImage());
    expect(readImage('tiny', tinyImage())).toMatchObject({ version: 7, identity: 0x12345678, signed: false });
    expect(readImage('tiny', signImage(tinyImage(), keys.privateKey)).signed).toBe(true);
    expect(() => readImage('tiny', tinyImage().subarray(8))).toThrow('there is no image');
    expect(() => readImage('tiny', tinyImage().with(200, 9))).toThrow('its CRC-32 is wrong');
  });

  test('signatures: own key, another key, none, changed after signing', () => {
    const signed = signImage(model, keys.privateKey);
    expect(isSignedBy(signed, keys.publicKey)).toBe(true);
    expect(isSignedBy(signed, otherKeys.publicKey)).toBe(false);
    expect(verdict(signed, hex())).toBe('OK');
    expect(verdict(signed)).toBe('OK');
    expect(verdict(signed, hex(otherKeys.publicKey))).toBe('SIGNATURE');
    expect(verdict(model, hex())).toBe('UNSIGNED');
    const raised = Uint8Array.from(signed);
    raised[HEADER.version]++;
    expect(verdict(withCrc(raised), hex())).toBe('SIGNATURE');
    const unmarked = Uint8Array.from(signed);
    unmarked[HEADER.flags] = 0;
    expect(verdict(withCrc(unmarked), hex())).toBe('UNSIGNED');
  });

  test('every single flipped bit of a signed image is refused', () => {
    const signed = signImage(model, keys.privateKey);
    expect(drive(fast, 'bits', signed, hex())).toBe('0');
    expect(drive(fast, 'bits', signed)).toBe('0');
    expect(drive(sanitized, 'bits', signImage(tinyImage(), keys.privateKey), hex())).toBe('0');
  }, 60_000);

  test('every single flipped bit under a corrected CRC is refused by the signature', () => {
    expect(drive(fast, 'forged', signImage(tinyImage(), keys.privateKey), hex())).toBe('0');
  }, 60_000);

  test('impossible images have their own refusals', () => {
    const set = (field: string, value: number) => verdict(changed(HEADER[field], [value]));
    expect(verdict(tinyImage())).toBe('OK');
    expect(verdict(new Uint8Array(0))).toBe('SIZE');
    expect(verdict(tinyImage().subarray(0, -8))).toBe('SIZE');
    expect(verdict(changed(HEADER.totalBytes, u32(HEADER_BYTES - 8)))).toBe('SIZE');
    expect(verdict(changed(HEADER.totalBytes, u32(tinyImage().length - 4)))).toBe('SIZE');
    expect(verdict(tinyImage(), '-', 10_000_000, 'shifted')).toBe('SIZE');
    expect(set('magic', 0)).toBe('MAGIC');
    expect(set('formatVersion', 1)).toBe('VERSION');
    expect(set('headerBytes', HEADER_BYTES + 8)).toBe('VERSION');
    expect(verdict(tinyImage().with(HEADER_BYTES + 2, 1))).toBe('CRC');
    expect(set('inputCount', 2)).toBe('LAYOUT');
    expect(set('goldenCount', 255)).toBe('LAYOUT');
    expect(set('payloadBytes', 0)).toBe('LAYOUT');
    expect(verdict(tinyImage({ payload: new Uint8Array(0) }))).toBe('LAYOUT');
    expect(set('kind', 3)).toBe('KIND');
    expect(set('kind', 0)).toBe('KIND');
    expect(set('kind', 255)).toBe('KIND');
    const roomy = Uint8Array.from([...tinyImage(), ...new Uint8Array(8)]);
    expect(verdict(changed(HEADER.totalBytes, u32(roomy.length), roomy))).toBe('LAYOUT');
    expect(verdict(tinyImage({ target: 'esp32' }))).toBe('TARGET');
    expect(verdict(tinyImage({ memoryBytes: 0 }))).toBe('VALUE');
    expect(verdict(tinyImage({ stackBytes: 8 }))).toBe('VALUE');
    expect(verdict(tinyImage({ kind: PAYLOAD.MODULE }))).toBe('VALUE');
    expect(verdict(tinyImage({ kind: PAYLOAD.MODULE, stackBytes: 8 }))).toBe('OK');
    expect(verdict(tinyImage({ memoryBytes: 2 ** 32 - 1, heapBytes: 2 ** 32 - 1 }))).toBe('MEMORY');
  });

  test('counts: none, and as many as there is room for', () => {
    const golden = { inputWords: new Int32Array(0), outputWords: new Int32Array(0), count: 0 };
    const inputs = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ name: `x${i}`, min: 0, max: 1, exponent: 0 }));
    const outputs = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ name: `u${i}`, scale: 1, offset: 0, exponent: 0 }));
    expect([0, 1, 8, 9].map((count) => verdict(tinyImage({ inputs: inputs(count), golden })))).toEqual(
      ['VALUE', 'OK', 'OK', 'CAPACITY'], //
    );
    expect([0, 1, 8, 9].map((count) => verdict(tinyImage({ outputs: outputs(count), golden })))).toEqual(
      ['VALUE', 'OK', 'OK', 'CAPACITY'], //
    );
  });

  test('RAM: linear memory, heap and alignment to the byte, or without a limit', () => {
    const image = tinyImage({ kind: PAYLOAD.MODULE, memoryBytes: 5000, stackBytes: 512, heapBytes: 3000 });
    // PE_ARENA_BYTES, pinn_edge.h.
    const needed = Number(/\d+/.exec(drive(sanitized, 'need', image))![0]);
    expect(needed).toBeGreaterThanOrEqual(8000);
    expect(verdict(image, '-', needed)).toBe('OK');
    expect(verdict(image, '-', needed - 1)).toBe('MEMORY');
    expect(verdict(image, '-', 0)).toBe('OK');
    // A sum beyond 32 bits.
    expect(verdict(tinyImage({ memoryBytes: 2 ** 32 - 4096, heapBytes: 8192 }))).toBe('MEMORY');
  });

  test('texts that do not begin or end inside the strings', () => {
    const image = tinyImage();
    const strings = 'x\0m\0u\0\0tiny\0'.length;
    const first = HEADER_BYTES + 2 * layoutOf(IMAGE_INPUT).bytes + 2 * 4;
    expect(verdict(changed(first + strings - 1, [0x79]))).toBe('STRINGS');
    expect(verdict(changed(first + strings - 2, [0]))).toBe('OK');
    const { nameOffset, unitOffset } = layoutOf(IMAGE_INPUT).offsets;
    for (const entry of [0, 1]) {
      for (const field of [nameOffset, unitOffset]) {
        const at = HEADER_BYTES + entry * layoutOf(IMAGE_INPUT).bytes + field;
        expect(verdict(changed(at, [strings - 1]))).toBe('OK');
        expect(verdict(changed(at, [strings]))).toBe('STRINGS');
        expect(verdict(changed(at, [0, 1]))).toBe('STRINGS');
      }
    }
    expect(verdict(changed(HEADER.nameOffset, [strings - 1]))).toBe('OK');
    expect(verdict(changed(HEADER.nameOffset, [strings]))).toBe('STRINGS');
    expect(image.length).toBeGreaterThan(first + strings);
  });

  test('numbers that are not finite, empty ranges, exponents beyond 1000', () => {
    const input = { name: 'x', min: -1, max: 1, exponent: 0 };
    const output = { name: 'u', scale: -1, offset: -7, exponent: 0 };
    const of = (changes: Partial<typeof input>) => verdict(tinyImage({ inputs: [{ ...input, ...changes }] }));
    const ofOutput = (changes: Partial<typeof output>) => verdict(tinyImage({ outputs: [{ ...output, ...changes }] }));
    expect([of({}), of({ min: 1 }), of({ min: 1.5 }), of({ min: -1e308, max: 1e308 })]).toEqual(
      ['OK', 'OK', 'VALUE', 'OK'], //
    );
    expect([ofOutput({}), ofOutput({ scale: 1e308 }), ofOutput({ offset: -1e-320 })]).toEqual(['OK', 'OK', 'OK']);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect([of({ min: value }), of({ max: value })]).toEqual(['VALUE', 'VALUE']);
      expect([ofOutput({ scale: value }), ofOutput({ offset: value })]).toEqual(['VALUE', 'VALUE']);
    }
    for (const exponent of [1001, -1001, 2 ** 31 - 1, -(2 ** 31), 65536]) {
      expect([of({ exponent }), ofOutput({ exponent })]).toEqual(['VALUE', 'VALUE']);
    }
    for (const exponent of [1000, -1000]) expect([of({ exponent }), ofOutput({ exponent })]).toEqual(['OK', 'OK']);
  });

  test('the header alone says who signed the image and whether it can run', () => {
    const signed = signImage(tinyImage(), keys.privateKey);
    expect(verdictOfHeader(signed, hex())).toBe('OK');
    expect(verdictOfHeader(tinyImage(), hex())).toBe('UNSIGNED');
    expect(verdictOfHeader(signed, hex(otherKeys.publicKey))).toBe('SIGNATURE');
    expect(verdictOfHeader(tinyImage({ target: 'esp32' }))).toBe('TARGET');
    expect(verdictOfHeader(tinyImage({ stackBytes: 8 }))).toBe('VALUE');
    expect(verdictOfHeader(changed(HEADER.payloadBytes, u32(200)))).toBe('LAYOUT');
    expect(verdictOfHeader(changed(HEADER.totalBytes, u32(tinyImage().length + 4)))).toBe('SIZE');
    expect(verdictOfHeader(tinyImage({ memoryBytes: 10_000_001 }))).toBe('MEMORY');
    // What lies behind it is bound to it by its digest.
    const other = changed(HEADER_BYTES, u32(1), signed);
    expect(verdictOfHeader(other, hex())).toBe('OK');
    expect(verdict(other, hex())).toBe('SIGNATURE');
    expect(verdict(other)).toBe('OK');
    const bytes = tinyImage().subarray(HEADER_BYTES);
    const digest = createHash('sha512').update(bytes).digest().subarray(0, 32);
    expect(Buffer.from(tinyImage().subarray(HEADER.digest, HEADER_BYTES))).toEqual(digest);
  });

  test('what the host says of signatures is what the device says', () => {
    const signed = signImage(tinyImage(), keys.privateKey);
    const images = [
      signed,
      tinyImage(),
      changed(HEADER.version, [9], signed),
      changed(HEADER.flags, [0], signed),
      changed(HEADER.digest, [9, 9], signed),
      changed(HEADER.signature + 40, [9, 9], signed),
      changed(HEADER_BYTES, [9], signed),
      changed(signed.length - 1, [9], signed),
      // Signed anew after a change.
      signImage(changed(HEADER_BYTES + 8, [0], signed), keys.privateKey),
      signImage(signImage(tinyImage(), otherKeys.privateKey), keys.privateKey),
    ];
    const said = images.map((image) => isSignedBy(image, keys.publicKey));
    expect(said).toEqual(images.map((image) => verdict(image, hex()) === 'OK'));
    expect(said).toEqual([true, false, false, false, false, false, false, false, true, true]);
  });

  test('images with random damage under a right CRC are refused or can be used without harm', () => {
    const [taken] = drive(sanitized, 'random', tinyImage(), '1', '60000').split(' ').map(Number);
    expect(taken).toBeGreaterThan(100);
    drive(sanitized, 'random', model, '2', '3000');
  }, 60_000);
});
