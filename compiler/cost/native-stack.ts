import { readPackageJson } from '../package-root.js';
import { FRAME_CLASSES, type Frames, longestChain } from './op-chain.js';

/** What a chip's compiler makes of the interpreter's operations. */
export interface StackTarget {
  isa: string;
  tailCalls: boolean;
}

/**
 * Windowed frames of the ESP32's cores, for which no compiler is to be had as a package: 32 bytes at least, of which 16
 * save registers of the window before (Xtensa ISA Summary, windowed register ABI). The LX106's frames hold the saved
 * registers that windows make unnecessary, so theirs and 16 bytes bound them.
 */
const WINDOWED_ISA = /^xtensa-lx[67]$/;
const WINDOWED_LEAST_BYTES = 32;
const WINDOW_SAVE_BYTES = 16;
const NEAREST_TO_WINDOWED = 'xtensa-lx106';

/** Only loops and calls of functions nest where there are tail calls; the frames of the largest, op_Loop and op_Call. */
const WITH_TAIL_CALLS: Frames = {
  ...(Object.fromEntries(FRAME_CLASSES.map((kind) => [kind, 0])) as Record<keyof Frames, number>),
  loop: 64,
  call: 64,
};

/** Frames below the first operation: the application's call, the firmware library and m3_Call. */
const BELOW_FIRST_OPERATION_BYTES = 512;

/** Frames by class of operation, as `npm run calibrate` measured them or, for other chips, the largest of these. */
export function framesFor({ isa, tailCalls }: StackTarget): Frames {
  if (tailCalls) return WITH_TAIL_CALLS;
  const { isas } = readPackageJson('compiler/cost/frames.json') as { isas: Record<string, Frames> };
  if (isas[isa]) return isas[isa];
  const windowed = (bytes: number) => Math.max(WINDOWED_LEAST_BYTES, bytes + WINDOW_SAVE_BYTES);
  const largest = (kind: keyof Frames) => Math.max(...Object.values(isas).map((frames) => frames[kind]));
  const frames = FRAME_CLASSES.map((kind) => [
    kind,
    WINDOWED_ISA.test(isa) ? windowed(isas[NEAREST_TO_WINDOWED][kind]) : largest(kind),
  ]);
  return Object.fromEntries(frames) as Record<keyof Frames, number>;
}

/** The most native stack that an evaluation can take, in operations that nest and in bytes. */
export interface StackBound {
  operations: number;
  bytes: number;
}

export function nativeStackBound(wasm: Uint8Array, target: StackTarget): StackBound {
  const { operations, bytes } = longestChain(wasm, ['evaluate', 'run'], framesFor(target));
  return { operations, bytes: bytes + BELOW_FIRST_OPERATION_BYTES };
}
