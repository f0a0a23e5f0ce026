import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FRAME_CLASSES, type FrameClass, type Frames } from '../compiler/code/asc/translate.js';
import { WASM3_FLAGS, WASM3_UNIT } from '../compiler/deliver/package/bare-metal.js';
import { wasm3Folder } from '../compiler/deliver/package/wasm3.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { loadBoard } from '../compiler/run/boards/boards.js';

/**
 * `npm run frames`: bytes of native stack that wasm3's operations take, as C compilers lay them out (-fstack-usage), into
 * compiler/code/cost/frames.json: the largest of each class, of the levels of optimisation that projects use.
 */

/** Which of wasm3's operations belong to a class. Rotations and bulk memory never occur in a module. */
const OPERATIONS: Record<Exclude<FrameClass, 'call' | 'block'>, RegExp> = {
  move: /^op_(SetSlot|CopySlot|PreserveSetSlot|PreserveCopySlot|SetRegister|GetGlobal|SetGlobal|Const)/,
  int32: /^op_[iu]32_(?!Load|Store|Rot|Reinterpret|Trunc)/,
  int64: /^op_[iu]64_(?!Load|Store|Rot|Reinterpret|Trunc)/,
  load: /^op_.*_Load_/,
  store: /^op_.*_Store_/,
  branch: /^op_(If|Branch|ContinueLoop|Return|Select|Unreachable)/,
  loop: /^op_(Counted)?Loop/,
  entry: /^op_Entry$/,
};
/** A call's first execution passes through op_Compile, even where everything is compiled. */
const CALL = ['op_Call', 'op_Compile'];
/** Functions that call each other for a block in another one; which of the two in the middle, is up to the block. */
const BLOCK = [
  ['CompileBlock'],
  ['CompileBlockStatements'],
  ['Compile_LoopOrBlock', 'Compile_If'],
  ['CompileElseBlock'],
];
/** Classes of operations whose frames stay while the next one runs, where there are tail calls. */
const STAY: ReadonlySet<FrameClass> = new Set(['loop', 'call', 'block']);
const LEVELS = ['-O1', '-Os', '-O2', '-O3'];

interface Compiler {
  command: string;
  flags: readonly string[];
  /** Files with wasm3's operations and their translation. */
  units: readonly string[];
}

const LIBRARY = join(PACKAGE_ROOT, 'targets/common');
const LIBRARY_UNIT = join(LIBRARY, WASM3_UNIT);

/** Frame of every function that is not inlined, in bytes. */
function stackUsage({ command, flags }: Compiler, unit: string, level: string): Map<string, number> {
  const folder = mkdtempSync(join(tmpdir(), 'pinn-edge-frames-'));
  try {
    const args = [...flags, '-std=gnu11', level, ...WASM3_FLAGS, '-w', '-I', LIBRARY, '-isystem', wasm3Folder()];
    const output = ['-fstack-usage', '-c', unit, '-o', join(folder, 'wasm3.o')];
    const { status, stderr } = spawnSync(command, [...args, ...output], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    // file:line:column:function <tab> bytes <tab> static
    const lines = readFileSync(join(folder, 'wasm3.su'), 'utf8').trim().split('\n');
    return new Map(
      lines.map((line) => {
        const [place, bytes] = line.split('\t');
        // The library's wasm3 has names of its own (pe_wasm3_names.h).
        return [place.slice(place.lastIndexOf(':') + 1).replace(/^pe_/, ''), Number(bytes)];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function framesAt(compiler: Compiler, unit: string, level: string, tailCalls: boolean): Frames {
  const usage = stackUsage(compiler, unit, level);
  const of = (name: string) => usage.get(name) ?? 0;
  const measure = (kind: FrameClass): number => {
    if (tailCalls && !STAY.has(kind)) return 0;
    if (kind === 'call') return tailCalls ? of('op_Call') : CALL.reduce((sum, name) => sum + of(name), 0);
    if (kind === 'block') return BLOCK.reduce((sum, names) => sum + Math.max(...names.map(of)), 0);
    return [...usage].reduce((most, [name, bytes]) => (OPERATIONS[kind].test(name) ? Math.max(most, bytes) : most), 0);
  };
  return Object.fromEntries(FRAME_CLASSES.map((kind) => [kind, measure(kind)])) as Record<FrameClass, number>;
}

function largest(list: readonly Frames[]): Frames {
  return Object.fromEntries(
    FRAME_CLASSES.map((kind) => [kind, Math.max(...list.map((frames) => frames[kind]))]),
  ) as Record<FrameClass, number>;
}

function compilerOf(board: string): Compiler {
  const { compiler, flags } = loadBoard(board);
  return { command: compiler.command, flags, units: [LIBRARY_UNIT] };
}

/** Here wasm3 is also compiled file by file, into the Node addon (targets/host/build-addon.mjs). */
const host: Compiler = {
  command: 'cc',
  flags: ['-DPE_TAIL_CALLS=0', '-fno-optimize-sibling-calls', '-fPIC', '-fvisibility=hidden', '-Dd_m3HasFloat=0'],
  units: [LIBRARY_UNIT, join(wasm3Folder(), 'm3_compile.c')],
};
/** Clang for ARM makes no tail calls of operations; the headers are those of GCC's C library. */
const clangFor = (target: string, headers: string, ...flags: string[]): Compiler => ({
  command: 'clang',
  flags: [`--target=${target}`, ...flags, '-isystem', headers],
  units: [LIBRARY_UNIT],
});
const NEWLIB = '/usr/lib/arm-none-eabi/include';
const PICOLIBC = '/usr/lib/picolibc/riscv64-unknown-elf/include';
const measured = (compiler: Compiler, tailCalls: boolean) =>
  largest(compiler.units.flatMap((unit) => LEVELS.map((level) => framesAt(compiler, unit, level, tailCalls))));
const ofAll = (tailCalls: boolean, ...compilers: Compiler[]) =>
  largest(compilers.map((compiler) => measured(compiler, tailCalls)));
const isas: Record<string, Frames> = {
  'armv6-m': measured(compilerOf('cortex-m0'), false),
  'arm-clang': ofAll(
    false,
    clangFor('thumbv6m-none-eabi', NEWLIB, '-mcpu=cortex-m0'),
    clangFor('thumbv7m-none-eabi', NEWLIB, '-mcpu=cortex-m3'),
    clangFor('thumbv7em-none-eabihf', NEWLIB, '-mcpu=cortex-m4'),
    clangFor('thumbv8m.main-none-eabi', NEWLIB, '-mcpu=cortex-m33'),
  ),
  'xtensa-lx106': measured(compilerOf('xtensa'), false),
  'x86-64': measured(host, false),
};
const chips = [
  ...['cortex-m3', 'cortex-m4', 'cortex-m33', 'rv32imc'].map(compilerOf),
  clangFor('riscv32-unknown-elf', PICOLIBC, '-march=rv32imc', '-mabi=ilp32'),
];
const json = { command: 'npm run frames', isas, tailCalls: ofAll(true, ...chips), tailCalls64: measured(host, true) };
writeFileSync(join(PACKAGE_ROOT, 'compiler/code/cost/frames.json'), `${JSON.stringify(json, null, 2)}\n`);
