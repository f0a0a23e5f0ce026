import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadBoard } from '../../compiler/boards/boards.js';
import { createBoardEngine } from '../../compiler/boards/engine.js';
import type { Goal } from '../../compiler/cost/goal.js';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { LARGEST_KERNELS, type LayoutOptions, SHALLOW_KERNELS } from '../../compiler/lower/layout.js';
import { loadModel } from '../../compiler/model/load.js';
import { packageBuild } from '../../compiler/package/build-files.js';
import { loadBuild, writeBuild } from '../../compiler/package/store.js';
import { compile } from '../../compiler/pipeline.js';
import { temporaryFolder } from '../helpers/cli.js';
import { BOARDS } from './setup.js';

/** The bound of the native stack, from the module alone, against what the stack really takes without tail calls. */

const folder = temporaryFolder();
const CASES: [string, Goal, LayoutOptions][] = [
  ['size', 'size', SHALLOW_KERNELS],
  ['speed, shallow kernels', 'speed', SHALLOW_KERNELS],
  ['speed, the largest kernels', 'speed', LARGEST_KERNELS],
];

describe.each(['xtensa', 'cortex-m0'])('%s', (name) => {
  const { isSkipped } = BOARDS.find((board) => board.name === name)!;
  test.skipIf(isSkipped)(
    'takes no more than the bound, and at least two fifths of it',
    async () => {
      const model = loadModel(join(PACKAGE_ROOT, 'examples/front/model.json'), nodeFiles);
      for (const [title, goal, kernels] of CASES) {
        const compiled = await compile(model, { tolerance: 3e-3, goal, kernels });
        const board = loadBoard(name);
        const out = join(folder, `${name}-${title}`);
        writeBuild(out, packageBuild(compiled, board).files);
        const build = loadBuild(out);
        const { stackBytes } = createBoardEngine(board, build).figures();
        expect(build.report.nativeStackBytes, title).toBeGreaterThanOrEqual(stackBytes);
        expect(build.report.nativeStackBytes, title).toBeLessThanOrEqual(2.5 * stackBytes);
      }
    },
    300_000,
  );
});
