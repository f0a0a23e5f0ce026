import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { BuildEngine } from '../../code/engines/build-engine.js';
import { BARE_METAL, compilerFlags, KERNEL_UNITS, WASM3_UNIT } from '../../deliver/package/bare-metal.js';
import { type CApplication, cFirmwareFiles } from '../../deliver/package/c-files.js';
import { type FurtherHeaders, firmwareFiles } from '../../deliver/package/firmware-files.js';
import { PinnEdgeError } from '../../diagnostics.js';
import { PACKAGE_ROOT } from '../../host/package-root.js';
import { holdSignals } from '../../host/signals.js';
import type { Board } from './boards.js';
import { cachedFile, keyOf } from './cache.js';
import { requireTools, toolVersion } from './tools.js';

/**
 * Compiles the board's bare-metal project around a model, as `pinn-edge build --target <board>` writes it, and returns
 * the path of the ELF file. Objects are kept by their content, so that models share all of wasm3 and the library.
 *
 * @param header the text of pinn_model.h
 * @param further with the text of pinn_step.h the firmware makes steps
 * @param project the plain firmware, or the one with the update agent on the UART, the only one here for the engine `c`
 */
export function buildFirmware(
  board: Board,
  header: string,
  project: string = BARE_METAL,
  engine: BuildEngine = 'wasm3',
  { step }: Pick<FurtherHeaders, 'step'> = {},
): string {
  const files = projectOf(board, header, project, engine, { step });
  if (step === undefined) return buildProject(board, files);
  files.set('main.c', readFileSync(join(PACKAGE_ROOT, 'targets', 'bare-metal', 'app-step', 'main.c'), 'utf8'));
  return buildProject(board, files.set('step_model.h', '#include "pinn_step.h"\n'));
}

/** The same for the C sources of a build of the engine `c`: its bare-metal project, without wasm3. */
export function buildCFirmware(
  board: Board,
  sources: ReadonlyMap<string, string>,
  application: CApplication = 'answers',
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
function projectOf(
  board: Board,
  header: string,
  project: string,
  engine: BuildEngine,
  further: FurtherHeaders,
): Map<string, string> {
  const prefix = `${project}/`;
  const files = [...firmwareFiles(board, header, engine, further)].filter(([path]) => path.startsWith(prefix));
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
  const ofModel = JSON.stringify([...project].filter(([path]) => MODEL_HEADERS.includes(basename(path))));
  return [...project]
    .filter(([path]) => /\.[cS]$/.test(path) && !isWasm3(path))
    .map(([path, text]) => {
      const options = [...flags.every, ...furtherFlags(flags, basename(path))];
      const own = MODEL_HEADERS.some((name) => text.includes(`"${name}"`)) ? ofModel : '';
      return cachedFile(keyOf(version, options.join(' '), path, text, JSON.stringify(shared), own), '.o', (object) =>
        runCompiler(board, folder, [...options, ...includes, '-c', path, '-o', object]),
      );
    });
}

/** Headers that differ from model to model, or that not all models have. They include each other. */
const MODEL_HEADERS: readonly string[] = [
  'pinn_model.h',
  'pinn_step.h',
  'pe_step.h',
  'model.h',
  'golden.h',
  'fit.h',
  'step.h',
  'step_model.h',
];

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
