import { expect, test } from 'vitest';
import type { Goal } from '../../compiler/code/cost/goal.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { builtInMemory } from '../../compiler/deliver/package/store.js';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { loadModel } from '../../compiler/model/load.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { createBoardEngine } from '../../compiler/run/boards/board-engine.js';
import { loadBoard } from '../../compiler/run/boards/boards.js';
import { nativeTable } from '../../compiler/table/layout/native.js';
import { encodeTable } from '../../compiler/table/table.js';
import { BOARDS, exampleFile } from './setup.js';

/** The cost model against the board, on a network that it was not fitted to. */

const { isSkipped } = BOARDS.find(({ name }) => name === 'cortex-m4')!;

test.skipIf(isSkipped).each(['size', 'speed'] as Goal[])(
  'instructions per answer are predicted within 0.15 of what they are, for %s',
  async (goal) => {
    const board = loadBoard('cortex-m4');
    const compiled = await compile(loadModel(exampleFile('burgers'), nodeFiles), { tolerance: 3e-3, goal });
    const packaged = packageBuild(compiled, board);
    const { instructions } = createBoardEngine(board, builtInMemory(compiled, packaged)).figures();
    expect(packaged.report.instructions).toBeGreaterThan(0.85 * instructions);
    expect(packaged.report.instructions).toBeLessThan(1.15 * instructions);
    if (goal === 'speed') return;
    // The same formats as C sources.
    const lowered = { ...compiled.lowered, table: nativeTable(compiled.lowered.table, compiled.lowered.peaks) };
    const sources = {
      ...compiled,
      engine: 'c' as const,
      lowered,
      table: encodeTable(lowered.table),
      wasm: new Uint8Array(),
    };
    const native = createBoardEngine(board, builtInMemory(sources, packageBuild(sources, board))).figures();
    const estimate = packaged.report.engines!.find(({ engine }) => engine === 'c')!.instructions;
    expect(estimate).toBeGreaterThan(0.6 * native.instructions);
    expect(estimate).toBeLessThan(1.4 * native.instructions);
  },
  300_000,
);
