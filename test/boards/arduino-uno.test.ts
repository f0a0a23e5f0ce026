import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildForTarget } from '../../compiler/deliver/build.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { cTableFiles } from '../../compiler/deliver/package/c-files.js';
import { builtInMemory, type LoadedBuild } from '../../compiler/deliver/package/store.js';
import { PinnEdgeError } from '../../compiler/diagnostics.js';
import { runAvr } from '../../compiler/run/boards/avr.js';
import { createBoardEngine } from '../../compiler/run/boards/board-engine.js';
import { runTableOnBoard } from '../../compiler/run/boards/run-table.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { FORMAT, KIND } from '../../compiler/table/specification.js';
import { type BlockTable, decodeTable, encodeTable } from '../../compiler/table/table.js';
import { temporaryFolder } from '../helpers/cli.js';
import { dualTable } from '../helpers/dual-table.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { asNativeEnginesRead, nativeOnly } from '../helpers/native-table.js';
import { INPUT_WORDS, randomTable, randomWords } from '../helpers/random-table.js';
import { tableParts } from '../helpers/table-parts.js';
import { smallModel } from '../package/fixture.js';
import { compileOrThrow, isSkippedWithout, TOOLS_REQUIRED, WARNINGS } from '../package/toolchain.js';
import { UNO } from './setup.js';

/**
 * The ATmega328P of an Arduino Uno, emulated by avr8js and by simavr: an int of 16 bits, a double of 32, weights in program
 * memory that no pointer reaches.
 */

const { board, isSkipped } = UNO;
const folder = temporaryFolder();
const onUno = test.skipIf(isSkipped);
let build: LoadedBuild;
let files: Map<string, Uint8Array | string>;

beforeAll(async () => {
  const compiled = await smallModel('c');
  const packaged = packageBuild(compiled, board);
  ({ files } = packaged);
  build = builtInMemory(compiled, packaged);
}, 120_000);

// It knows no option that ends well without a program.
const isMissing = spawnSync('simavr').error !== undefined && isSkippedWithout('simavr');

/** Writes the files below `prefix` of the build, and gives the folder. */
function written(prefix: string): string {
  const place = join(folder, prefix);
  for (const [path, text] of files) {
    if (!path.startsWith(`${prefix}/`)) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return place;
}

/** All files of the bare-metal project as one program. */
function compileProject(place: string, elf: string): void {
  const sources = [...readdirSync(place).filter((name) => name.endsWith('.c')), 'model/model.c'];
  compileOrThrow(board.compiler.command, [
    ...[...board.flags, '-Os', '-std=gnu11', '-Wl,--gc-sections', ...WARNINGS, `-I${place}`, `-I${place}/model`],
    ...[...sources.map((name) => join(place, name)), ...board.compiler.linkFlags, '-o', elf],
  ]);
}

/** What float values are as words wherever a double has 64 bits (docs/engines.md), and the status of that. */
function wordsOf(values: readonly number[], exponents: readonly number[]): { status: number; words: number[] } {
  if (values.some(Number.isNaN)) return { status: -10, words: [] };
  const exact = values.map((value, i) => Math.floor(value * 2 ** exponents[i] + 0.5));
  const words = exact.map((word) => Math.min(2 ** 31 - 1, Math.max(-(2 ** 31), word)));
  return { status: words.some((word, i) => word !== exact[i]) ? 1 : 0, words };
}

/** Instead of the application: rows of values come, and status, words, and the first word as each output's value go. */
const CONVERSIONS = `#include "board.h"
#include "figures.h"
#include "model.h"

int main(void) {
  const int from = board_open("inputs.bin", BOARD_READ);
  const int to = board_open("outputs.bin", BOARD_WRITE);
  double values[PINN_MODEL_INPUT_COUNT];
  while (board_read(from, values, sizeof values) == sizeof values) {
    int32_t words[PINN_MODEL_INPUT_COUNT] = {0};
    int32_t same[PINN_MODEL_OUTPUT_COUNT];
    double outputs[PINN_MODEL_OUTPUT_COUNT];
    const int32_t status = pinn_model_to_words(values, words);
    for (int k = 0; k < PINN_MODEL_OUTPUT_COUNT; k++) same[k] = words[0];
    pinn_model_from_words(same, outputs);
    board_write(to, &status, sizeof status);
    board_write(to, words, sizeof words);
    board_write(to, outputs, sizeof outputs);
  }
  finish(0);
}
`;

/** Of the small model: a network 2-6-2. */
const BUDGET = { cycles: 10320, flashBytes: 5266 };

describe('kernels', () => {
  const asNative = (seed: number): BlockTable => asNativeEnginesRead(nativeOnly(randomTable(seed, 1)));

  onUno('sums and products of 16 bits, whose arithmetic would fit an int elsewhere', () => {
    const wide = FORMAT.A_WIDE | FORMAT.B_WIDE | FORMAT.OUT_WIDE;
    const seeds = Array.from({ length: 12 }, (_, i) => randomTable(i + 1, 1));
    let word = INPUT_WORDS;
    const records = seeds
      .flatMap((table) => table.records)
      .filter(({ kind, format }) => (kind === KIND.ADD || kind === KIND.MUL) && (format & wide) === 0)
      .map((record) => {
        const out = 2 * word;
        word += Math.ceil(record.rows / 2);
        // Small shifts: what an int of 16 bits loses is not shifted out.
        return { ...record, out, shift: Math.min(record.shift, 14), shiftA: 0, shiftB: 0 };
      });
    const outputs = Array.from({ length: word - INPUT_WORDS }, () => ({ exponent: 0 }));
    const table = { ...seeds[0], records, outputs, arenaBytes: 4 * word };
    expect(records.length).toBeGreaterThan(20);
    expect(runTableOnBoard(board, table, randomWords(3, 12)).points).toBe(12);
  });

  onUno('functions that records share compile without warnings', () => {
    const format = { min: -(2 ** 31), max: 2 ** 31 - 1, exponent: 0, scale: 1, offset: 0 };
    for (const table of tableParts(dualTable(4), 20)) {
      const name = (kind: string) => (_: unknown, i: number) => ({ ...format, name: `${kind}${i}` });
      const model = {
        name: 'table',
        provenance: '',
        inputs: table.inputs.map(name('x')),
        outputs: table.outputs.map(name('y')),
      };
      const golden = { inputWords: [[0]], outputWords: [[0]] };
      const place = join(folder, 'shared');
      mkdirSync(place, { recursive: true });
      for (const [path, text] of cTableFiles(model, encodeTable(table), golden)) writeFileSync(join(place, path), text);
      const flags = [...board.flags, '-std=gnu11', '-Os', ...WARNINGS, '-c', join(place, 'model.c')];
      compileOrThrow(board.compiler.command, [...flags, '-o', join(folder, 'shared.o')]);
    }
  });

  // Of 12 records each has a kernel of its own, of 20 those of one kind and format share one.
  onUno(
    'every kind in every format answers like the oracle',
    () => {
      for (const part of [...tableParts(asNative(2), 12), ...tableParts(dualTable(4), 20)]) {
        expect(runTableOnBoard(board, part, randomWords(2, 12)).points).toBe(12);
      }
    },
    120_000,
  );
});

describe('a model', () => {
  onUno('any words are answered like the oracle, clamped ones too, and counted in cycles', () => {
    const engine = createBoardEngine(board, build);
    const words = Int32Array.from({ length: 2 * 50 }, (_, i) => Math.imul(i, 0x9e3779b1) >> (i % 7));
    words.set([-(2 ** 31), 2 ** 31 - 1], 0);
    const { outputs, statuses } = createOracle(decodeTable(build.runnable.table)).run(words);
    const answers = engine.run(words);
    expect(answers.outputs).toEqual(outputs);
    expect(Array.from(answers.statuses)).toEqual(Array.from(statuses));
    const figures = engine.figures();
    expect(figures).toMatchObject({ board: 'arduino-uno', counts: 'cycles', points: 50 });
    expect(figures.stackBytes).toBeLessThan(board.nativeStackBytes);
    // Budgets: what it takes now and 3 % more.
    expect(figures.instructions, 'cycles').toBeLessThan(1.03 * BUDGET.cycles);
    expect(figures.flashBytes, 'flash').toBeLessThan(1.03 * BUDGET.flashBytes);
  });

  onUno('values become the words that float gives everywhere, and words values to the last bits of a float', () => {
    const place = written('firmware/bare-metal');
    writeFileSync(join(place, 'main.c'), CONVERSIONS);
    const elf = join(folder, 'conversions.elf');
    compileProject(place, elf);
    const { inputs, outputs } = build.report;
    const near = [
      0,
      0.5,
      -0.5,
      1.5,
      -1.5,
      0.49999997,
      -0.50000006,
      2 ** 23 + 1,
      -(2 ** 24),
      2 ** 31,
      -(2 ** 31),
      3e9,
      -3e9,
    ];
    const some = Array.from({ length: 200 }, (_, i) => (Math.imul(i, 0x9e3779b1) / 2 ** 31) * 2 ** (i % 36));
    // Steps that are whole, halves and just beside them, in the unit of each input.
    const values = [...near, ...some].flatMap((steps) => inputs.map(({ exponent }) => steps * 2 ** -exponent));
    values.push(Number.NaN, 0, 0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    const floats = Float32Array.from(values);
    const { output } = runAvr(board, elf, new Uint8Array(floats.buffer), 60);
    const found = new DataView(output.slice().buffer);
    const width = 4 * (1 + inputs.length + outputs.length);
    expect(output).toHaveLength((floats.length / inputs.length) * width);
    for (let p = 0; p < floats.length / inputs.length; p++) {
      const given = Array.from(floats.subarray(p * inputs.length, (p + 1) * inputs.length));
      const wanted = wordsOf(
        given,
        inputs.map(({ exponent }) => exponent),
      );
      expect(found.getInt32(p * width, true), `status of ${given}`).toBe(wanted.status);
      if (wanted.status < 0) continue;
      wanted.words.forEach((word, i) => {
        expect(found.getInt32(p * width + 4 * (1 + i), true), `word ${i} of ${given}`).toBe(word);
      });
      outputs.forEach(({ exponent, scale, offset }, k) => {
        const scaled = wanted.words[0] * 2 ** -exponent * scale;
        const value = found.getFloat32(p * width + 4 * (1 + inputs.length + k), true);
        const bound = 3 * 2 ** -24 * (Math.abs(scaled) + Math.abs(offset));
        expect(Math.abs(value - (scaled + offset)), `value ${k} of ${wanted.words[0]}`).toBeLessThanOrEqual(bound);
      });
    }
  });

  onUno('weights and golden vectors take no RAM', () => {
    const place = written('firmware/bare-metal');
    const object = join(folder, 'model.o');
    const flags = [...board.flags, '-std=gnu11', '-Os', ...WARNINGS, '-c', join(place, 'model/model.c')];
    compileOrThrow(board.compiler.command, [...flags, '-o', object]);
    const { stdout } = spawnSync('avr-size', ['-A', object], { encoding: 'utf8' });
    const bytes = (section: string) => Number(new RegExp(`^\\${section}\\s+(\\d+)`, 'm').exec(stdout)?.[1] ?? 0);
    expect(bytes('.data') + bytes('.rodata')).toBe(0);
    expect(bytes('.bss')).toBe(build.report.arenaBytes);
  });

  test.skipIf(isSkipped || isMissing)('simavr gives the same words, and nearly as many cycles', () => {
    const place = written('firmware/bare-metal');
    const elf = join(folder, 'firmware.elf');
    compileProject(place, elf);
    const { stdout, stderr } = spawnSync('simavr', ['-m', 'atmega328p', '-f', '16000000', elf], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    const there = `${stdout}${stderr}`;
    const here = runAvr(board, elf, undefined, 60).console;
    const cycles = (text: string) => Number(/run_instructions (\d+)/.exec(text)?.[1]);
    for (const text of [there, here]) expect(text).toContain('PASS golden vectors, every bit as built');
    // An interrupt more or less.
    expect(Math.abs(cycles(there) - cycles(here))).toBeLessThan(200);
  });
});

/** Arduino's core for AVR as Debian packages it. */
const CORE = '/usr/share/arduino/hardware/arduino/avr';
const hasCore = existsSync(CORE) || TOOLS_REQUIRED;
if (!hasCore)
  process.stderr.write('skipped: the Arduino core not found; on Debian: apt-get install arduino-core-avr\n');

describe('the project', () => {
  test.skipIf(isSkipped || !hasCore)('is a sketch that runs, and takes what target.json leaves for it', () => {
    const place = written('firmware/platformio');
    const [core, model, source] = [`${CORE}/cores/arduino`, join(place, 'lib/pinn_model'), join(place, 'src')];
    const objects: string[] = [];
    const compile = (path: string, ...more: string[]) => {
      const object = join(folder, `sketch-${objects.length}.o`);
      const flags = ['-DF_CPU=16000000L', '-DARDUINO=10808', '-DARDUINO_ARCH_AVR', '-mmcu=atmega328p', '-Os'];
      // GCC 5.4 has this name of the core's in C only.
      const names = [
        '-DDECIMAL_DIG=__DECIMAL_DIG__',
        `-I${core}`,
        `-I${CORE}/variants/standard`,
        `-I${model}`,
        `-I${source}`,
      ];
      const compiler = path.endsWith('.cpp') ? 'avr-g++' : 'avr-gcc';
      const language = path.endsWith('.cpp')
        ? ['-std=gnu++11', '-fno-exceptions', '-fno-threadsafe-statics']
        : ['-std=gnu11'];
      const sections = ['-ffunction-sections', '-fdata-sections'];
      compileOrThrow(compiler, [...flags, ...names, ...language, ...sections, ...more, '-c', path, '-o', object]);
      objects.push(object);
    };
    for (const name of readdirSync(core))
      if (/\.(c|cpp|S)$/.test(name)) compile(join(core, name), '-w', '-fpermissive');
    const warnings = ['-Wall', '-Wextra', '-Werror'];
    compile(join(source, 'main.cpp'), ...warnings);
    compile(join(source, 'check.c'), ...warnings, '-Wconversion');
    compile(join(model, 'model.c'), ...warnings, '-Wconversion');
    const elf = join(folder, 'sketch.elf');
    compileOrThrow('avr-g++', ['-mmcu=atmega328p', '-Os', '-Wl,--gc-sections', ...objects, '-lm', '-o', elf]);
    const [all, own] = [sizes(elf), sizes(objects.at(-1)!)];
    // What target.json keeps for kernels.
    const kernels = 8500;
    expect(own.flash - build.runnable.table.length).toBeLessThan(kernels);
    expect(all.flash - own.flash).toBeLessThan(32_256 - board.flashBytes - kernels);
    expect(all.ram - own.ram).toBeLessThan(2048 - board.ramBytes - board.nativeStackBytes);
    if (isMissing) return;
    // It goes on for ever.
    const { stdout, stderr } = spawnSync('simavr', ['-m', 'atmega328p', '-f', '16000000', elf], {
      encoding: 'utf8',
      timeout: 3000,
    });
    expect(`${stdout}${stderr}`).toMatch(/PASS golden vectors, every bit as built[\s\S]*us per evaluation/);
  });

  test('is the only one of a target without an interpreter, with the sources and nothing of the library', () => {
    const firmware = [...files.keys()].filter((path) => path.startsWith('firmware/'));
    expect(firmware).toContain('firmware/platformio/lib/pinn_model/model.c');
    expect(firmware).toContain('firmware/platformio/src/golden.h');
    expect(firmware.filter((path) => /pinn_edge|wasm3/.test(path))).toEqual([]);
    for (const path of firmware) expect(String(files.get(path)).match(/@[A-Za-z]\w*@/), path).toBeNull();
    for (const field of ['isa', 'flashBytes', 'ramBytes', 'nativeStackBytes', 'clockHz', 'doubleBits']) {
      expect(Object.keys(board.source)).toContain(field);
    }
  });
});

/** Bytes of flash and of RAM that a program or an object takes. */
function sizes(file: string): { flash: number; ram: number } {
  const [text, data, bss] = spawnSync('avr-size', [file], { encoding: 'utf8' })
    .stdout.split('\n')[1]
    .trim()
    .split(/\s+/);
  return { flash: Number(text) + Number(data), ram: Number(data) + Number(bss) };
}

describe('what it cannot do is refused by name', () => {
  const failure = async (action: () => unknown) => {
    try {
      await action();
    } catch (error) {
      if (error instanceof PinnEdgeError) return `${error.code}: ${error.message}`;
      throw error;
    }
    throw new Error('did not throw');
  };

  test.each(['wasm3', 'wasm3+native'] as const)('the engine %s', async (engine) => {
    const wanted = `PE9203: arduino-uno cannot run the engine ${engine}: wasm3 has no room in the 1280 bytes of RAM that it has for models; build with --engine c`;
    expect(await failure(() => buildForTarget(modelFrom(perceptron([2, 3, 1])), board, { engine }))).toBe(wanted);
    const report = { ...build.report, engine };
    expect(await failure(() => createBoardEngine(board, { ...build, report }))).toBe(wanted);
  });

  test('without a wish it is built as C sources', async () => {
    const settings = { compress: 'none', tolerance: 1e-2 } as const;
    const { report } = await buildForTarget(modelFrom(perceptron([2, 3, 1])), board, settings);
    expect(report.engine).toBe('c');
  });

  test('a model that is too large, before anything is compiled', async () => {
    const compiled = await smallModel('c');
    const small = { ...board, ramBytes: 40, ramBlockBytes: 40 };
    expect(await failure(() => packageBuild(compiled, small))).toMatch(
      /^PE4002: mlp does not fit arduino-uno: RAM needs/,
    );
  });

  test('fits, which take doubles of 64 bits', async () => {
    expect(await failure(() => packageBuild({ ...build } as never, board, { fit: {} as never }))).toMatch(
      /^PE3005: --fit: /,
    );
  });
});
