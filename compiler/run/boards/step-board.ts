import { cFiles } from '../../deliver/package/c-files.js';
import { goldenVectors } from '../../deliver/package/golden.js';
import { buildHeader } from '../../deliver/package/header.js';
import { stepHeader } from '../../deliver/package/step-header.js';
import type { LoadedBuild } from '../../deliver/package/store.js';
import { EXIT, PinnEdgeError } from '../../diagnostics.js';
import { statePlaces } from '../../model/state.js';
import { requireValidTable } from '../../table/check.js';
import { createOracle } from '../../table/oracle/oracle.js';
import { nextStateWord, stateWords } from '../../table/state-words.js';
import type { BlockTable } from '../../table/table.js';
import { STEP } from '../steps/rollout.js';
import { buildCFirmware, buildFirmware } from './board-firmware.js';
import type { Board } from './boards.js';
import { runFirmware } from './run.js';

/** A trajectory of a step model by pe_step in the real firmware of an emulated board. */

/** Far beyond what was ever measured: only a firmware that hangs is stopped. */
const LIMIT = { seconds: 60, instructionsPerMac: 2000, instructionsPerStep: 400_000, instructionsPerSecond: 1e7 };

export interface BoardSteps {
  board: string;
  steps: number;
  /** What the emulator counts. */
  counts: 'instructions' | 'cycles';
  /** Executed per step, and per evaluation of the same words by itself. */
  instructions: number;
  evaluationInstructions: number;
  /** Native stack below the caller. */
  stackBytes: number;
}

/**
 * @param words the input words of every step on the host, row-major [steps x inputs]; the board reads the states of the first only
 * @throws PE8004 where a word or result differs from the host's
 */
export function stepOnBoard(board: Board, build: LoadedBuild, words: Int32Array): BoardSteps {
  const { report, runnable } = build;
  const table = requireValidTable(runnable.table);
  const golden = goldenVectors(build.model, table);
  const states = stateWords(table, statePlaces(build.model));
  const elf =
    report.engine === 'c'
      ? buildCFirmware(board, cFiles(report, runnable.table, golden), 'step')
      : buildFirmware(board, buildHeader(report, runnable.wasm, golden), undefined, report.engine, {
          step: stepHeader(report, states, 'pinn_model.h'),
        });
  const steps = words.length / runnable.inputCount;
  const perStep = LIMIT.instructionsPerStep + LIMIT.instructionsPerMac * report.macs;
  const { printed, rows } = runFirmware(
    board,
    elf,
    words,
    LIMIT.seconds + (steps * perStep) / LIMIT.instructionsPerSecond,
  );
  requireRows(board, rows, expectedRows(table, states, words));
  const figure = (name: string) => printed.get(name) ?? Number.NaN;
  return {
    board: board.name,
    steps,
    counts: board.emulator.counts === 'cycles' ? 'cycles' : 'instructions',
    instructions: figure('step_instructions') / steps,
    evaluationInstructions: figure('run_instructions') / steps,
    stackBytes: figure('step_stack_bytes'),
  };
}

/** What targets/bare-metal/app-step/main.c writes: per step the result, the outputs, and all inputs after it. */
function expectedRows(table: BlockTable, states: ReturnType<typeof stateWords>, words: Int32Array): Int32Array {
  const [width, outputWidth] = [table.inputs.length, table.outputs.length];
  const { outputs, statuses } = createOracle(table).run(words);
  const steps = words.length / width;
  const row = 1 + outputWidth + width;
  const rows = new Int32Array(steps * row);
  for (let k = 0; k < steps; k++) {
    const answer = outputs.subarray(k * outputWidth, (k + 1) * outputWidth);
    const after = words.slice(k * width, (k + 1) * width);
    let result: number = statuses[k] === 0 ? STEP.ok : STEP.clamped;
    for (const state of states) {
      const { word, isOutside } = nextStateWord(answer[state.output], state);
      after[state.input] = word;
      if (isOutside) result = STEP.left;
    }
    rows.set([result, ...answer, ...after], k * row);
  }
  return rows;
}

function requireRows(board: Board, there: Int32Array, here: Int32Array): void {
  const at = here.findIndex((word, i) => word !== there[i]);
  if (at < 0 && there.length === here.length) return;
  const place = {
    what: `word ${at} of the trajectory`,
    point: 0,
    found: String(there[at]),
    wanted: here[at] ?? 'none',
  };
  const { command } = board.compiler;
  throw new PinnEdgeError('PE8004', { board: board.name, compiler: command, ...place }, EXIT.checkFailed);
}
