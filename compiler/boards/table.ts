import { type BlockTable, encodeTable } from '../format/table.js';
import { createOracle } from '../oracle/oracle.js';
import { cTableFiles } from '../package/c-files.js';
import type { Board } from './boards.js';
import { requireEqual } from './compare.js';
import { addRun, type BoardFigures } from './figures.js';
import { buildCFirmware } from './firmware.js';
import { runFirmware } from './run.js';

const LIMIT_SECONDS = 300;

/**
 * Runs a bare block table, without a model around it, on an emulated board by the kernels in C, as a `c` build would.
 * The answers are compared with the oracle's, word by word; a difference is PE8004.
 *
 * @param inputs row-major [points x inputs]
 */
export function runTableOnBoard(board: Board, table: BlockTable, inputs: Int32Array): BoardFigures {
  const word = (name: string) => (format: { exponent: number }, i: number) => ({ ...format, name: `${name}${i}` });
  const model = {
    name: 'table',
    provenance: 'a bare block table',
    inputs: table.inputs.map((input, i) => ({ ...word('x')(input, i), min: input.min, max: input.max })),
    outputs: table.outputs.map((output, i) => ({ ...word('y')(output, i), scale: 1, offset: 0 })),
  };
  const answers = createOracle(table).run(inputs);
  const width = table.outputs.length;
  const golden = {
    inputWords: [Array.from(inputs.subarray(0, table.inputs.length))],
    outputWords: [Array.from(answers.outputs.subarray(0, width))],
  };
  const elf = buildCFirmware(board, cTableFiles(model, encodeTable(table), golden));
  const { printed, rows } = runFirmware(board, elf, inputs, LIMIT_SECONDS);
  const statuses = Int32Array.from({ length: rows.length / (1 + width) }, (_, p) => rows[p * (1 + width)]);
  const outputs = rows.filter((_, i) => i % (1 + width) !== 0);
  requireEqual(board, { outputs, statuses }, answers, width);
  return addRun(board.name, printed);
}
