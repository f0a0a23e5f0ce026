import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { WASM3_FLAGS, WASM3_UNIT } from '../../compiler/deliver/package/bare-metal.js';
import { VALIDATE_SOURCES } from '../../compiler/deliver/package/firmware-files.js';
import { temporaryFolder } from '../helpers/cli.js';
import { smallModel, writeHeader } from './fixture.js';
import {
  adviceFor,
  C99,
  COMMON,
  CPP11,
  compileOrThrow,
  hasTool,
  includes,
  isSkippedWithout,
  run,
  STUBS,
  WARNINGS,
} from './toolchain.js';

/** Instruction sets that Debian has bare-metal compilers for; nothing is run here. */
const MACHINES = [
  {
    name: 'ARM Cortex-M4F',
    tools: 'arm-none-eabi',
    flags: ['-mcpu=cortex-m4', '-mthumb', '-mfloat-abi=hard', '-mfpu=fpv4-sp-d16'],
  },
  {
    name: 'ARM Cortex-M0',
    tools: 'arm-none-eabi',
    flags: ['-mcpu=cortex-m0', '-mthumb'],
  },
  {
    name: 'RISC-V rv32imc',
    tools: 'riscv64-unknown-elf',
    flags: ['--specs=picolibc.specs', '-march=rv32imc', '-mabi=ilp32'],
  },
  {
    name: 'Xtensa LX106',
    tools: 'xtensa-lx106-elf',
    flags: ['--specs=/usr/lib/xtensa-lx106-elf/picolibc.specs', '-mlongcalls'],
  },
];

/** The library's budget on Cortex-M4, without update agent; other instruction sets take up to a third more. */
const MAX_CODE_BYTES = 8192;
const codeBudget = (flags: readonly string[]) => (flags.includes('-mthumb') ? 1 : 4 / 3) * MAX_CODE_BYTES;

const folder = temporaryFolder();

beforeAll(async () => {
  writeHeader(folder, await smallModel());
  // pinn_model.h in a C++ file, without a C++ library.
  writeFileSync(
    join(folder, 'user.cpp'),
    '#include "pinn_model.h"\npe_result_t open_model(pe_t *pe);\nstatic uint8_t arena[PINN_MODEL_ARENA_BYTES];\npe_result_t open_model(pe_t *pe) { return pe_open(pe, &pinn_model, arena, sizeof arena); }\n',
  );
}, 300_000);

describe.each(MACHINES)('$name', ({ tools, flags }) => {
  const compiler = `${tools}-gcc`;
  const it = test.skipIf(isSkippedWithout(compiler));
  const compile = (source: string, language: readonly string[], more: readonly string[] = []) => {
    const object = join(folder, `${tools}-${basename(source)}.o`);
    compileOrThrow(compiler, [
      ...[...flags, ...language, '-Os', ...WARNINGS, ...more, ...includes(folder, STUBS)],
      ...['-c', source, '-o', object],
    ]);
    const sizes = run(`${tools}-size`, [object]).stdout.split('\n')[1].trim().split(/\s+/).map(Number);
    return { code: sizes[0], variables: sizes[1] + sizes[2] };
  };

  it('has its compiler', () => {
    expect(hasTool(compiler), adviceFor(compiler)).toBe(true);
  });

  it('the library compiles without warnings, as C99 and as C++11, and is small', () => {
    const sources = ['pinn_edge.c', 'pe_module.c', 'pe_arena.c', 'pe_crc32.c', ...VALIDATE_SOURCES].map((name) =>
      join(COMMON, name),
    );
    for (const source of sources) compile(source, CPP11);
    const sizes = sources.map((source) => compile(source, C99));
    expect(sizes.reduce((sum, { code }) => sum + code, 0)).toBeLessThan(codeBudget(flags));
    // The arena that wasm3 allocates from.
    expect(sizes.map(({ variables }) => variables)).toEqual(
      sources.map((source) => (source.endsWith('pe_arena.c') ? 4 : 0)),
    );
  });

  it('wasm3 compiles without warnings, as part of the library', () => {
    expect(compile(join(COMMON, WASM3_UNIT), C99, WASM3_FLAGS).variables).toBeLessThanOrEqual(4);
  });

  it('a C++ user of the model header compiles without warnings', () => {
    compile(join(folder, 'user.cpp'), CPP11);
  });
});
