import { readPackageJson } from '../package-root.js';
import { FRAME_CLASSES, type Frames, longestChain } from './op-chain.js';

/** What a chip's compiler makes of the interpreter's operations. */
export interface StackTarget {
  isa: string;
  tailCalls: boolean;
}

/**
 * Windowed frames of the ESP32's cores, for which no compiler is to be had as a package: never less than 32 bytes
 * (16 to save registers below, 16 for the callee's), and those of the LX106 on top of that (Xtensa ISA Reference Manual,
 * windowed register option).
 */
const WINDOWED_ISA = 'xtensa-lx6';
const WINDOWED_BASE_BYTES = 32;
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
  const known = isa === WINDOWED_ISA ? [isas[NEAREST_TO_WINDOWED]] : Object.values(isas);
  const base = isa === WINDOWED_ISA ? WINDOWED_BASE_BYTES : 0;
  const largest = FRAME_CLASSES.map((kind) => [kind, base + Math.max(...known.map((frames) => frames[kind]))]);
  return Object.fromEntries(largest) as Record<keyof Frames, number>;
}

/** The most native stack that an evaluation can take, in operations that nest and in bytes. */
export interface StackBound {
  operations: number;
  bytes: number;
}

export function nativeStackBound(wasm: Uint8Array, target: StackTarget): StackBound {
  const { operations, bytes } = longestChain(wasm, 'run', framesFor(target));
  return { operations, bytes: bytes + BELOW_FIRST_OPERATION_BYTES };
}
