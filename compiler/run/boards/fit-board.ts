import { hasDoubles } from '../../deliver/package/build-files.js';
import { cFiles } from '../../deliver/package/c-files.js';
import { goldenVectors } from '../../deliver/package/golden.js';
import type { LoadedBuild } from '../../deliver/package/store.js';
import { EXIT, PinnEdgeError } from '../../diagnostics.js';
import { requireValidTable } from '../../table/check.js';
import { buildCFirmware } from './board-firmware.js';
import type { Board } from './boards.js';
import { runFirmware } from './run.js';

/** A fit by the real firmware of an emulated board. */

const LIMIT_SECONDS = 600;

export interface BoardFit {
  board: string;
  /** Executed by the whole fit, evaluations included. */
  instructions: number;
  iterations: number;
  /** Native stack below the caller. */
  stackBytes: number;
  /** The array that the caller gives. */
  memoryBytes: number;
}

/**
 * @param job as of {@link jobNumbers}; @param wanted the host's answer
 * @throws PE8004 where a bit differs; PE9201 for a build that is no `c` build
 */
export function fitOnBoard(board: Board, build: LoadedBuild, job: Float64Array, wanted: Float64Array): BoardFit {
  const { report, runnable, model } = build;
  if (report.engine !== 'c') {
    const reason = 'fits run on emulated boards for builds of --engine c';
    throw new PinnEdgeError('PE3005', { option: `--on ${board.name}`, reason });
  }
  if (!hasDoubles(board)) {
    const why =
      board.doubleBits === 32
        ? 'its doubles have 32 bits'
        : 'the chip has doubles in its ROM, which the emulator lacks';
    const reason = `${why}; another board gives the same bits`;
    throw new PinnEdgeError('PE3005', { option: `--on ${board.name}`, reason });
  }
  const golden = goldenVectors(model, requireValidTable(runnable.table));
  const elf = buildCFirmware(board, cFiles(report, runnable.table, golden), 'fit');
  const words = new Int32Array(job.slice().buffer);
  const { printed, rows } = runFirmware(board, elf, words, LIMIT_SECONDS);
  const there = rows.slice();
  const here = new Int32Array(wanted.slice().buffer);
  const at = here.findIndex((word, i) => word !== there[i]);
  if (at >= 0 || there.length !== here.length) {
    const place = { what: `word ${at} of the fit`, point: 0, found: String(there[at]), wanted: here[at] };
    throw new PinnEdgeError(
      'PE8004',
      { board: board.name, compiler: board.compiler.command, ...place },
      EXIT.checkFailed,
    );
  }
  const figure = (name: string) => printed.get(name) ?? Number.NaN;
  return {
    board: board.name,
    instructions: figure('fit_instructions'),
    iterations: figure('fit_iterations'),
    stackBytes: figure('fit_stack_bytes'),
    memoryBytes: figure('fit_memory_bytes'),
  };
}
