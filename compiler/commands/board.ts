import { loadBoard } from '../boards/boards.js';
import { type BoardEngine, createBoardEngine } from '../boards/engine.js';
import type { BoardFigures } from '../boards/figures.js';
import { PinnEdgeError } from '../diagnostics.js';
import type { LoadedBuild } from '../package/store.js';
import { bytes, count, writeNote } from './output.js';

/** The option --on of simulate and verify. */

export const ON_HELP =
  'run real firmware on an emulated board: cortex-m0, -m3, -m4, -m7, -m33, rv32imc, xtensa, rp2040';

export function boardFor(build: LoadedBuild, options: { on?: string; engine?: string }): BoardEngine | undefined {
  if (options.on === undefined) return undefined;
  if (options.engine !== undefined) {
    throw new PinnEdgeError('PE3005', { option: '--on and --engine', reason: 'give one of them, not both' });
  }
  const board = loadBoard(options.on);
  writeNote(`compiling firmware for ${board.name} and running it under ${board.emulator.command.split(' ')[0]}`);
  return createBoardEngine(board, build);
}

/** What a run took, in lines like those of `build`. */
export function boardNote(figures: BoardFigures): string {
  const rows = figures.bufferBytes > 0 ? rowsOfC(figures) : rowsOfWasm3(figures);
  return rows.map(([name, text]) => `  ${name.padEnd(10)}${text}`).join('\n');
}

function rowsOfWasm3(figures: BoardFigures): [string, string][] {
  return [
    ['board', `${figures.board}, emulated; every word as on the host (${count(figures.points)} points)`],
    [
      'speed',
      `${count(Math.round(figures.instructions))} ${figures.counts ?? 'instructions'} per answer, ${count(figures.openInstructions)} to start`,
    ],
    ['flash', `${bytes(figures.flashBytes)}: module, firmware library, wasm3 and the test program`],
    [
      'RAM',
      `${bytes(figures.memoryBytes)} module memory, ${bytes(figures.heapBytes)} wasm3 heap (${bytes(figures.codeBytes)} translated code), ${bytes(figures.ramBytes)} with variables and stack`,
    ],
    ['stack', `${bytes(figures.openStackBytes)} to start, ${bytes(figures.runStackBytes)} to answer`],
  ];
}

function rowsOfC(figures: BoardFigures): [string, string][] {
  return [
    ['board', `${figures.board}, emulated; every word as on the host (${count(figures.points)} points)`],
    ['speed', `${count(Math.round(figures.instructions))} ${figures.counts ?? 'instructions'} per answer`],
    ['flash', `${bytes(figures.flashBytes)}: weights, tables, kernels and the test program`],
    ['RAM', `${bytes(figures.bufferBytes)} of buffers, nothing on the heap`],
    ['stack', `${bytes(figures.runStackBytes)}`],
  ];
}
