import type { StatePlace } from '../model/state.js';
import type { BlockTable } from './table.js';

/**
 * From the word of a next state to the word of the state: both count powers of two of one unit, so that a shift is all.
 *
 *     word = the nearest integer to next * 2^-shift, halves upwards, held to the words [min, max] of the input
 *
 * The same integers as pe_step of the firmware library (targets/common/pe_step.c).
 */
export interface StateWord extends StatePlace {
  /** Exponent of the output less that of the input; below 0 the shift goes to the left. */
  shift: number;
  /** The range of the input, in words. */
  min: number;
  max: number;
}

/** Words are of 32 bits: further apart, one of the two would have no bit of the other. */
const MAX_SHIFT = 31;

export function stateWords({ inputs, outputs }: BlockTable, places: readonly StatePlace[]): StateWord[] {
  return places.map(({ input, output }) => {
    const { min, max, exponent } = inputs[input];
    const shift = outputs[output].exponent - exponent;
    if (Math.abs(shift) > MAX_SHIFT) throw new Error(`the formats of state ${input} are ${shift} bits apart`);
    return { input, output, shift, min, max };
  });
}

/** @returns the word of the state, within its range, and whether it had to be moved there */
export function nextStateWord(next: number, { shift, min, max }: StateWord): { word: number; isOutside: boolean } {
  // Exact: doubles have 53 bits, and powers of two only move them.
  const half = shift > 0 ? 2 ** (shift - 1) : 0;
  const word = Math.floor((next + half) * 2 ** -shift);
  const held = Math.min(max, Math.max(min, word));
  return { word: held, isOutside: held !== word };
}
