import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cTableFiles } from '../../compiler/deliver/package/c-files.js';
import { goldenVectors } from '../../compiler/deliver/package/golden.js';
import { modelHeader } from '../../compiler/deliver/package/header.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { CORE_SOURCES, MODULE_SOURCES } from '../update/fixture.js';
import { headerInputOf } from './fixture.js';
import { C99, COMMON, CPP11, compileOrThrow, includes, run, WARNINGS, wasm3Object } from './toolchain.js';

/** Two models in one program: modules, modules with kernels in C, and C sources, also beside the firmware library. */

const folder = temporaryFolder();
const FLAGS = ['-O1'];
const NATIVE = ['pe_table_engine.c', 'pe_table.c', 'pe_kernels.c', 'pe_native.c', 'pe_native_engine.c'];
const models = new Map<string, CompiledModel>();

const place = (path: string) => join(folder, path);
function write(path: string, text: string): void {
  mkdirSync(dirname(place(path)), { recursive: true });
  writeFileSync(place(path), text);
}

beforeAll(async () => {
  for (const [name, widths, engine] of [
    ['burgers', [2, 5, 1], 'wasm3'],
    ['heat-rod', [3, 4, 2], 'wasm3+native'],
    ['wave', [2, 4, 1], 'c'],
    ['plate', [4, 3, 2], 'c'],
  ] as const) {
    const compiled = await compile(modelFrom({ ...perceptron([...widths]), name }), { tolerance: 1e-2, engine });
    models.set(name, compiled);
    const input = headerInputOf(compiled);
    write(`${name}.h`, modelHeader(input));
    if (engine !== 'c') continue;
    const golden = goldenVectors(compiled.model, compiled.lowered.table);
    for (const [path, text] of cTableFiles(input, compiled.table, golden)) write(`${name}/${path}`, text);
  }
}, 300_000);

/** Compiles and links C sources with the firmware library, and runs the program. */
function program(name: string, sources: readonly string[]): string {
  const library = [...CORE_SOURCES, ...MODULE_SOURCES, ...NATIVE];
  const files = [...sources.map(place), ...[...new Set(library)].map((file) => join(COMMON, file))];
  const flags = [...C99, ...FLAGS, ...WARNINGS, ...includes(folder)];
  compileOrThrow('cc', [...flags, ...files, wasm3Object(FLAGS), '-lm', '-o', place(name)]);
  return run(place(name), []).stdout;
}

const TRY = `
static pe_t pe;
static void try_model(const pe_model_t *model, void *arena, size_t bytes) {
  const pe_result_t opened = pe_open(&pe, model, arena, bytes);
  printf("%s %d %d\\n", model->name, opened, opened == PE_OK ? (int)pe_self_test(&pe) : -99);
  pe_close(&pe);
}
`;

describe('modules', () => {
  test('two headers in one file keep their counts, places and golden vectors', () => {
    write(
      'modules.c',
      `#include <stdio.h>
#include "burgers.h"
#include "heat-rod.h"
#include "burgers.h"
${TRY}
static uint8_t burgers_arena[BURGERS_ARENA_BYTES];
static uint8_t heat_arena[2 * HEAT_ROD_ARENA_BYTES];
int main(void) {
  try_model(&burgers_model, burgers_arena, sizeof burgers_arena);
  try_model(&heat_rod_model, heat_arena, sizeof heat_arena);
  printf("%d %d, %d %d\\n", BURGERS_INPUT_COUNT, BURGERS_OUTPUT_COUNT, HEAT_ROD_INPUT_COUNT, HEAT_ROD_OUTPUT_COUNT);
  return 0;
}
`,
    );
    expect(program('modules', ['modules.c'])).toBe('burgers 0 0\nheat-rod 0 0\n2 1, 3 2\n');
  });

  const refusal = (text: string) => {
    write('refused.c', text);
    const flags = [...C99, ...includes(folder), '-fsyntax-only', place('refused.c')];
    return run('cc', flags).stderr;
  };

  test('the names of programs of one model are gone where two meet, so that none stands for the other', () => {
    const both = '#include "burgers.h"\n#include "heat-rod.h"\n';
    expect(refusal(`${both}int n = PINN_MODEL_INPUT_COUNT;\n`)).toContain('PINN_MODEL_INPUT_COUNT');
    expect(refusal(`${both}int n = PINN_MODEL_INPUT_X0;\n`)).toContain('PINN_MODEL_INPUT_COUNT');
    expect(refusal(`${both}const pe_model_t *m = &pinn_model;\n`)).toContain('pinn_model');
    expect(refusal('#include "burgers.h"\nint n = PINN_MODEL_INPUT_COUNT;\n')).toBe('');
  });

  test('two models of one name are an error that says what to do; one of them renamed is none', () => {
    const other = headerInputOf(models.get('heat-rod')!);
    write('clash.h', modelHeader({ ...other, name: 'burgers' }));
    write('renamed.h', modelHeader({ ...other, name: 'burgers', prefix: 'burgers_fine' }));
    expect(refusal('#include "burgers.h"\n#include "clash.h"\n')).toContain(
      'two models are called burgers: build one of them with --name',
    );
    expect(refusal('#include "burgers.h"\n#include "renamed.h"\nint n = BURGERS_FINE_INPUT_COUNT;\n')).toBe('');
  });
});

describe('C sources', () => {
  const use = (prefix: string) => `  {
    double inputs[${prefix.toUpperCase()}_INPUT_COUNT] = {0};
    double outputs[${prefix.toUpperCase()}_OUTPUT_COUNT];
    int32_t words[${prefix.toUpperCase()}_OUTPUT_COUNT];
    int wrong = 0;
    for (int p = 0; p < ${prefix.toUpperCase()}_GOLDEN_COUNT; p++) {
      ${prefix}_run_words(${prefix}_golden_inputs + p * ${prefix.toUpperCase()}_INPUT_COUNT, words);
      wrong += memcmp(words, ${prefix}_golden_outputs + p * ${prefix.toUpperCase()}_OUTPUT_COUNT, sizeof words) != 0;
    }
    printf("${prefix} %d %d\\n", ${prefix}_eval(inputs, outputs), wrong);
  }
`;
  const APPLICATION = `#include <stdio.h>
#include <string.h>
#include "wave/golden.h"
#include "wave/model.h"
#include "plate/golden.h"
#include "plate/model.h"
#include "burgers.h"
${TRY}
static uint8_t arena[BURGERS_ARENA_BYTES];
int main(void) {
${use('wave')}${use('plate')}  try_model(&burgers_model, arena, sizeof arena);
  return 0;
}
`;

  test('two of them and the firmware library are one program', () => {
    write('sources.c', APPLICATION);
    const sources = ['sources.c', 'wave/model.c', 'plate/model.c'];
    expect(program('sources', sources)).toBe('wave 0 0\nplate 0 0\nburgers 0 0\n');
  });

  test('they export nothing under the name of the firmware library, as C++ neither', () => {
    for (const language of [C99, CPP11]) {
      const object = place('model.o');
      compileOrThrow('cc', [...language, ...FLAGS, ...WARNINGS, '-c', place('wave/model.c'), '-o', object]);
      const names = run('nm', ['-g', '--defined-only', object]).stdout.match(/\S+$/gm)!;
      expect(names).toHaveLength(6);
      for (const name of names) expect(name).toMatch(/^wave_/);
    }
  });
});

test('build --name names them; what is no name of C is refused', () => {
  write('model.json', JSON.stringify({ ...perceptron([2, 3, 1]), name: 'heat' }));
  const build = (...more: string[]) =>
    cli(['build', place('model.json'), '--target', 'host', '--compress', 'none', '-o', place('out'), ...more]);
  expect(build('--name', 'Heat Rod')).toMatchObject({ code: 2, err: expect.stringContaining('--name Heat Rod') });
  expect(build('--name', 'kiln')).toMatchObject({ code: 0 });
  const header = run('cat', [place('out/pinn_model.h')]).stdout;
  expect(header).toContain('static const pe_model_t kiln_model = {\n    "heat",');
});
