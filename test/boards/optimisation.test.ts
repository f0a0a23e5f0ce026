import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { nativeStackBound } from '../../compiler/code/cost/native-stack.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { builtInMemory } from '../../compiler/deliver/package/store.js';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { loadModel } from '../../compiler/model/load.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { createBoardEngine } from '../../compiler/run/boards/board-engine.js';
import type { Board } from '../../compiler/run/boards/boards.js';
import { temporaryFolder } from '../helpers/cli.js';
import { BOARDS, exampleFile } from './setup.js';

/**
 * The bound of the native stack where every file of the firmware is compiled with other flags than the build files set:
 * debug builds, and stack protectors, with which compilers make no tail calls of their own accord.
 */

const LEVELS = ['-Og', '-O0', '-Og -fno-optimize-sibling-calls', '-O0 -fstack-protector-all'];
const CHOSEN = BOARDS.filter(({ name }) => ['rv32imc', 'cortex-m4', 'cortex-m0', 'xtensa'].includes(name));

const folder = temporaryFolder();
let compiled: CompiledModel;

/** The board with a compiler that has these flags behind all others, so that they win. */
function boardWith(board: Board, flags: string): Board {
  const { command } = board.compiler;
  const path = join(folder, `${command}${flags.replaceAll(' ', '')}`);
  // What stack protectors call and compare with; the boards' C libraries have neither.
  const guard = flags.includes('stack-protector') ? `${GUARD} ` : '';
  // Its version names the flags: objects are kept by that of their compiler.
  writeFileSync(
    path,
    `#!/bin/sh
case "$*" in
  --version) echo "${command} ${flags}" ;;
  *" -T "*) exec ${command} "$@" ${guard} ;;
  *" stack.c "*) exec ${command} "$@" ;;
  *) exec ${command} "$@" ${flags} ;;
esac
`,
  );
  chmodSync(path, 0o755);
  return { ...board, compiler: { ...board.compiler, command: path } };
}

const GUARD = join(folder, 'guard.c');

beforeAll(async () => {
  writeFileSync(
    GUARD,
    'unsigned long __stack_chk_guard = 0x5a5a5a5aul;\nvoid __stack_chk_fail(void);\nvoid __stack_chk_fail(void) { for (;;) {} }\n',
  );
  compiled = await compile(loadModel(exampleFile('heat-rod'), nodeFiles), { tolerance: 1e-3 });
}, 300_000);

describe.each(LEVELS)('%s', (flags) => {
  for (const { name, board, isSkipped } of CHOSEN) {
    test.skipIf(isSkipped)(
      `${name}: no more than the bound of its build`,
      () => {
        const build = builtInMemory(compiled, packageBuild(compiled, board));
        const bound = nativeStackBound(compiled.wasm, board);
        const figures = createBoardEngine(boardWith(board, flags), build).figures();
        expect(figures.openStackBytes).toBeLessThanOrEqual(bound.bytes);
        expect(figures.runStackBytes).toBeLessThanOrEqual(bound.moduleBytes);
      },
      120_000,
    );
  }
});
