import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../../compiler/code/engines/engine.js';
import { readImage, targetClass } from '../../compiler/deliver/image/image.js';
import { PAYLOAD } from '../../compiler/deliver/image/image-format.js';
import { rawPublicKey, signImage } from '../../compiler/deliver/image/keys.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { loadModel } from '../../compiler/model/load.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { FORMAT, KIND } from '../../compiler/table/specification.js';
import { EMPTY_RECORD, encodeTable, readHeader } from '../../compiler/table/table.js';
import { EXAMPLES, exampleFile } from '../boards/setup.js';
import { temporaryFolder } from '../helpers/cli.js';
import { randoms } from '../helpers/models.js';
import { smallModel } from '../package/fixture.js';
import { run } from '../package/toolchain.js';
import { buildProgram, CORE_SOURCES, imageOf, SANITIZED, TABLE_SOURCES, TARGET } from './fixture.js';

/** Model images that carry a block table (payload kind 2), evaluated without wasm3. */

const SOURCES = [...CORE_SOURCES, ...TABLE_SOURCES, 'pe_image.c', 'pe_signature.c', 'pe_update_text.c'];

const folder = temporaryFolder();
let program = '';
let frugal = '';
let bits = '';
let small: CompiledModel;

beforeAll(async () => {
  const own = (name: string) => join(PACKAGE_ROOT, 'test/update', name);
  program = buildProgram(folder, 'table', [own('table_test.c'), ...SOURCES]);
  frugal = buildProgram(folder, 'frugal', [own('table_test.c'), ...SOURCES], {
    flags: [...SANITIZED, '-DPE_SMALL_KERNELS'],
  });
  bits = buildProgram(folder, 'bits', [own('image_test.c'), ...SOURCES], {
    flags: ['-O3'],
    defines: ['-DWITHOUT_WASM3'],
  });
  small = await smallModel('c');
}, 300_000);

function drive(mode: string, image: Uint8Array, more: readonly string[] = [], input = '', by = program) {
  const file = join(folder, 'model.img');
  writeFileSync(file, image);
  const result = run(by, [mode, file, String(targetClass(TARGET)), ...more], input);
  expect(result.stderr).toBe('');
  return { status: result.status, lines: result.stdout.trim().split('\n') };
}

const text = (words: ArrayLike<number>, width: number) =>
  Array.from(words, (word, i) => `${word}${(i + 1) % width ? ' ' : '\n'}`).join('');

describe.each(EXAMPLES)('%s', (example) => {
  let compiled: CompiledModel;
  let image: Uint8Array;

  beforeAll(async () => {
    compiled = await compile(loadModel(exampleFile(example), nodeFiles), { tolerance: 1e-3, engine: 'c' });
    image = packageBuild(compiled, loadTarget(TARGET)).files.get('model.img') as Uint8Array;
  }, 120_000);

  test('golden vectors and random words, in range and beyond, are the oracle’s, bit for bit', () => {
    expect(readImage(example, image)).toMatchObject({ kind: PAYLOAD.TABLE, heapBytes: 0, version: 1 });
    const { table } = compiled.lowered;
    const next = randoms(5);
    const inputs = Int32Array.from({ length: 200 * table.inputs.length }, (_, i) => {
      const { min, max } = table.inputs[i % table.inputs.length];
      return Math.round(i % 7 ? min + ((next() + 1) / 2) * (max - min) : next() * 2 ** 31 - 0.5);
    });
    const width = table.outputs.length;
    const wanted = createOracle(table).run(inputs);
    const { status, lines } = drive('words', image, [], text(inputs, table.inputs.length));
    expect(status).toBe(0);
    expect(lines[0]).toBe(
      `${compiled.model.name} v1 0x${readImage(example, image).identity.toString(16).padStart(8, '0')}: no error, ${table.arenaBytes} bytes`,
    );
    const answers = lines.slice(1 + table.inputs.length + width).map((line) => line.split(' ').map(Number));
    expect(answers.map(([result]) => result)).toEqual([...wanted.statuses]);
    expect(answers.flatMap(([, ...words]) => words)).toEqual([...wanted.outputs]);
    // Kernels that are small instead of fast.
    expect(drive('words', image, [], text(inputs, table.inputs.length), frugal)).toEqual({ status, lines });
  });
});

describe('a block table in an image', () => {
  test('says its names, units, ranges, scales and formats, and converts values as the host does', () => {
    const { model, lowered } = small;
    const points = Float64Array.of(0.25, -0.5, 1, -1, 0.1, 0.3);
    const { status, lines } = drive('values', imageOf(small, { version: 9 }), [], text(points, 2));
    expect(status).toBe(0);
    expect(lines[0]).toMatch(/^mlp v9 0x[0-9a-f]{8}: no error, \d+ bytes$/);
    const exponents = [...lowered.table.inputs, ...lowered.table.outputs].map(({ exponent }) => exponent);
    expect(lines.slice(1, 5)).toEqual([
      `x0 [] -1 1 ${exponents[0]}`,
      `x1 [] -1 1 ${exponents[1]}`,
      `y0 [°C] 2.5 -1.3 ${exponents[2]}`,
      `y1 [] 1 0 ${exponents[3]}`,
    ]);
    const words = createOracle(lowered.table).run(toWords(points, inputWordFormats(lowered.table))).outputs;
    const values = fromWords(words, outputWordFormats(lowered.table, model.outputs));
    expect(lines.slice(5).flatMap((line) => line.split(' ').slice(1).map(Number))).toEqual([...values]);
  });

  test('is refused with another descriptor and in too small an arena', () => {
    const { status, lines } = drive('faults', imageOf(small));
    expect(lines.join('\n')).not.toContain('does not hold');
    expect(status).toBe(0);
  });

  test('that would take too long is refused before it runs', () => {
    const rows = 25_000;
    const outputs = 2 * (small.lowered.table.inputs.length + small.lowered.table.outputs.length);
    const copy = { ...EMPTY_RECORD, kind: KIND.COPY, format: FORMAT.ACC_WIDE, rows, out: outputs };
    const longTable = (records: number) => {
      const table = { ...small.lowered.table, arenaBytes: 2 * (outputs + rows), records: Array(records).fill(copy) };
      const payload = encodeTable(table);
      return imageOf(small, { payload, identity: readHeader(payload).crc, memoryBytes: table.arenaBytes });
    };
    expect(drive('words', longTable(2)).lines[0]).toContain('differ from those of the build');
    expect(drive('words', longTable(200)).lines).toEqual([
      "open: the model's block table was refused; an evaluation of the block table would take more steps than it may",
    ]);
  });

  test('with random damage and corrected CRCs never leaves its arena', () => {
    const { status, lines } = drive('damage', imageOf(small), ['3', '20000']);
    expect(lines.join('\n')).not.toContain('does not hold');
    const [taken, differ] = lines[0].match(/\d+/g)!.map(Number);
    expect(taken).toBeGreaterThan(500);
    expect(differ).toBeGreaterThan(100);
    expect(status).toBe(0);
  }, 120_000);

  test('every single flipped bit of a signed image is refused, also under a corrected CRC', () => {
    const keys = generateKeyPairSync('ed25519');
    const hex = Buffer.from(rawPublicKey(keys.publicKey)).toString('hex');
    const file = join(folder, 'signed.img');
    writeFileSync(file, signImage(imageOf(small), keys.privateKey));
    const flip = (mode: string, key: string) => run(bits, [mode, file, String(targetClass(TARGET)), key]).stdout.trim();
    expect(readFileSync(file).length).toBeGreaterThan(1000);
    expect(flip('bits', hex)).toBe('0');
    expect(flip('bits', '-')).toBe('0');
    expect(flip('forged', hex)).toBe('0');
  }, 120_000);

  test('a module is refused by firmware without wasm3', async () => {
    const { status, lines } = drive('words', imageOf(await smallModel()));
    expect(lines).toEqual(['the firmware cannot run this kind of payload']);
    expect(status).toBe(1);
  });
});
