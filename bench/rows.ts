import type { Goal } from '../compiler/code/cost/goal.js';
import type { BoardFigures } from '../compiler/run/boards/figures.js';

/** One measurement: an example, how it was built, the engine that ran it, and where. */
export interface Row {
  example: string;
  /** An engine of pinn-edge, or the name of a rival. */
  engine: string;
  /** An emulated board, or `host`. */
  board: string;
  compressed: boolean;
  /** Largest error that the build may have, relative to the largest output; null for rivals, which promise nothing. */
  tolerance: number | null;
  /** What the build preferred (`--for`); null where there is no choice. */
  goal: Goal | null;
  /** Executed instructions per answer; null on the host, where only time is measured. */
  instructions: number | null;
  /** Bytes that the model adds to a firmware: code, libraries, interpreter, weights. */
  flash: number | null;
  /** Bytes of RAM altogether: variables, heap with the module's memory, and native stack. */
  ram: number | null;
  /** Of it, what is allocated at start, besides the module's own memory. */
  heap: number | null;
  /** Native stack. */
  stack: number | null;
  /** Largest error over the input box divided by the largest output. */
  maxRelative: number;
  /** Instructions until the first answer is there: loading, checking, translating, and that answer. */
  start: number | null;
  /** Multiply-accumulates per answer. */
  macs: number | null;
  /** Bytes of weights, function tables and block table. */
  modelBytes: number | null;
  /** Processor time per answer on the host, the fastest of several rounds. */
  microseconds: number | null;
}

export const HOST = 'host';

export function isRival(row: Row): boolean {
  return row.tolerance === null;
}

/** What the boards count, without what the harness takes by itself. */
export function boardFields(
  figures: BoardFigures,
  harness: { flash: number; static: number },
): Pick<Row, 'instructions' | 'flash' | 'ram' | 'heap' | 'stack' | 'start' | 'microseconds'> {
  return {
    instructions: Math.round(figures.instructions),
    flash: figures.flashBytes - harness.flash,
    ram: figures.ramBytes - harness.static,
    heap: figures.heapBytes,
    stack: figures.stackBytes,
    start: Math.round(figures.openInstructions),
    microseconds: null,
  };
}
