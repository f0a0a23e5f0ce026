import { expect, test } from 'vitest';
import { cFiles } from '../../compiler/deliver/package/c-files.js';
import { goldenVectors } from '../../compiler/deliver/package/golden.js';
import { buildCFirmware } from '../../compiler/run/boards/board-firmware.js';
import { fitOnBoard } from '../../compiler/run/boards/fit-board.js';
import { runFirmware } from '../../compiler/run/boards/run.js';
import { fitBuild } from '../../compiler/run/fit/fit.js';
import { jobNumbers, type Measurement } from '../../compiler/run/fit/job.js';
import { requireValidTable } from '../../compiler/table/check.js';
import { fitted } from '../fit/helpers.js';
import { BOARDS } from './setup.js';

/** Fits on every board: each bit of estimates and covariances as on the host. */

const { build } = await fitted(['a', 'b']);
const free = ['a', 'b'];
const measured = Array.from({ length: 16 }, (_, k): Measurement => {
  const x = -0.9 + 0.12 * k;
  return { inputs: [x, 0, 0, 0.5], output: 'y', value: Math.tanh(2.6 * x + 0.2) + 0.01 * Math.cos(9 * k), sigma: 0.02 };
});

/** Bytes beyond the model where it is more than 1 kB: 16 registers to save. */
const RAM: Record<string, number> = { rv32imc: 1072 };

for (const { name, board, isSkipped } of BOARDS) {
  test.skipIf(isSkipped || name === 'xtensa')(
    `${name}: a fit, a filter and a refusal`,
    async () => {
      for (const settings of [{ free }, { free, filter: true, process: { b: 0.01 } }, { free, maxIterations: 1 }]) {
        const here = await fitBuild(build, measured, settings);
        const figures = fitOnBoard(board, build, jobNumbers(build.report, measured, settings), here.numbers);
        expect(figures.iterations).toBe(here.iterations);
        expect(figures.memoryBytes + figures.stackBytes).toBeLessThanOrEqual(RAM[name] ?? 1024);
      }
    },
    120_000,
  );
}

const { board, isSkipped } = BOARDS.find(({ name }) => name === 'cortex-m4')!;

test('xtensa has no doubles to fit with, which is said', async () => {
  const xtensa = BOARDS.find(({ name }) => name === 'xtensa')!.board;
  const { numbers } = await fitBuild(build, measured, { free });
  expect(() => fitOnBoard(xtensa, build, numbers, numbers)).toThrow('the chip has doubles in its ROM');
});

test.skipIf(isSkipped)('a bit that differs is found', async () => {
  const { numbers } = await fitBuild(build, measured, { free });
  const job = jobNumbers(build.report, measured, { free });
  const wrong = numbers.slice();
  new Uint8Array(wrong.buffer)[8 * 9] ^= 1;
  expect(() => fitOnBoard(board, build, job, wrong)).toThrow('disagree');
});

test.skipIf(isSkipped)('a job that is cut off is refused', () => {
  const golden = goldenVectors(build.model, requireValidTable(build.runnable.table));
  const elf = buildCFirmware(board, cFiles(build.report, build.runnable.table, golden), 'fit');
  expect(() => runFirmware(board, elf, new Int32Array(0), 60)).toThrow('inputs.bin holds no job');
});
