import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hex32 } from '../../code/c-text.js';
import { cTableFiles } from '../../deliver/package/c-files.js';
import { TABLE_FILES } from '../../deliver/package/firmware-files.js';
import { PACKAGE_ROOT } from '../../host/package-root.js';
import { createOracle } from '../../table/oracle/oracle.js';
import { type BlockTable, encodeTable } from '../../table/table.js';
import { buildCFirmware } from './board-firmware.js';
import type { Board } from './boards.js';
import { requireEqual } from './compare.js';
import { addRun, type BoardFigures } from './figures.js';
import { runFirmware } from './run.js';

const LIMIT_SECONDS = 300;

const KERNEL_FILES = ['pe_format.gen.h', ...TABLE_FILES.filter((name) => name.startsWith('pe_kernels'))];

/**
 * Runs a bare block table, without a model around it, on an emulated board by the kernels in C. The answers are compared
 * with the oracle's, word by word; a difference is PE8004.
 *
 * @param inputs row-major [points x inputs]
 * @param way `compiled`: kernels made for its records, as in a `c` build; `walked`: the library's, which read the table
 */
export function runTableOnBoard(
  board: Board,
  table: BlockTable,
  inputs: Int32Array,
  way: 'compiled' | 'walked' = 'compiled',
): BoardFigures {
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
  const sources = cTableFiles(model, encodeTable(table), golden);
  if (way === 'walked') {
    sources.set('model.c', walkingSource(table));
    for (const name of KERNEL_FILES) {
      sources.set(name, readFileSync(join(PACKAGE_ROOT, 'targets', 'common', name), 'utf8'));
    }
  }
  const elf = buildCFirmware(board, sources);
  const { printed, rows } = runFirmware(board, elf, inputs, LIMIT_SECONDS);
  const statuses = Int32Array.from({ length: rows.length / (1 + width) }, (_, p) => rows[p * (1 + width)]);
  const outputs = rows.filter((_, i) => i % (1 + width) !== 0);
  requireEqual(board, { outputs, statuses }, answers, width);
  return addRun(board.name, printed);
}

/** Instead of a model's own code: its table as data for the library's kernels. */
function walkingSource(table: BlockTable): string {
  const words = new Int32Array(encodeTable(table).slice().buffer);
  return `#include "model.h"

#include <string.h>

#include "pe_kernels.h"

static const uint32_t table[] = {${Array.from(words, hex32).join(', ')}};
static uint32_t arena[PINN_MODEL_ARENA_WORDS];

int pinn_model_run_words(const int32_t *inputs, int32_t *outputs) {
  memcpy(arena, inputs, PINN_MODEL_INPUT_COUNT * sizeof(int32_t));
  const uint32_t status = pe_walk(table, arena);
  memcpy(outputs, arena + PINN_MODEL_INPUT_COUNT, PINN_MODEL_OUTPUT_COUNT * sizeof(int32_t));
  return (int)status;
}
`;
}
