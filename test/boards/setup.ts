import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { type LoadedBuild, loadBuild, writeBuild } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { loadModel } from '../../compiler/model/load.js';
import { isDerived } from '../../compiler/model/types.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompileOptions } from '../../compiler/pipeline/compile-options.js';
import { listBoards, loadBoard } from '../../compiler/run/boards/boards.js';
import { missingTools } from '../../compiler/run/boards/tools.js';
import { TOOLS_REQUIRED } from '../package/toolchain.js';

/** All boards, with what it takes to say plainly that their tools are missing. */
export const EVERY_BOARD = listBoards().map((name) => {
  const board = loadBoard(name);
  const missing = missingTools(board);
  const advice = missing
    .map(({ tool, packages }) => `${tool} not found; on Debian: apt-get install ${packages}`)
    .join('; ');
  return { name, board, advice, isSkipped: missing.length > 0 && !TOOLS_REQUIRED };
});

/** Those that run every engine. */
export const BOARDS = EVERY_BOARD.flatMap((entry) => {
  const { board } = entry;
  const { wasm3 } = board;
  return wasm3 ? [{ ...entry, board: { ...board, wasm3 } }] : [];
});

/** The smallest one, which runs C sources alone: test/boards/arduino-uno.test.ts. */
export const UNO = EVERY_BOARD.find(({ name }) => name === 'arduino-uno')!;

// The reporter shows skipped tests by their number only.
for (const advice of new Set(EVERY_BOARD.filter(({ isSkipped }) => isSkipped).map((board) => board.advice))) {
  const names = EVERY_BOARD.filter((board) => board.advice === advice).map(({ name }) => name);
  process.stderr.write(`skipped on ${names.join(', ')}: ${advice}\n`);
}

/** Builds a model for a target into `folder`, as the command does. */
export async function buildInto(
  folder: string,
  file: string,
  target: string,
  options: CompileOptions,
): Promise<LoadedBuild> {
  const compiled = await compile(loadModel(file, nodeFiles), options);
  writeBuild(folder, packageBuild(compiled, loadTarget(target)).files);
  return loadBuild(folder);
}

/** Fitted in test/fit. */
const FITTED = 'battery-health';

/** Names of the examples whose outputs are those of their networks; the others: test/derive, test/fit, and step models: test/steps. */
export const EXAMPLES = readdirSync(join(PACKAGE_ROOT, 'examples')).filter((name) => {
  if (!existsSync(exampleFile(name)) || name === FITTED) return false;
  const model = loadModel(exampleFile(name), nodeFiles);
  return !isDerived(model) && !model.state;
});

export function exampleFile(name: string): string {
  return join(PACKAGE_ROOT, 'examples', name, 'model.json');
}
