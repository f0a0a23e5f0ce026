import { expect, test } from 'vitest';
import type { Goal } from '../../compiler/code/cost/goal.js';
import { predictNative } from '../../compiler/code/cost/native-instructions.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { builtInMemory } from '../../compiler/deliver/package/store.js';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { loadModel } from '../../compiler/model/load.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { createBoardEngine } from '../../compiler/run/boards/board-engine.js';
import { loadBoard } from '../../compiler/run/boards/boards.js';
import { nativeTable } from '../../compiler/table/layout/native.js';
import { encodeTable } from '../../compiler/table/table.js';
import { modelFrom, randoms, tensor } from '../helpers/models.js';
import { BOARDS, exampleFile } from './setup.js';

/** The cost models against the board, on a network and splines that they were not fitted to. */

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

test.skipIf(isSkipped).each([
  [4, [12], 2],
  [2, [6, 5], 1],
  [3, [8, 8], 2],
])(
  'instructions of a spline of degree %d, segments %j and %d outputs in C are predicted within 0.3',
  async (degree, segments, width) => {
    const names = segments.map((_, k) => `x${k}`);
    const model = modelFrom({
      format: 'pinn-edge/1',
      name: 'spline',
      inputs: names.map((name) => ({ name, min: -1, max: 1 })),
      nodes: [
        { name: 's', op: 'spline', inputs: names, coefficients: 'c', degree, ranges: segments.map(() => [-1, 1]) },
      ],
      outputs: Array.from({ length: width }, (_, index) => ({ name: `u${index}`, value: 's', index })),
      tensors: { c: tensor([width, ...segments.map((n) => n + degree)], randoms(1), 1) },
    });
    const board = loadBoard('cortex-m4');
    const compiled = await compile(model, { tolerance: 1e-3, engine: 'c', isa: board.isa });
    const { instructions } = createBoardEngine(board, builtInMemory(compiled, packageBuild(compiled, board))).figures();
    const predicted = predictNative(compiled.lowered.table, board.isa);
    expect(predicted).toBeGreaterThan(0.7 * instructions);
    expect(predicted).toBeLessThan(1.3 * instructions);
  },
);
