import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WASM3_FLAGS, WASM3_UNIT } from '../../compiler/deliver/package/bare-metal.js';
import { wasm3Files, wasm3Folder } from '../../compiler/deliver/package/wasm3.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { listBoards, loadBoard } from '../../compiler/run/boards/boards.js';
import { cachedFile, keyOf } from '../../compiler/run/boards/cache.js';
import { toolVersion } from '../../compiler/run/boards/tools.js';

/** C compilers and wasm3's sources for tests of the firmware library. */

export const COMMON = join(PACKAGE_ROOT, 'targets', 'common');
export const STUBS = join(PACKAGE_ROOT, 'test', 'package', 'stubs');
export const WARNINGS = ['-Wall', '-Wextra', '-Werror', '-Wconversion'];
export const C99 = ['-std=c99', '-pedantic'];
export const CPP11 = ['-x', 'c++', '-std=c++11', '-pedantic'];

export interface RunResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export function run(command: string, args: readonly string[], input = ''): RunResult {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', input, maxBuffer: 2 ** 28 });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** Runs a compiler; what it says is the error. */
export function compileOrThrow(command: string, args: readonly string[]): void {
  const { status, stderr } = run(command, args);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stderr}`);
}

/** The flags that find the library, wasm3 (as system headers: its warnings are not ours) and `folders`. */
export function includes(...folders: string[]): string[] {
  return [...[COMMON, ...folders].map((folder) => `-I${folder}`), '-isystem', wasm3Folder()];
}

/** wasm3's object file, compiled once per set of flags. */
export function wasm3Object(flags: readonly string[]): string {
  return libraryObject(WASM3_UNIT, [...C99, ...flags, ...WARNINGS, ...WASM3_FLAGS, ...includes()]);
}

/** Everything that a file of the library may include. */
const HEADERS = JSON.stringify([
  ...wasm3Files(),
  ...readdirSync(COMMON)
    .filter((name) => name.endsWith('.h'))
    .map((name) => readFileSync(join(COMMON, name), 'utf8')),
]);

/** The object file of one C file of the library, compiled once per set of flags and kept in the cache. */
export function libraryObject(source: string, flags: readonly string[]): string {
  const path = join(COMMON, source);
  const key = keyOf(toolVersion('cc') ?? '', flags.join(' '), HEADERS, source, readFileSync(path));
  return cachedFile(key, '.o', (object) => compileOrThrow('cc', [...flags, '-c', path, '-o', object]));
}

/** An absent tool fails the tests instead of skipping them where everything is meant to be installed. */
export const TOOLS_REQUIRED = process.env.PINN_EDGE_REQUIRE_TOOLS === '1';

/** The same of tools from Python's registry, but where PINN_EDGE_NO_PIP says that they could not be had. */
export const PIP_TOOLS_REQUIRED = TOOLS_REQUIRED && process.env.PINN_EDGE_NO_PIP !== '1';

/** Debian's packages of the cross compilers with their C libraries, as the boards name them. */
const PACKAGES = new Map(
  listBoards().map((name) => {
    const { command, packages } = loadBoard(name).compiler;
    return [command, packages.join(' ')];
  }),
);

/** How to get a tool of Debian's. */
export function adviceFor(command: string): string {
  return `${command} not found; on Debian: apt-get install ${PACKAGES.get(command) ?? command}`;
}

/** Whether tests that need a tool of Debian's are skipped. Says so: the reporter shows them by their number only. */
export function isSkippedWithout(command: string): boolean {
  const isSkipped = !hasTool(command) && !TOOLS_REQUIRED;
  if (isSkipped) process.stderr.write(`skipped: ${adviceFor(command)}\n`);
  return isSkipped;
}

export function hasTool(command: string, question = '--version'): boolean {
  return spawnSync(command, [question], { stdio: 'ignore' }).status === 0;
}
