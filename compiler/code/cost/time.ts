import type { PredictedInstructions } from './instructions.js';

/**
 * About how long an answer takes on a chip: the instructions that the cost models predict, one per cycle of the target's
 * clock. No cycle is added for waiting: not for flash (STM32F4 at 168 MHz waits 5 cycles per line of flash that its
 * accelerator has not got, RM0090 section 3.5.1), caches and buses, nor for what takes several cycles by itself (on a
 * Cortex-M4 loads take two and taken branches two to four, Arm Cortex-M4 Technical Reference Manual, section 3.3.1). Only
 * cores that issue two instructions at once (Cortex-M7) may be faster; others take longer.
 */
const INSTRUCTIONS_PER_CYCLE = 1;

export interface TimeEstimate extends PredictedInstructions {
  /** Per answer. */
  seconds: number;
  clockHz: number;
}

/**
 * Of modules that bring their kernels along: of the kernels in C only what differs from choice to choice is predicted, and
 * `verify --on` counts them.
 */
export function estimateTime({ instructions, isa }: PredictedInstructions, clockHz: number): TimeEstimate {
  return { seconds: instructions / INSTRUCTIONS_PER_CYCLE / clockHz, instructions, isa, clockHz };
}
