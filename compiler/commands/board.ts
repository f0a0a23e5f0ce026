import type { LoadedBuild } from '../deliver/package/store.js';
import { PinnEdgeError } from '../diagnostics.js';
import { type BoardEngine, createBoardEngine } from '../run/boards/board-engine.js';
import { loadBoard } from '../run/boards/boards.js';
import type { BoardFigures } from '../run/boards/figures.js';
import { bytes, count, writeNote } from './output.js';

/** The option --on of simulate and verify. */

export const ON_HELP =
  'run real firmware on an emulated board: cortex-m0, -m3, -m4, -m7, -m33, rv32imc, xtensa, rp2040, arduino-uno';

export function boardFor(build: LoadedBuild, options: { on?: string; engine?: string }): BoardEngine | undefined {
  if (options.on === undefined) return undefined;
  if (options.engine !== undefined) {
    throw new PinnEdgeError('PE3005', { option: '--on and --engine', reason: 'give one of them, not both' });
  }
  const board = loadBoard(options.on);
  writeNote(`compiling firmware for ${board.name} and running it under ${board.emulator.command.split(' ')[0]}`);
  return inParts(createBoardEngine(board, build), build.report.inputs.length);
}

/** Points of the first part; those after it take about so many seconds each. */
const FIRST_PART = 256;
const PART_SECONDS = 5;
const NOTE_SECONDS = 10;

/** The same engine, which takes many points in parts and says every ten seconds how far it is. */
export function inParts(
  engine: BoardEngine,
  inputCount: number,
  note = writeNote,
  clock = () => performance.now() / 1000,
): BoardEngine {
  const begun = clock();
  let noted = begun;
  let done = 0;
  let part = FIRST_PART;
  const run: BoardEngine['run'] = (inputs) => {
    const points = inputs.length / inputCount;
    const outputs: number[] = [];
    const statuses: number[] = [];
    for (let at = 0; at < points; ) {
      const start = clock();
      const n = Math.min(part, points - at);
      const answers = engine.run(inputs.subarray(at * inputCount, (at + n) * inputCount));
      for (const word of answers.outputs) outputs.push(word);
      for (let p = 0; p < n; p++) statuses.push(answers.statuses[p]);
      at += n;
      done += n;
      const now = clock();
      if (n === part) part = Math.max(1, Math.round(n * Math.min(4, PART_SECONDS / Math.max(now - start, 1e-3))));
      if (now - noted < NOTE_SECONDS) continue;
      noted = now;
      const left = at < points ? `, ${count(points - at)} to go before the next step` : '';
      note(`  ${engine.name}  ${Math.round(now - begun)} s, ${count(done)} points${left}`);
    }
    return { outputs: Int32Array.from(outputs), statuses };
  };
  return { ...engine, run };
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
