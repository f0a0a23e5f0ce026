import { beforeAll, describe, expect, test } from 'vitest';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { builtInMemory, type LoadedBuild } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { loadModel } from '../../compiler/model/load.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { createBoardEngine } from '../../compiler/run/boards/board-engine.js';
import { RP2040JS } from '../../compiler/run/boards/rp2040.js';
import { BOARDS, EXAMPLES, exampleFile } from '../boards/setup.js';

/**
 * Modules whose kernels the firmware brings: every example's golden vectors on every emulated board. (wasm3 alone:
 * test/boards/examples.test.ts; the engine `c`: c-engine.test.ts.)
 */

const builds = new Map<string, LoadedBuild>();

// rp2040js is slow: it has tests of its own.
const EMULATED = BOARDS.filter(({ board }) => board.emulator.command !== RP2040JS);

beforeAll(async () => {
  if (EMULATED.every(({ isSkipped }) => isSkipped)) return;
  for (const name of EXAMPLES) {
    const options = { tolerance: 1e-3, engine: 'wasm3+native' } as const;
    const compiled = await compile(loadModel(exampleFile(name), nodeFiles), options);
    builds.set(name, builtInMemory(compiled, packageBuild(compiled, loadTarget('cortex-m0'))));
  }
}, 300_000);

describe.each(EMULATED)('$name', ({ board, isSkipped }) => {
  test.skipIf(isSkipped).each(EXAMPLES)('%s: golden vectors bit for bit', (name) => {
    const build = builds.get(name)!;
    // The engine compares every word with the oracle's.
    const { points, stackBytes } = createBoardEngine(board, build).figures();
    expect(points).toBeGreaterThan(20);
    if (!board.tailCalls) expect(stackBytes).toBeLessThanOrEqual(build.report.nativeStackBytes);
  });
});
