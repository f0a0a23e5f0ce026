import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WASM3_FLAGS, WASM3_STACK_FLAGS, WASM3_UNIT } from '../../compiler/deliver/package/bare-metal.js';
import { VALIDATE_SOURCES } from '../../compiler/deliver/package/firmware-files.js';
import { wasm3Folder } from '../../compiler/deliver/package/wasm3.js';
import { temporaryFolder } from '../helpers/cli.js';
import { C99, COMMON, compileOrThrow, hasTool, includes, isSkippedWithout, run, WARNINGS } from './toolchain.js';

/** The library with Clang, which knows the attribute musttail, for targets where it obeys it and where it cannot. */

const ARM = '/usr/lib/arm-none-eabi/include';
const RISCV = '/usr/lib/picolibc/riscv64-unknown-elf/include';
const TARGETS = [
  { name: 'ARMv6-M', flags: ['--target=thumbv6m-none-eabi', '-mcpu=cortex-m0'], headers: ARM, tailCalls: false },
  { name: 'ARMv7-M', flags: ['--target=thumbv7m-none-eabi', '-mcpu=cortex-m3'], headers: ARM, tailCalls: false },
  { name: 'ARMv7E-M', flags: ['--target=thumbv7em-none-eabihf', '-mcpu=cortex-m4'], headers: ARM, tailCalls: false },
  {
    name: 'ARMv8-M base',
    flags: ['--target=thumbv8m.base-none-eabi', '-mcpu=cortex-m23'],
    headers: ARM,
    tailCalls: false,
  },
  {
    name: 'ARMv8-M main',
    flags: ['--target=thumbv8m.main-none-eabi', '-mcpu=cortex-m33'],
    headers: ARM,
    tailCalls: false,
  },
  {
    name: 'RV32',
    flags: ['--target=riscv32-unknown-elf', '-march=rv32imc', '-mabi=ilp32'],
    headers: RISCV,
    tailCalls: true,
  },
];
const compiler = isSkippedWithout('clang') ? undefined : 'clang';
const folder = temporaryFolder();

describe.each(TARGETS)('clang for $name', ({ name, flags, headers, tailCalls }) => {
  const it = test.skipIf(!compiler);
  const object = join(folder, `${name}.o`);
  const args = (source: string, ...more: string[]) => [
    ...[...flags, ...C99, ...WARNINGS, ...more, ...includes(), '-isystem', headers],
    ...['-c', join(COMMON, source), '-o', object],
  ];

  it.each(['-O1', '-O2'])('the library compiles without warnings, wasm3 in it (%s)', (level) => {
    expect(hasTool('clang')).toBe(true);
    compileOrThrow('clang', args(WASM3_UNIT, level, ...WASM3_STACK_FLAGS, ...WASM3_FLAGS));
    for (const source of ['pe_module.c', 'pinn_edge.c', ...VALIDATE_SOURCES])
      compileOrThrow('clang', args(source, level));
  });

  it(`operations ${tailCalls ? 'leave nothing on the stack' : 'are known to nest'}`, () => {
    compileOrThrow('clang', args(WASM3_UNIT, '-O1', '-fstack-usage'));
    const usage = readFileSync(object.replace(/o$/, 'su'), 'utf8');
    const move = Number(/:op_CopySlot_32\t(\d+)/.exec(usage)![1]);
    expect(move === 0).toBe(tailCalls);
    const forced = run('clang', args('pe_validate.c', '-O2', '-DPE_TAIL_CALLS=1'));
    expect(forced.status === 0, forced.stderr).toBe(tailCalls);
    if (!tailCalls) expect(forced.stderr).toContain('not known to make tail calls');
  });

  it('what would void the bound of the stack is refused', () => {
    for (const [flag, advice] of [
      ['-O0', 'with optimisation'],
      ['-O2 -fstack-protector-all', '-fno-stack-protector'],
    ]) {
      const { status, stderr } = run('clang', args(WASM3_UNIT, ...flag.split(' ')));
      expect(status).not.toBe(0);
      expect(stderr).toContain(advice);
    }
  });
});

test('a wasm3 that takes the attribute for granted compiles with GCC, which knows it or not', () => {
  // What __has_attribute says of GCC 15 to wasm3; this compiler warns of an attribute that it does not know.
  const copy = join(folder, 'wasm3');
  mkdirSync(copy);
  cpSync(wasm3Folder(), copy, { recursive: true, filter: (path) => !/\.(cpp|md)$/.test(path) });
  const platforms = join(copy, 'm3_config_platforms.h');
  const text = readFileSync(platforms, 'utf8');
  const asserted = text
    .replace('# if M3_COMPILER_HAS_ATTRIBUTE(musttail)', '# if 1')
    .replace('((musttail))', '((never_known))');
  expect(asserted).not.toBe(text);
  writeFileSync(platforms, asserted);
  const flags = [...C99, '-O2', '-Wno-system-headers', '-Werror=attributes', `-I${COMMON}`, `-I${copy}`];
  compileOrThrow('cc', [...flags, '-c', join(COMMON, WASM3_UNIT), '-o', join(folder, 'known.o')]);
});
