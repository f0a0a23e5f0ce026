import { beforeAll, describe, expect, test } from 'vitest';
import type { Goal } from '../../compiler/code/cost/goal.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { builtInMemory } from '../../compiler/deliver/package/store.js';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { loadModel } from '../../compiler/model/load.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { createBoardEngine } from '../../compiler/run/boards/board-engine.js';
import { type KernelLimits, LARGEST_KERNELS, SHALLOW_KERNELS } from '../../compiler/table/layout/interpreter.js';
import { BOARDS, exampleFile } from './setup.js';

/** The bound of the native stack, from the module alone, against what the stack really takes without tail calls. */

const CASES: [string, Goal, KernelLimits][] = [
  ['size', 'size', SHALLOW_KERNELS],
  ['speed, shallow kernels', 'speed', SHALLOW_KERNELS],
  ['speed, the largest kernels', 'speed', LARGEST_KERNELS],
];
const CHOSEN = BOARDS.filter(({ name }) => ['xtensa', 'cortex-m0'].includes(name));

describe.each(CASES)('for %s', (_title, goal, kernels) => {
  let compiled: CompiledModel;

  beforeAll(async () => {
    if (CHOSEN.every(({ isSkipped }) => isSkipped)) return;
    compiled = await compile(loadModel(exampleFile('front'), nodeFiles), { tolerance: 3e-3, goal, kernels });
  }, 300_000);

  for (const { name, board, isSkipped } of CHOSEN) {
    test.skipIf(isSkipped)(`${name} takes no more than the bound, and at least two fifths of it`, () => {
      const build = builtInMemory(compiled, packageBuild(compiled, board));
      const { stackBytes } = createBoardEngine(board, build).figures();
      expect(build.report.nativeStackBytes).toBeGreaterThanOrEqual(stackBytes);
      expect(build.report.nativeStackBytes).toBeLessThanOrEqual(2.5 * stackBytes);
    });
  }
});
