import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { BARE_METAL, compilerFlags } from '../../compiler/deliver/package/bare-metal.js';
import { firmwareFiles } from '../../compiler/deliver/package/firmware-files.js';
import { wasm3Folder } from '../../compiler/deliver/package/wasm3.js';
import { PinnEdgeError } from '../../compiler/diagnostics.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import type { Board } from '../../compiler/run/boards/boards.js';
import { cachedFile, keyOf } from '../../compiler/run/boards/cache.js';
import { requireTools, toolVersion } from '../../compiler/run/boards/tools.js';

/** Firmware of a rival for an emulated board: its files, the harness, and the board's own start and console. */
export interface RivalProgram {
  inputs: number;
  outputs: number;
  /** Generated files by name; C and C++ ones are compiled, headers are found by `#include "name"`. */
  files: ReadonlyMap<string, string>;
  /** Files of a package that are compiled too, by path. */
  library?: { units: readonly string[]; includes: readonly string[]; flags: readonly string[]; version: string };
  /** Flags for the generated files, beside the board's own. */
  flags: readonly string[];
  linkFlags?: readonly string[];
}

/** wasm3 as it comes, with floats. */
export function wasm3Library(): NonNullable<RivalProgram['library']> {
  const folder = wasm3Folder();
  const units = readdirSync(folder).filter((name) => /^m3_(?!api_).*\.c$/.test(name));
  return {
    units: units.map((name) => join(folder, name)),
    includes: [folder],
    flags: ['-Os', '-w', '-fwrapv', '-fno-strict-aliasing'],
    version: 'wasm3 as it comes',
  };
}

const SECTIONS = ['-ffunction-sections', '-fdata-sections'];
const HARNESS = join(PACKAGE_ROOT, 'bench', 'rivals', 'harness');

/** @returns the path of the ELF file; kept by everything it is made of */
export function buildRival(board: Board, program: RivalProgram): string {
  requireTools(board);
  const version = toolVersion(board.compiler.command)!;
  const folder = mkdtempSync(join(tmpdir(), 'pinn-edge-rival-'));
  try {
    const own = new Map([...boardFiles(board), ...harnessFiles(program), ...program.files]);
    for (const [name, text] of own) writeFileSync(join(folder, name), text);
    const compile = (file: string, flags: readonly string[], key: string) =>
      cachedFile(key, '.o', (object) => runCompiler(board, folder, [...flags, '-c', file, '-o', object]));
    const headers = JSON.stringify([...own].filter(([name]) => name.endsWith('.h')));
    const { library } = program;
    const includes = ['-I.', ...(library?.includes ?? []).flatMap((path) => ['-isystem', path])];
    const objects: string[] = [];
    for (const [name, text] of own) {
      if (!/\.(c|cc|S)$/.test(name)) continue;
      const extra = program.files.has(name)
        ? [...(library?.flags ?? []), ...program.flags]
        : ['-Os', '-std=gnu11', '-Wall', '-Wextra'];
      const flags = [...board.flags, ...SECTIONS, ...extra, ...includes];
      objects.push(compile(name, flags, keyOf(version, library?.version ?? '', flags.join(' '), name, text, headers)));
    }
    for (const unit of library?.units ?? []) {
      const flags = [...board.flags, ...SECTIONS, ...library!.flags, ...includes];
      objects.push(compile(unit, flags, keyOf(version, library!.version, flags.join(' '), readFileSync(unit, 'utf8'))));
    }
    const link = [...compilerFlags(board).link, ...(program.linkFlags ?? []), '-lm'];
    const contents = objects.map((object) => basename(object)).join(' ');
    const scripts = JSON.stringify([...own].filter(([name]) => name.endsWith('.ld')));
    return cachedFile(keyOf(version, link.join(' '), scripts, contents), '.elf', (elf) =>
      runCompiler(board, folder, [...objects, ...link, '-o', elf]),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The board's start, console, counter and linker scripts, without the application of the product. */
function boardFiles(board: Board): Map<string, string> {
  const prefix = `${BARE_METAL}/`;
  const files = [...firmwareFiles(board, '')]
    .filter(([path]) => path.startsWith(prefix))
    .map(([path, text]) => [path.slice(prefix.length), text] as const);
  return new Map(files.filter(([path]) => !path.includes('/') && path !== 'main.c'));
}

function harnessFiles({ inputs, outputs }: RivalProgram): Map<string, string> {
  const rival = `// What a rival gives: rival_open makes it ready, rival_infer answers one point; both return 0 for success.
#ifndef RIVAL_H
#define RIVAL_H

#define RIVAL_INPUTS ${inputs}
#define RIVAL_OUTPUTS ${outputs}

#ifdef __cplusplus
extern "C" {
#endif
int rival_open(void);
int rival_infer(const float *inputs, float *outputs);
#ifdef __cplusplus
}
#endif

#endif
`;
  return new Map([
    ['rival.h', rival],
    ...['main.c', 'heap.c', 'heap.h'].map((name) => [name, readHarness(name)] as const),
  ]);
}

export function readHarness(name: string): string {
  return readFileSync(join(HARNESS, name), 'utf8');
}

function runCompiler(board: Board, folder: string, args: readonly string[]): void {
  const isCpp = args.some((arg) => /\.cc$/.test(arg));
  const command = isCpp ? board.compiler.command.replace(/gcc$/, 'g++') : board.compiler.command;
  const { status, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  if (status === 0) return;
  const lines = (error?.message ?? stderr).split('\n');
  const reason = lines.find((line) => /error|undefined|overflow/i.test(line)) ?? lines[0];
  // A C++ library for Arm is a package of its own.
  const advice = /fatal error: c\w+: No such file/.test(reason)
    ? '; on Debian: apt-get install libstdc++-arm-none-eabi-newlib'
    : '';
  throw new PinnEdgeError('PE8002', { board: board.name, reason: `${reason}${advice}` });
}
