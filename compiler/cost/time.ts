import type { BuildEngine } from '../engines/build-engine.js';
import type { BlockTable } from '../format/table.js';
import { predictInstructions } from './instructions.js';

/**
 * About how long an answer takes on a chip: the instructions that the cost models predict, one per cycle of the target's
 * clock. No cycle is added for waiting: not for flash (STM32F4 at 168 MHz waits 5 cycles per line of flash that its
 * accelerator has not got, RM0090 section 3.5.1), caches and buses, nor for what takes several cycles by itself (on a
 * Cortex-M4 loads take two and taken branches two to four, Arm Cortex-M4 Technical Reference Manual, section 3.3.1). Only
 * cores that issue two instructions at once (Cortex-M7) may be faster; others take longer.
 */
const INSTRUCTIONS_PER_CYCLE = 1;

export interface TimeEstimate {
  /** Per answer. */
  seconds: number;
  /** Per answer, as counted on the emulated board of `isa`. */
  instructions: number;
  /** The target's own instruction set, or the nearest one of which a board is emulated. */
  isa: string;
  clockHz: number;
}

/** Instruction sets without an emulated board of their own in the cost model, and the nearest one that has it. */
const NEAREST: Readonly<Record<string, string>> = {
  'xtensa-lx6': 'xtensa-lx106',
  'xtensa-lx7': 'xtensa-lx106',
  'armv8-m.main': 'armv7e-m',
};

/** Of modules that bring their kernels along; undefined where the clock is not known (emulated boards, the host). */
export function estimateTime(
  table: BlockTable,
  engine: BuildEngine,
  target: { isa: string; clockHz?: number },
): TimeEstimate | undefined {
  const { clockHz } = target;
  // Of the kernels in C only what differs from choice to choice is predicted; `verify --on` counts them.
  if (clockHz === undefined || engine !== 'wasm3') return undefined;
  const isa = NEAREST[target.isa] ?? target.isa;
  const instructions = predictInstructions(table, isa);
  if (instructions === undefined) return undefined;
  return { seconds: instructions / INSTRUCTIONS_PER_CYCLE / clockHz, instructions, isa, clockHz };
}
