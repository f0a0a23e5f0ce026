import { TABLE_ADDRESS } from './asc/limits.js';

/**
 *     linear memory
 *     +-------------+ TABLE_ADDRESS
 *     | block table |
 *     +-------------+ aligned to 8
 *     | arena       | zero at start: input words, output words, values
 *     +-------------+ aligned to 8: the exact limit to give wasm3
 */

const align = (bytes: number) => Math.ceil(bytes / 8) * 8;

/** Address of the arena of a module whose block table takes `tableBytes`. */
export function arenaAddress(tableBytes: number): number {
  return TABLE_ADDRESS + align(tableBytes);
}

/** Bytes of linear memory that a module touches; `tableBytes` is 0 where its table lies in the firmware's flash. */
export function linearMemoryBytes(tableBytes: number, arenaBytes: number): number {
  return arenaAddress(tableBytes) + align(arenaBytes);
}
