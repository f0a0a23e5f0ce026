import { libraryStackBytes } from '../../code/cost/native-stack.js';
import type { Target } from './target.js';

/** How the bare-metal project is compiled: by CMake, and with the same flags for the emulated boards. */

/** Name of the project. */
export const BARE_METAL = 'bare-metal';

/** The same with the update agent on the UART. */
export const BARE_METAL_UPDATE = 'bare-metal-update';

/** Every file. Sections of their own, so that what is not used is left out. */
const OPTIMISATION = '-Os';
const COMMON_FLAGS = ['-std=gnu11', OPTIMISATION, '-ffunction-sections', '-fdata-sections'];
const WARNINGS = ['-Wall', '-Wextra', '-Wconversion'];

/** The file of the library that contains wasm3, and what it needs besides (it says why). */
export const WASM3_UNIT = 'pe_wasm3.c';
export const WASM3_FLAGS = ['-fwrapv', '-fno-strict-aliasing'];

/**
 * What the bound of the native stack rests on, besides optimisation: the build file of every project sets these on that
 * file. The file also sees to them by itself where the compiler is GCC.
 */
export const WASM3_STACK_FLAGS = ['-foptimize-sibling-calls', '-fno-stack-protector'];

/** Kernels, of the library or specialised in model.c: the models' time is spent in them. */
export const KERNEL_UNITS: readonly string[] = ['pe_kernels.c', 'model.c'];
const KERNEL_FLAGS = ['-O3'];

const LINKER_SCRIPT = 'link.ld';
const LEAVE_OUT = '-Wl,--gc-sections';
const LINK_FLAGS = ['-nostartfiles', LEAVE_OUT, '-T', LINKER_SCRIPT];

/** Flags of the C compiler for every file, further ones for wasm3's and for kernels, and for linking. */
export function compilerFlags(target: Target): Record<'every' | 'wasm3' | 'kernel' | 'link', string[]> {
  const defines = target.wasm3
    ? [`-Dd_m3CodePageAlignSize=${target.wasm3.codePageBytes}`, `-DPE_NATIVE_STACK_BYTES=${libraryStackBytes(target)}`]
    : [];
  const { start, kernelFlags, linkFlags = [] } = target.compiler ?? {};
  return {
    every: [...target.flags, ...COMMON_FLAGS, ...WARNINGS, ...defines],
    wasm3: [OPTIMISATION, ...WASM3_STACK_FLAGS, ...WASM3_FLAGS],
    kernel: kernelFlags ?? KERNEL_FLAGS,
    link: [...target.flags, ...(start === 'toolchain' ? [LEAVE_OUT] : LINK_FLAGS), ...linkFlags],
  };
}

/** toolchain.cmake of the bare-metal project: what differs from board to board. */
export function toolchainFile(target: Target, compiler: NonNullable<Target['compiler']>): string {
  const { every, kernel, link } = compilerFlags(target);
  const flags = every.filter((flag) => !WARNINGS.includes(flag)).join(' ');
  return `# ${target.description}.
# Debian packages: ${[...compiler.packages, ...(target.emulator ? [target.emulator.package] : [])].join(' ')}
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR ${target.isa})
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_COMPILER ${compiler.command})
set(CMAKE_ASM_COMPILER ${compiler.command})
set(CMAKE_C_FLAGS_INIT "${flags}")
set(CMAKE_ASM_FLAGS_INIT "${target.flags.join(' ')}")
set(PINN_EDGE_KERNEL_FLAGS ${kernel.join(' ')})
set(PINN_EDGE_LINK_FLAGS ${link.filter((flag) => !target.flags.includes(flag)).join(' ')})
set(PINN_EDGE_EMULATOR ${emulatorCommand(target)})
`;
}

/** What `cmake --build build --target run` calls with the image. */
function emulatorCommand({ name, emulator }: Target): string {
  if (emulator && !emulator.package.startsWith('none')) return emulator.command;
  const advice = emulator ? `pinn-edge simulate <build> --on ${name} runs this image` : 'there is no emulator for';
  return `\${CMAKE_COMMAND} -E echo "${advice}:"`;
}
