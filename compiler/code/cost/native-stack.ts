import { readPackageJson } from '../../host/package-root.js';
import { FRAME_CLASSES, type Frames, type Translation, translate } from '../asc/translate.js';

/** The native stack that a module can take on a chip: the number that the device works out when it opens it. */

/** What a chip's compiler makes of the interpreter's operations. */
export interface StackTarget {
  isa: string;
  tailCalls: boolean;
  wasm3: { codePageBytes: number };
}

const WITH_64_BITS = /^(native|x86-64)$/;

/** Frames are multiples of this, and devices count in it; `npm run format:generate` gives it to them. */
export const FRAME_UNIT_BYTES = 8;

/** Below the first operation: the frames of pe_open, with what is known of the module, and m3_Call. */
export const RUN_STACK_BYTES = 640;

/** Below the translation of a function's first block: pe_open, m3_CompileModule, and what allocates pages in the end. */
export const OPEN_STACK_BYTES = 896;

/** pe_open with the check of the module, which is over when wasm3 begins. */
export const VALIDATE_STACK_BYTES = 3840;

/** The kernels in C, with pe.walk. */
export const IMPORT_STACK_BYTES = 512;

/**
 * Of a target's stack, what is not for the library: the frames of the application and the update agent that call it, a
 * saved context of the task, and on Cortex-M an interrupt's frame.
 */
const FIRMWARE_STACK_BYTES = 1024;

/** What a target's stack leaves for the library: PE_NATIVE_STACK_BYTES of its projects. */
export function libraryStackBytes(target: { nativeStackBytes: number }): number {
  return target.nativeStackBytes - FIRMWARE_STACK_BYTES;
}

/**
 * Frames on the windowed registers of the ESP32's cores, of which no compiler is to be had as a package, so that
 * `npm run frames` cannot measure them: GCC 12.2 configured for the LX6 (-fstack-usage; -Os, -O2 and -O3 agree). What saves a
 * window lies in them (Xtensa ISA Summary, windowed register ABI), but for 16 bytes below the deepest one. Of the
 * translation the levels differ: its four functions are bounded by those of the LX106, whose frames hold the saved
 * registers that windows make unnecessary, and 16 bytes each.
 */
const WINDOWED = 'xtensa-windowed';
const WINDOWED_ISA = /^xtensa-lx[67]$/;
const WINDOWED_FRAMES: Omit<Frames, 'block'> = {
  move: 32,
  int32: 32,
  int64: 32,
  load: 48,
  store: 48,
  branch: 32,
  loop: 32,
  entry: 32,
  call: 96,
};
const NEAREST_TO_WINDOWED = 'xtensa-lx106';
const WINDOW_SAVE_BYTES = 16;
const BLOCK_FUNCTIONS = 4;

interface Measured {
  /** Of instruction sets without tail calls, by their name. */
  isas: Record<string, Frames>;
  /** With tail calls, where pointers have 32 and 64 bits. */
  tailCalls: Frames;
  tailCalls64: Frames;
}

/** Frames in bytes; `largest` are those of all instruction sets without tail calls. */
export function allFrames(): Measured & { largest: Frames } {
  const { isas, ...withTailCalls } = readPackageJson('compiler/code/cost/frames.json') as Measured;
  const block = isas[NEAREST_TO_WINDOWED].block + BLOCK_FUNCTIONS * WINDOW_SAVE_BYTES;
  const windowed = { ...WINDOWED_FRAMES, block };
  const all = { ...isas, [WINDOWED]: windowed };
  const largest = framesOf((kind) => Math.max(...Object.values(all).map((frames) => frames[kind])));
  return { isas: all, largest, ...withTailCalls };
}

function framesOf(of: (kind: keyof Frames) => number): Frames {
  return Object.fromEntries(FRAME_CLASSES.map((kind) => [kind, of(kind)])) as Record<keyof Frames, number>;
}

/** Frames by class of operation, in bytes: measured (`npm run frames`), or the largest of these for other chips. */
function framesFor({ isa, tailCalls }: StackTarget): Frames {
  const frames = allFrames();
  if (tailCalls) return isa === 'native' ? frames.tailCalls64 : frames.tailCalls;
  return frames.isas[WINDOWED_ISA.test(isa) ? WINDOWED : isa] ?? frames.largest;
}

/** The most native stack that opening and evaluating can take, and the operations that nest in it at most. */
export interface StackBound {
  operations: number;
  bytes: number;
  /** The module's own share, without the check before it. */
  moduleBytes: number;
}

/** The bound for a module that passed the device's check (asc/device.ts), on the chip of `target`. */
export function nativeStackBound(wasm: Uint8Array, target: StackTarget): StackBound {
  const operationsPerPage = operationsOnPage(target);
  const frames = framesFor(target);
  const translation = translate(wasm, { frames, operationsPerPage, importChain: IMPORT_STACK_BYTES });
  const pages = (translation.deepest + 1) * frames.branch;
  const run = RUN_STACK_BYTES + longestChain(translation) + pages;
  const open = OPEN_STACK_BYTES + (translation.deepest + 1) * frames.block;
  const each = framesOf((kind) => (kind !== 'block' && frames[kind] > 0 ? 1 : 0));
  const counted = translate(wasm, { frames: each, operationsPerPage, importChain: 1 });
  return {
    operations: longestChain(counted),
    bytes: Math.max(run, open, VALIDATE_STACK_BYTES),
    moduleBytes: Math.max(run, open),
  };
}

/** Each operation takes four words at most; the page's head takes eight, and the last eight are left. */
function operationsOnPage({ isa, wasm3 }: StackTarget): number {
  const wordBytes = WITH_64_BITS.test(isa) ? 8 : 4;
  return Math.floor((Math.floor(wasm3.codePageBytes / wordBytes) - 16) / 4);
}

/** The longest chain of what the firmware library calls, with everything that this calls; no function calls itself. */
function longestChain({ functions, exports }: Translation): number {
  const known: number[] = [];
  const of = (index: number): number =>
    (known[index] ??= functions[index].calls.reduce(
      (most, { callee, chain }) => Math.max(most, chain + of(callee)),
      functions[index].chain,
    ));
  return of(exports.get('evaluate') ?? exports.get('run')!);
}
