import type { StepModule } from '../../compress/integer-training/device/step-module.js';
import { modelHeader } from '../../deliver/package/header.js';
import { requireWasm3 } from '../../deliver/package/target-engine.js';
import { PinnEdgeError } from '../../diagnostics.js';
import { buildFirmware } from './board-firmware.js';
import type { Board } from './boards.js';
import { addRun } from './figures.js';
import { runFirmware } from './run.js';

/** Training by the real firmware of an emulated board, which runs the module of a step as it runs a model. */

export interface BoardTraining {
  board: string;
  /** The module's output words after each step, row-major [steps x outputs]. */
  words: Int32Array;
  /** Executed instructions of a step, on the average. */
  instructions: number;
  /** All RAM: linear memory, what wasm3 took, variables and native stack. */
  ramBytes: number;
  memoryBytes: number;
  heapBytes: number;
  stackBytes: number;
  flashBytes: number;
}

/** What wasm3 may take on a chip with 4-byte pointers for the step's module; what it took is in the figures. */
const HEAP_BYTES = 32 * 1024;

/** @param limitSeconds the emulator is stopped after that time; @throws PE9203 for a board without wasm3 */
export function trainOnBoard(board: Board, module: StepModule, steps: number, limitSeconds = 600): BoardTraining {
  requireWasm3(board, 'wasm3');
  const word = { min: 0, max: 2, exponent: 0 };
  const outputs = Array.from({ length: module.outputs }, (_, i) => ({
    name: `word${i}`,
    exponent: 0,
    scale: 1,
    offset: 0,
    largest: 0,
  }));
  const header = modelHeader({
    name: 'training',
    payload: module.wasm,
    identity: module.identity,
    memoryBytes: module.memoryBytes,
    stackBytes: board.wasm3.stackBytes,
    heapBytes: HEAP_BYTES,
    inputs: [{ name: 'steps', ...word }],
    outputs,
    golden: { inputWords: new Int32Array(0), outputWords: new Int32Array(0), count: 0 },
    provenance: "a training step on Poisson's equation",
  });
  const elf = buildFirmware(board, header);
  const { printed, rows } = runFirmware(board, elf, new Int32Array(steps).fill(1), limitSeconds);
  const width = 1 + module.outputs;
  const failed = Array.from({ length: steps }, (_, s) => rows[s * width]).find((status) => status !== 0);
  if (failed !== undefined || rows.length !== steps * width) {
    throw new PinnEdgeError('PE8003', { board: board.name, reason: `a step ended with ${failed ?? 'no answer'}` });
  }
  const figures = addRun(board.name, printed);
  return {
    board: board.name,
    words: rows.filter((_, i) => i % width !== 0),
    instructions: figures.instructions,
    ramBytes: figures.staticBytes + figures.memoryBytes + figures.heapBytes + figures.stackBytes,
    memoryBytes: figures.memoryBytes,
    heapBytes: figures.heapBytes,
    stackBytes: figures.stackBytes,
    flashBytes: figures.flashBytes,
  };
}
