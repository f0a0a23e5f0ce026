import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { compileAssemblyScript } from '../../compiler/code/asc/run-asc.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../../compiler/code/engines/engine.js';
import { linearMemoryBytes } from '../../compiler/code/linear-memory.js';
import { firmwareFiles, VALIDATE_SOURCES } from '../../compiler/deliver/package/firmware-files.js';
import { modelHeader } from '../../compiler/deliver/package/header.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { readHeader } from '../../compiler/table/table.js';
import { temporaryFolder } from '../helpers/cli.js';
import { randoms } from '../helpers/models.js';
import { headerInputOf, smallModel, writeHeader } from './fixture.js';
import {
  C99,
  COMMON,
  CPP11,
  compileOrThrow,
  includes,
  type RunResult,
  run,
  STUBS,
  WARNINGS,
  wasm3Object,
} from './toolchain.js';

const LIBRARY = ['pinn_edge.c', 'pe_module.c', 'pe_arena.c', 'pe_crc32.c', ...VALIDATE_SOURCES].map((name) =>
  join(COMMON, name),
);
const FLAVOURS = [
  { name: 'optimised', flags: ['-O2'] },
  { name: 'with -ffast-math', flags: ['-O2', '-ffast-math'] },
  {
    name: 'sanitized',
    flags: ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
  },
];

const folder = temporaryFolder();
const PE = { CLAMPED: 1, MEMORY: -4, MODULE: -5, EXPORT: -6, IDENTITY: -7, TABLE: -8, TRAP: -9 } as const;
let compiled: CompiledModel;

beforeAll(async () => {
  compiled = await smallModel();
  writeHeader(folder, compiled);
}, 300_000);

/** Compiles sources with the library and wasm3 into one program. */
function link(
  program: string,
  sources: readonly string[],
  flags: readonly string[],
  extra: readonly string[] = [],
): string {
  const place = join(folder, `${program}${flags.length}`);
  const objects = [...LIBRARY, ...sources].map((source, i) => {
    const object = `${place}-${i}.o`;
    const language = source.endsWith('.cpp') ? CPP11 : C99;
    const all = [...language, ...flags, ...WARNINGS, ...includes(folder, STUBS)];
    compileOrThrow('cc', [...all, '-c', source, '-o', object]);
    return object;
  });
  compileOrThrow('cc', [...flags, ...objects, wasm3Object(flags), ...extra, '-lm', '-o', place]);
  return place;
}

describe('warnings', () => {
  test.each(['-O0', '-O2', '-Os'])('the library compiles as C99 and as C++11 without any (%s)', (level) => {
    for (const file of LIBRARY) {
      const flags = [level, ...WARNINGS, ...includes(folder), '-c', file, '-o', '/dev/null'];
      compileOrThrow('cc', [...C99, ...flags]);
      compileOrThrow('cc', [...CPP11, ...flags]);
    }
  });

  test('the model header compiles by itself as C99 and as C++11, wherever wasm3 is', () => {
    writeFileSync(
      join(folder, 'user.c'),
      '#include "pinn_model.h"\nconst pe_model_t *model(void);\nconst pe_model_t *model(void) { return &pinn_model; }\n',
    );
    const flags = [...WARNINGS, `-I${COMMON}`, `-I${folder}`, '-c', join(folder, 'user.c'), '-o', '/dev/null'];
    compileOrThrow('cc', [...C99, ...flags]);
    compileOrThrow('cc', [...CPP11, ...flags]);
  });
});

describe.each(FLAVOURS)('on the host, $name', ({ flags }) => {
  let program = '';
  const drive = (mode: string, rows?: string): RunResult => run(program, [mode], rows);

  beforeAll(() => {
    const wraps = ['malloc', 'calloc', 'realloc'].map((name) => `-Wl,--wrap=${name}`);
    program = link('library_test', [join(PACKAGE_ROOT, 'test', 'package', 'library_test.c')], flags, wraps);
  }, 300_000);

  /** Result and outputs of each row. */
  function answers(mode: string, rows: readonly (readonly number[])[]): { results: number[]; outputs: number[][] } {
    const { status, stdout, stderr } = drive(mode, rows.map((row) => row.join(' ')).join('\n'));
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number));
    return { results: lines.map((line) => line[0]), outputs: lines.map((line) => line.slice(1)) };
  }

  function rowsOf(values: ArrayLike<number>, width: number): number[][] {
    return Array.from({ length: values.length / width }, (_, p) =>
      Array.from({ length: width }, (_, i) => values[p * width + i]),
    );
  }

  test('words are those of the oracle, for extreme ones too', () => {
    const { table } = compiled.lowered;
    const next = randoms(7);
    const words = Int32Array.from({ length: 4000 }, (_, i) => {
      if (i < 16) return [-(2 ** 31), 2 ** 31 - 1, 0, -1][(i >> (i & 1 ? 2 : 0)) & 3];
      const { min, max } = table.inputs[i % 2];
      return Math.round(min + ((next() + 1) / 2) * (max - min) * (i % 50 === 0 ? 3 : 1));
    });
    const oracle = createOracle(table).run(words);
    const device = answers('words', rowsOf(words, 2));
    expect(device.outputs).toEqual(rowsOf(oracle.outputs, 2));
    expect(device.results).toEqual(Array.from(oracle.statuses));
    expect(device.results).toContain(PE.CLAMPED);
  });

  test('values round and scale exactly as on the host', () => {
    const { table } = compiled.lowered;
    const inputFormats = inputWordFormats(table);
    const outputFormats = outputWordFormats(table, compiled.model.outputs);
    const next = randoms(8);
    const points = Float64Array.from({ length: 2000 }, () => next());
    // Halfway between two words, and the neighbouring doubles.
    const step = 2 ** -inputFormats[0].exponent;
    points.set([0.5 * step, -0.5 * step, 1.5 * step, -1.5 * step, 0.5 * step - 2 ** -60, -0.5 * step - 2 ** -60], 0);
    points.set([-1, 1, -0, 0, 1e-310, -1e-310, 1, -1], 6);
    const expected = (values: Float64Array) =>
      fromWords(createOracle(table).run(toWords(values, inputFormats)).outputs, outputFormats);
    expect(answers('values', rowsOf(points, 2)).outputs).toEqual(rowsOf(expected(points), 2));
    const floats = points.map(Math.fround);
    const rounded = expected(floats).map(Math.fround);
    expect(answers('floats', rowsOf(floats, 2)).outputs).toEqual(rowsOf(rounded, 2));
  });

  test('values far outside the range are clamped, and it says so', () => {
    const rows = [
      [5, 0],
      [1e30, -1e30],
      [-1e300, 1e300],
      [0.5, 0.5],
    ];
    const { table } = compiled.lowered;
    const words = toWords(Float64Array.from(rows.flat()), inputWordFormats(table));
    const { outputs } = createOracle(table).run(words);
    const device = answers('values', rows);
    expect(device.results).toEqual([1, 1, 1, 0]);
    expect(device.outputs.flat()).toEqual(
      Array.from(fromWords(outputs, outputWordFormats(table, compiled.model.outputs))),
    );
  });

  test.each(['faults', 'bits', 'arena'])('%s: every error is a result, and the heap is not used', (mode) => {
    const { status, stdout, stderr } = drive(mode);
    expect(stderr).toBe('');
    expect(stdout).not.toContain('does not hold');
    expect(status).toBe(0);
  });

  describe('modules that are not the model', () => {
    const open = (wasm: Uint8Array, memory = 65536, identity = 1, stack = 2048): [number, string] => {
      const file = join(folder, 'other.wasm');
      writeFileSync(file, wasm);
      const { status, stdout, stderr } = run(program, ['open', file, String(identity), String(memory), String(stack)]);
      expect(stderr).toBe('');
      expect(status).toBe(0);
      return [Number.parseInt(stdout, 10), stdout];
    };
    const source = (text: string) => compileAssemblyScript(new Map([['entry.ts', text]]));
    const exports = { identity: '1', input: '0', output: '64', run: '0', lastStatus: '0' };
    const entry = (changes: Partial<typeof exports>, more = '') =>
      source(
        `memory.data(128);\n${Object.entries({ ...exports, ...changes })
          .map(([name, value]) => `export function ${name}(): u32 { return ${value}; }`)
          .join('\n')}\n${more}`,
      );

    test('no module at all', () => {
      expect(open(new Uint8Array(0))[0]).toBe(PE.MODULE);
      expect(open(Uint8Array.from([0, 0x61, 0x73, 0x6d]))[0]).toBe(PE.MODULE);
      expect(open(new TextEncoder().encode('not a module, certainly not one'))[0]).toBe(PE.MODULE);
      expect(open(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]))[0]).toBe(PE.MODULE);
    });

    test('missing, wrong and failing exports', async () => {
      expect(open(await entry({}))[0]).toBe(0);
      const alone = (signature: string) => source(`memory.data(8); export function identity${signature}`);
      for (const signature of ['(): u32 { return 1; }', '(a: u32): u32 { return a; }', '(): u64 { return 1; }']) {
        expect(open(await alone(signature))).toEqual([PE.MODULE, expect.stringContaining('not a pinn-edge model')]);
      }
      expect(open(await entry({ identity: '2' }))[0]).toBe(PE.IDENTITY);
      expect(open(await entry({ input: '0xfffffffc' }))[0]).toBe(PE.EXPORT);
      expect(open(await entry({ output: '65532' }))[0]).toBe(PE.EXPORT);
      expect(open(await entry({ input: 'load<u32>(0)' }))[0]).toBe(PE.MODULE);
      expect(open(await entry({ run: 'unreachable()' }))).toEqual([PE.TRAP, expect.stringContaining('unreachable')]);
      expect(open(await entry({ run: 'load<u32>(65536)' }))).toEqual([
        PE.TRAP,
        expect.stringContaining('out of bounds'),
      ]);
      expect(open(await entry({ run: '16 + 4' }))).toEqual([PE.TABLE, expect.stringContaining('-8 4 ')]);
      const endless = 'function deep(n: u32): u32 { return n ^ deep(n + 1) ^ deep(n + 2); }';
      expect(open(await entry({ run: 'deep(0)' }, endless))).toEqual([
        PE.MODULE,
        expect.stringContaining('calls itself'),
      ]);
      const loop = 'function spin(): u32 { let n: u32 = 1; while (n | 1) n += 2; return n; }';
      expect(open(await entry({ run: 'spin()' }, loop))).toEqual([PE.TRAP, expect.stringContaining('round its loops')]);
    });

    test('a start function', async () => {
      const wasm = await entry({}, 'let done = fails(); function fails(): u32 { return load<u32>(0x7fffffff); }');
      expect(open(wasm)[0]).toBe(PE.MODULE);
    });

    test('a module whose data does not fit its memory', () => {
      const { table, lowered, wasm } = compiled;
      const memory = linearMemoryBytes(table.length, lowered.table.arenaBytes);
      const identity = readHeader(table).crc;
      expect(open(wasm, memory, identity)[0]).toBe(0);
      expect(open(wasm, table.length, identity)[0]).toBe(PE.MODULE);
    });
  });
});

describe('example applications', () => {
  const lines = (stdout: string) => stdout.trim().split('\n');

  /** Writes a project as a build does, and returns the path of one of its files. */
  function application(target: string, path: string, header = modelHeader(headerInputOf(compiled))): string {
    const file = join(folder, target, path);
    for (const name of [path, join(dirname(path), 'pinn_model.h')]) {
      mkdirSync(dirname(join(folder, target, name)), { recursive: true });
      writeFileSync(join(folder, target, name), firmwareFiles(loadTarget(target), header).get(name) ?? header);
    }
    return file;
  }

  test.each([
    ['ESP-IDF application', 'esp32', 'esp-idf/main/main.c', 'esp_idf_host.c', /50 us per evaluation/],
    ['Arduino sketch', 'esp32', 'platformio/src/main.cpp', 'arduino_host.cpp', /50 us per evaluation/],
    ['Zephyr sample', 'nrf52840', 'zephyr/samples/pinn_edge/src/main.c', undefined, /50 us per evaluation/],
  ])('the %s passes on the host', (_, target, path, host, expected) => {
    const sources = [application(target, path), ...(host ? [join(STUBS, host)] : [])];
    const { status, stdout } = run(link(path.replaceAll('/', '-'), sources, ['-O1']), []);
    expect(status).toBe(0);
    expect(lines(stdout)[0]).toMatch(/^PASS mlp: \d+ golden vectors, every bit as built$/);
    expect(stdout).toMatch(/-> y0 = \S+ °C\n/);
    expect(stdout).toMatch(expected);
  });

  test('a damaged module makes it say FAIL', () => {
    // A header beside main.c is found before the one in the folder of headers.
    const header = modelHeader(headerInputOf(compiled)).replace('    0, 97, 115, 109, 1, ', '    0, 97, 115, 109, 2, ');
    const sources = [application('esp32s3', 'esp-idf/main/main.c', header), join(STUBS, 'esp_idf_host.c')];
    const { stdout } = run(link('damaged', sources, ['-O1']), []);
    expect(stdout).toContain('FAIL mlp: open: the model is damaged');
  });
});
