import type { Engine } from '../../code/engines/engine.js';
import { cFiles } from '../../deliver/package/c-files.js';
import { goldenVectors } from '../../deliver/package/golden.js';
import { buildHeader } from '../../deliver/package/header.js';
import type { LoadedBuild } from '../../deliver/package/store.js';
import { engineFor } from '../../deliver/package/target-engine.js';
import { requireValidTable } from '../../table/check.js';
import { createOracle } from '../../table/oracle/oracle.js';
import { buildCFirmware, buildFirmware } from './board-firmware.js';
import type { Board } from './boards.js';
import { type Answers, requireEqual } from './compare.js';
import { addRun, type BoardFigures } from './figures.js';
import { runFirmware } from './run.js';

/** A build on an emulated board: real firmware, compiled for the board and run under QEMU. */
export interface BoardEngine extends Engine {
  /** What it took so far; of the golden vectors when nothing was evaluated yet. */
  figures(): BoardFigures;
}

/** Far beyond what was ever measured: only a firmware that hangs is stopped. */
const LIMIT = { seconds: 60, instructionsPerMac: 1000, instructionsPerPoint: 200_000, instructionsPerSecond: 1e7 };

/**
 * The answers are compared with the oracle's, word by word; a difference is PE8004.
 *
 * @param runOn runs the firmware, or knows what it showed before: the emulators do the same every time
 */
export function createBoardEngine(board: Board, build: LoadedBuild, runOn = runFirmware): BoardEngine {
  const { report, runnable } = build;
  const table = requireValidTable(runnable.table);
  engineFor(board, report.engine);
  const golden = goldenVectors(build.model, table);
  const elf =
    report.engine === 'c'
      ? buildCFirmware(board, cFiles(report, runnable.table, golden))
      : buildFirmware(board, buildHeader(report, runnable.wasm, golden), undefined, report.engine);
  const oracle = createOracle(table);
  let figures: BoardFigures | undefined;

  const run: Engine['run'] = (inputs) => {
    const points = inputs.length / runnable.inputCount;
    const perPoint = LIMIT.instructionsPerPoint + LIMIT.instructionsPerMac * report.macs;
    const limit = LIMIT.seconds + (points * perPoint) / LIMIT.instructionsPerSecond;
    const { printed, rows } = runOn(board, elf, inputs, limit);
    figures = addRun(board.name, printed, figures);
    if (board.emulator.counts === 'cycles') figures.counts = 'cycles';
    const answers = splitRows(rows, runnable.outputCount);
    requireEqual(board, answers, oracle.run(inputs), runnable.outputCount);
    return answers;
  };
  return {
    name: board.name,
    run,
    figures: () => {
      if (!figures) run(Int32Array.from(golden.inputWords.flat()));
      return figures!;
    },
  };
}

function splitRows(rows: Int32Array, outputCount: number): Answers {
  const width = 1 + outputCount;
  const points = rows.length / width;
  const statuses = Int32Array.from({ length: points }, (_, p) => rows[p * width]);
  const outputs = new Int32Array(points * outputCount);
  for (let p = 0; p < points; p++) outputs.set(rows.subarray(p * width + 1, (p + 1) * width), p * outputCount);
  return { outputs, statuses };
}
