import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/package-root.js';
import { smallModel, writeHeader } from './fixture.js';
import {
  C99,
  COMMON,
  CPP11,
  compileOrThrow,
  DEFINITIONS,
  hasTool,
  includes,
  run,
  STUBS,
  TOOLS_REQUIRED,
  temporaryFolder,
  WARNINGS,
} from './toolchain.js';

/** Instruction sets that Debian has bare-metal compilers for; nothing is run here. */
const MACHINES = [
  {
    name: 'ARM Cortex-M4F',
    tools: 'arm-none-eabi',
    flags: ['-mcpu=cortex-m4', '-mthumb', '-mfloat-abi=hard', '-mfpu=fpv4-sp-d16'],
    packages: 'gcc-arm-none-eabi libnewlib-arm-none-eabi',
  },
  {
    name: 'ARM Cortex-M0',
    tools: 'arm-none-eabi',
    flags: ['-mcpu=cortex-m0', '-mthumb'],
    packages: 'gcc-arm-none-eabi libnewlib-arm-none-eabi',
  },
  {
    name: 'RISC-V rv32imc',
    tools: 'riscv64-unknown-elf',
    flags: ['--specs=picolibc.specs', '-march=rv32imc', '-mabi=ilp32'],
    packages: 'gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf',
  },
  {
    name: 'Xtensa LX106',
    tools: 'xtensa-lx106-elf',
    flags: ['--specs=/usr/lib/xtensa-lx106-elf/picolibc.specs', '-mlongcalls'],
    packages: 'gcc-xtensa-lx106 picolibc-xtensa-lx106-elf',
  },
];

/** The library's budget on Cortex-M4, without update agent. */
const MAX_CODE_BYTES = 8192;

const folder = temporaryFolder();

beforeAll(async () => {
  writeHeader(folder.path, await smallModel());
  // pinn_model.h in a C++ file, without a C++ library.
  writeFileSync(
    join(folder.path, 'user.cpp'),
    '#include "pinn_model.h"\npe_result_t open_model(pe_t *pe);\npe_result_t open_model(pe_t *pe) { return pe_open(pe, &pinn_model); }\n',
  );
}, 300_000);
afterAll(() => folder.remove());

describe.each(MACHINES)('$name', ({ tools, flags, packages }) => {
  const compiler = `${tools}-gcc`;
  const present = hasTool(compiler);
  const advice = `${compiler} is not installed; on Debian: apt-get install ${packages}`;
  // The reporter shows skipped tests by their number only.
  if (!present && !TOOLS_REQUIRED) process.stderr.write(`skipped: ${advice}\n`);
  const it = test.skipIf(!present && !TOOLS_REQUIRED);
  const object = join(folder.path, `${tools}.o`);
  const compile = (source: string, language: readonly string[]) =>
    compileOrThrow(compiler, [
      ...[...flags, ...language, '-Os', ...WARNINGS, ...DEFINITIONS, ...includes(folder.path, STUBS)],
      ...['-c', source, '-o', object],
    ]);

  it('has its compiler', () => {
    expect(present, advice).toBe(true);
  });

  it('the library compiles without warnings, as C99 and as C++11, and is small', () => {
    compile(join(COMMON, 'pinn_edge.c'), CPP11);
    compile(join(COMMON, 'pinn_edge.c'), C99);
    const size = run(`${tools}-size`, [object]).stdout.split('\n')[1].trim().split(/\s+/).map(Number);
    const [text, data, bss] = size;
    expect(text).toBeLessThan(MAX_CODE_BYTES);
    expect([data, bss], 'no global variables').toEqual([0, 0]);
  });

  it('the ESP-IDF application and a C++ user of the model header compile without warnings', () => {
    compile(join(PACKAGE_ROOT, 'targets', 'esp32', 'esp-idf', 'main', 'main.c'), C99);
    compile(join(folder.path, 'user.cpp'), CPP11);
  });
});
