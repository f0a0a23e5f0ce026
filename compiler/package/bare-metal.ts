import type { Target } from './targets.js';

/** How the bare-metal project is compiled: by its Makefile, and the same way for the emulated boards. */

/** Every file. Sections of their own, so that what is not used is left out. */
const COMMON_FLAGS = [
  '-std=gnu11',
  '-Os',
  '-ffunction-sections',
  '-fdata-sections',
  '-Wall',
  '-Wextra',
  '-Wconversion',
];

/** The file of the library that contains wasm3, and what it needs besides (it says why). */
export const WASM3_UNIT = 'pe_wasm3.c';
export const WASM3_FLAGS = ['-fwrapv', '-fno-strict-aliasing'];

/** Kernels, of the library or specialised in model.c: the models' time is spent in them. */
export const KERNEL_UNITS: readonly string[] = ['pe_kernels.c', 'model.c'];
const KERNEL_FLAGS = ['-O3'];

export const LINKER_SCRIPT = 'link.ld';
const LINK_FLAGS = ['-nostartfiles', '-Wl,--gc-sections', '-T', LINKER_SCRIPT];

/** Flags of the C compiler for every file, further ones for wasm3's and for kernels, and for linking. */
export function compilerFlags(target: Target): Record<'every' | 'wasm3' | 'kernel' | 'link', string[]> {
  return {
    every: [...target.flags, ...COMMON_FLAGS, `-Dd_m3CodePageAlignSize=${target.wasm3.codePageBytes}`],
    wasm3: WASM3_FLAGS,
    kernel: KERNEL_FLAGS,
    link: [...target.flags, ...LINK_FLAGS, ...(target.compiler?.linkFlags ?? [])],
  };
}

/** The part of the bare-metal project's Makefile that differs from board to board. */
export function boardMakefile(target: Target, compiler: NonNullable<Target['compiler']>): string {
  const flags = compilerFlags(target);
  return `# ${target.description}.
# Debian packages: ${[...compiler.packages, ...(target.emulator ? [target.emulator.package] : [])].join(' ')}
CC := ${compiler.command}
FLAGS := ${flags.every.join(' ')}
WASM3_FLAGS := ${flags.wasm3.join(' ')}
KERNEL_FLAGS := ${flags.kernel.join(' ')}
LINK_FLAGS := ${flags.link.join(' ')}
EMULATOR := ${target.emulator?.command ?? ''}
`;
}
