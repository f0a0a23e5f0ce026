import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { PACKAGE_ROOT } from '../../compiler/package-root.js';

/** C compilers and wasm3's sources for tests of the firmware library. */

/** PINN_EDGE_WASM3_DIR names other sources to test with, such as those of a device registry. */
export const WASM3_FOLDER =
  process.env.PINN_EDGE_WASM3_DIR ?? join(PACKAGE_ROOT, 'node_modules', 'react-native-webassembly', 'cpp');
export const COMMON = join(PACKAGE_ROOT, 'targets', 'common');
export const STUBS = join(PACKAGE_ROOT, 'test', 'package', 'stubs');
export const WARNINGS = ['-Wall', '-Wextra', '-Werror', '-Wconversion'];
/** As the firmware projects define them. */
export const DEFINITIONS = [
  '-Dd_m3HasFloat=0',
  '-Dd_m3NoFloatDynamic=0',
  '-Dd_m3CodePageAlignSize=1024',
  '-Dd_m3MaxFunctionStackHeight=256',
  '-Dd_m3VerboseErrorMessages=0',
];
export const C99 = ['-std=c99', '-pedantic'];
export const CPP11 = ['-x', 'c++', '-std=c++11', '-pedantic'];

export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'pinn-edge-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

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
  return [...[COMMON, ...folders].map((folder) => `-I${folder}`), '-isystem', WASM3_FOLDER];
}

/** wasm3's object files, compiled once per set of flags. */
export function wasm3Objects(folder: string, flags: readonly string[]): string[] {
  const place = join(folder, `wasm3${flags.join('').replace(/[^a-z0-9]/g, '')}`);
  const sources = readdirSync(WASM3_FOLDER).filter((name) => /^m3_(?!api_).*\.c$/.test(name));
  const objects = sources.map((name) => join(place, `${basename(name, '.c')}.o`));
  if (existsSync(place)) return objects;
  mkdirSync(place, { recursive: true });
  sources.forEach((name, i) => {
    compileOrThrow('cc', [...flags, ...DEFINITIONS, '-w', '-c', join(WASM3_FOLDER, name), '-o', objects[i]]);
  });
  return objects;
}

/** An absent tool fails the tests instead of skipping them where everything is meant to be installed. */
export const TOOLS_REQUIRED = process.env.PINN_EDGE_REQUIRE_TOOLS === '1';

export function hasTool(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}
