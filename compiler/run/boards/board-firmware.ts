import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { BuildEngine } from '../../code/engines/build-engine.js';
import { BARE_METAL, compilerFlags, KERNEL_UNITS, WASM3_UNIT } from '../../deliver/package/bare-metal.js';
import { cFirmwareFiles } from '../../deliver/package/c-files.js';
import { firmwareFiles } from '../../deliver/package/firmware-files.js';
import { PinnEdgeError } from '../../diagnostics.js';
import { holdSignals } from '../../host/signals.js';
import type { Board } from './boards.js';
import { cachedFile, keyOf } from './cache.js';
import { requireTools, toolVersion } from './tools.js';

/**
 * Compiles the board's bare-metal project around a model, as `pinn-edge build --target <board>` writes it, and returns
 * the path of the ELF file. Objects are kept by their content, so that models share all of wasm3 and the library.
 *
 * @param header the text of pinn_model.h
 * @param project the plain firmware, or the one with the update agent on the UART, the only one here for the engine `c`
 */
export function buildFirmware(
  board: Board,
  header: string,
  project: string = BARE_METAL,
  engine: BuildEngine = 'wasm3',
): string {
  return buildProject(board, projectOf(board, header, project, engine));
}

/** The same for the C sources of a build of the engine `c`: its bare-metal project, without wasm3. */
export function buildCFirmware(
  board: Board,
  sources: ReadonlyMap<string, string>,
  application: 'answers' | 'fit' = 'answers',
): string {
  return buildProject(board, cFirmwareFiles(board, sources, application));
}

function buildProject(board: Board, project: ReadonlyMap<string, string>): string {
  requireTools(board);
  const version = toolVersion(board.compiler.command)!;
  const flags = compilerFlags(board);
  return cachedFile(keyOf(version, JSON.stringify(flags), JSON.stringify([...project])), '.elf', (elf) => {
    holdSignals();
    const folder = mkdtempSync(join(tmpdir(), 'pinn-edge-board-'));
    try {
      writeFiles(folder, project);
      const objects = compileAll(board, version, folder, project);
      runCompiler(board, folder, [...objects, ...flags.link, '-o', elf]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** The project's files by their path in it. */
function projectOf(board: Board, header: string, project: string, engine: BuildEngine): Map<string, string> {
  const prefix = `${project}/`;
  const files = [...firmwareFiles(board, header, engine)].filter(([path]) => path.startsWith(prefix));
  return new Map(files.map(([path, text]) => [path.slice(prefix.length), text]));
}

function writeFiles(folder: string, files: ReadonlyMap<string, string>): void {
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

function compileAll(board: Board, version: string, folder: string, project: ReadonlyMap<string, string>): string[] {
  const flags = compilerFlags(board);
  const { libraryFolder, headerFolder, wasm3Folder } = board.projects.find(({ name }) => name === BARE_METAL)!;
  const includes = ['-I.', `-I${libraryFolder}`, `-I${headerFolder}`, '-isystem', `${wasm3Folder}`];
  const isWasm3 = (path: string) => path.startsWith(`${wasm3Folder}/`);
  // What an object depends on: every header but the model's, and wasm3's C files, which one of the library's includes.
  const shared = [...project].filter(
    ([path]) => isWasm3(path) || (path.endsWith('.h') && !MODEL_HEADERS.includes(basename(path))),
  );
  return [...project]
    .filter(([path]) => /\.[cS]$/.test(path) && !isWasm3(path))
    .map(([path, text]) => {
      const options = [...flags.every, ...furtherFlags(flags, basename(path))];
      const model = MODEL_HEADERS.filter((name) => text.includes(`"${name}"`)).map((name) =>
        project.get(`${headerFolder}/${name}`),
      );
      return cachedFile(
        keyOf(version, options.join(' '), path, text, JSON.stringify(shared), model.join('')),
        '.o',
        (object) => runCompiler(board, folder, [...options, ...includes, '-c', path, '-o', object]),
      );
    });
}

/** Headers that differ from model to model. */
const MODEL_HEADERS: readonly string[] = ['pinn_model.h', 'model.h', 'golden.h', 'fit.h'];

function furtherFlags(flags: ReturnType<typeof compilerFlags>, name: string): string[] {
  if (name === WASM3_UNIT) return flags.wasm3;
  return KERNEL_UNITS.includes(name) ? flags.kernel : [];
}

/** Runs the compiler in the project's folder; what it says first is the reason of the error. */
function runCompiler(board: Board, folder: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(board.compiler.command, args, { cwd: folder, encoding: 'utf8' });
  if (status === 0) return;
  const lines = (error?.message ?? stderr).split('\n');
  const reason = lines.find((line) => /error|undefined|overflow/i.test(line)) ?? lines[0];
  throw new PinnEdgeError('PE8002', { board: board.name, reason });
}
