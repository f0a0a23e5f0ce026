import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { layoutOf } from '../../compiler/format/layout.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { encodeImage, type ImageInput, readImage, targetClass, withCrc } from '../../compiler/image/image.js';
import { isSignedBy, rawPublicKey, signImage } from '../../compiler/image/keys.js';
import { IMAGE_HEADER, IMAGE_INPUT, PAYLOAD, UPDATE } from '../../compiler/image/spec.js';
import { temporaryFolder } from '../helpers/cli.js';
import { smallModel } from '../package/fixture.js';
import { run } from '../package/toolchain.js';
import { buildProgram, imageOf, MODULE_SOURCES, TABLE_SOURCES, TARGET } from './fixture.js';

const folder = temporaryFolder();

const keys = generateKeyPairSync('ed25519');
const otherKeys = generateKeyPairSync('ed25519');
const hex = (key = keys.publicKey) => Buffer.from(rawPublicKey(key)).toString('hex');

const SOURCE = join(PACKAGE_ROOT, 'test/update/image_test.c');
const HEADER = layoutOf(IMAGE_HEADER).offsets;
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
function verdict(image: Uint8Array, key = '-'): string {
  const value = Number(drive(sanitized, 'check', image, key));
  return Object.entries(UPDATE).find(([, result]) => result.value === value)![0];
}

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
    const changed = (field: string, value: number, base = tinyImage()) => {
      const image = Uint8Array.from(base);
      image[HEADER[field]] = value;
      return verdict(withCrc(image));
    };
    expect(verdict(tinyImage())).toBe('OK');
    expect(verdict(new Uint8Array(0))).toBe('SIZE');
    expect(verdict(tinyImage().subarray(0, -8))).toBe('SIZE');
    expect(changed('magic', 0)).toBe('MAGIC');
    expect(changed('formatVersion', 2)).toBe('VERSION');
    expect(verdict(tinyImage().with(130, 1))).toBe('CRC');
    expect(changed('inputCount', 2)).toBe('LAYOUT');
    expect(changed('goldenCount', 255)).toBe('LAYOUT');
    expect(changed('payloadBytes', 0)).toBe('LAYOUT');
    expect(changed('kind', 3)).toBe('KIND');
    expect(changed('kind', 0)).toBe('KIND');
    expect(changed('kind', 255)).toBe('KIND');
    expect(verdict(tinyImage({ target: 'esp32' }))).toBe('TARGET');
    expect(changed('nameOffset', 200)).toBe('STRINGS');
    expect(verdict(tinyImage({ memoryBytes: 0 }))).toBe('VALUE');
    expect(verdict(tinyImage({ inputs: [{ name: 'x', min: 1, max: -1, exponent: 0 }] }))).toBe('VALUE');
    expect(verdict(tinyImage({ inputs: [{ name: 'x', min: Number.NaN, max: 1, exponent: 0 }] }))).toBe('VALUE');
    expect(verdict(tinyImage({ outputs: [{ name: 'u', exponent: 0, scale: 1 / 0, offset: 0 }] }))).toBe('VALUE');
    expect(verdict(tinyImage({ outputs: [{ name: 'u', exponent: 1001, scale: 1, offset: 0 }] }))).toBe('VALUE');
    expect(verdict(tinyImage({ memoryBytes: 2 ** 32 - 1, heapBytes: 2 ** 32 - 1 }))).toBe('MEMORY');
    const nine = Array.from({ length: 9 }, (_, i) => ({ name: `x${i}`, min: 0, max: 1, exponent: 0 }));
    const golden = { inputWords: new Int32Array(0), outputWords: new Int32Array(0), count: 0 };
    expect(verdict(tinyImage({ inputs: nine, golden }))).toBe('CAPACITY');
    const entry = Uint8Array.from(tinyImage());
    entry[layoutOf(IMAGE_HEADER).bytes + layoutOf(IMAGE_INPUT).offsets.unitOffset] = 99;
    expect(verdict(withCrc(entry))).toBe('STRINGS');
  });

  test('images with random damage under a right CRC are refused or can be used without harm', () => {
    const [taken] = drive(sanitized, 'random', tinyImage(), '1', '60000').split(' ').map(Number);
    expect(taken).toBeGreaterThan(100);
    drive(sanitized, 'random', model, '2', '3000');
  }, 60_000);
});
