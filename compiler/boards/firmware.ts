import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { PinnEdgeError } from '../diagnostics.js';
import { compilerFlags, WASM3_UNIT } from '../package/bare-metal.js';
import { firmwareFiles } from '../package/firmware.js';
import type { Board } from './boards.js';
import { cachedFile, keyOf } from './cache.js';
import { requireTools, toolVersion, wasm3Folder } from './tools.js';

/**
 * Compiles the board's bare-metal project around a model, as `pinn-edge build --target <board>` writes it, and returns
 * the path of the ELF file. Objects are kept by their content, so that models share all of wasm3 and the library.
 *
 * @param header the text of pinn_model.h
 */
export function buildFirmware(board: Board, header: string): string {
  requireTools(board);
  const project = projectOf(board, header);
  const version = toolVersion(board.compiler.command)!;
  const flags = compilerFlags(board);
  const key = keyOf(version, flags.wasm3.join(' '), flags.own.join(' '), flags.link.join(' '), contents(project));
  const wasm3 = readFolder(wasm3Folder());
  return cachedFile(keyOf(key, contents(wasm3)), '.elf', (elf) => {
    const folder = mkdtempSync(join(tmpdir(), 'pinn-edge-board-'));
    try {
      writeFiles(folder, project);
      const objects = compileAll(board, version, folder, project, wasm3);
      runCompiler(board, folder, [...objects, ...flags.link, '-o', elf]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** The project's files by their path in it. */
function projectOf(board: Board, header: string): Map<string, string> {
  const [project] = board.projects;
  const prefix = `${project.name}/`;
  const files = [...firmwareFiles(board, header)].filter(([path]) => path.startsWith(prefix));
  return new Map(files.map(([path, text]) => [path.slice(prefix.length), text]));
}

/** C files and headers of a folder. */
function readFolder(folder: string): Map<string, string> {
  const names = readdirSync(folder).filter((name) => WASM3_UNIT.test(name) || name.endsWith('.h'));
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

function contents(files: ReadonlyMap<string, string>): string {
  return JSON.stringify([...files]);
}

function writeFiles(folder: string, files: ReadonlyMap<string, string>): void {
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

function compileAll(
  board: Board,
  version: string,
  folder: string,
  project: ReadonlyMap<string, string>,
  wasm3: ReadonlyMap<string, string>,
): string[] {
  const flags = compilerFlags(board);
  const source = wasm3Folder();
  const [{ libraryFolder, headerFolder }] = board.projects;
  const includes = ['-I.', `-I${libraryFolder}`, `-I${headerFolder}`, '-isystem', source];
  const wasm3Headers = headersOf(wasm3);
  const compileWasm3 = (name: string, text: string) =>
    cachedFile(keyOf(version, flags.wasm3.join(' '), name, text, wasm3Headers), '.o', (object) =>
      runCompiler(board, folder, [...flags.wasm3, '-c', join(source, name), '-o', object]),
    );
  const headers = headersOf(project, ({ path }) => basename(path) !== 'pinn_model.h') + wasm3Headers;
  const compileOwn = (path: string, text: string) => {
    const model = text.includes('"pinn_model.h"') ? project.get(`${headerFolder}/pinn_model.h`)! : '';
    return cachedFile(keyOf(version, flags.own.join(' '), path, text, headers, model), '.o', (object) =>
      runCompiler(board, folder, [...flags.own, ...includes, '-c', path, '-o', object]),
    );
  };
  return [
    ...[...wasm3].filter(([name]) => WASM3_UNIT.test(name)).map(([name, text]) => compileWasm3(name, text)),
    ...[...project].filter(([path]) => /\.[cS]$/.test(path)).map(([path, text]) => compileOwn(path, text)),
  ];
}

function headersOf(files: ReadonlyMap<string, string>, keep: (file: { path: string }) => boolean = () => true): string {
  return JSON.stringify([...files].filter(([path]) => path.endsWith('.h') && keep({ path })));
}

/** Runs the compiler in the project's folder; what it says first is the reason of the error. */
function runCompiler(board: Board, folder: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(board.compiler.command, args, { cwd: folder, encoding: 'utf8' });
  if (status === 0) return;
  const lines = (error?.message ?? stderr).split('\n');
  const reason = lines.find((line) => /error|undefined|overflow/i.test(line)) ?? lines[0];
  throw new PinnEdgeError('PE8002', { board: board.name, reason });
}
