import type { Target } from './targets.js';

/** How the bare-metal project is compiled: by its Makefile, and the same way for the emulated boards. */

/** Every file. Sections of their own, so that what is not used is left out. */
const COMMON_FLAGS = ['-std=gnu11', '-Os', '-ffunction-sections', '-fdata-sections'];
const OWN_FLAGS = ['-Wall', '-Wextra', '-Wconversion'];
/** wasm3's operations rely on wrapping signed arithmetic and read stack slots as several types. */
const WASM3_FLAGS = ['-w', '-fwrapv', '-fno-strict-aliasing'];

export const LINKER_SCRIPT = 'link.ld';
const LINK_FLAGS = ['-nostartfiles', '-Wl,--gc-sections', '-T', LINKER_SCRIPT];

/** Which files of wasm3 are compiled: not m3_api_*.c, host interfaces that no model uses. */
export const WASM3_UNIT = /^m3_(?!api_).*\.c$/;

/** wasm3's settings change the layout of its structures, so they hold for every file. Models use no floats. */
export function wasm3Definitions(target: Pick<Target, 'wasm3'>): string[] {
  return [
    '-Dd_m3HasFloat=0',
    '-Dd_m3NoFloatDynamic=0',
    `-Dd_m3CodePageAlignSize=${target.wasm3.codePageBytes}`,
    '-Dd_m3MaxFunctionStackHeight=256',
    '-Dd_m3VerboseErrorMessages=0',
  ];
}

/** Flags of the C compiler for wasm3's files, for the project's own, and for linking. */
export function compilerFlags(target: Target): { wasm3: string[]; own: string[]; link: string[] } {
  const common = [...target.flags, ...COMMON_FLAGS, ...wasm3Definitions(target)];
  return {
    wasm3: [...common, ...WASM3_FLAGS],
    own: [...common, ...OWN_FLAGS],
    link: [...target.flags, ...LINK_FLAGS, ...(target.compiler?.linkFlags ?? [])],
  };
}

/** The part of the bare-metal project's Makefile that differs from board to board. */
export function boardMakefile(target: Target, compiler: NonNullable<Target['compiler']>): string {
  const flags = compilerFlags(target);
  return `# ${target.description}.
# Debian packages: ${[...compiler.packages, ...(target.emulator ? [target.emulator.package] : [])].join(' ')}
CC := ${compiler.command}
WASM3_FLAGS := ${flags.wasm3.join(' ')}
OWN_FLAGS := ${flags.own.join(' ')}
LINK_FLAGS := ${flags.link.join(' ')}
EMULATOR := ${target.emulator?.command ?? ''}
`;
}
