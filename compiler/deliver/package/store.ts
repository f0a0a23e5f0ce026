import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { createWasm3Engine, type Runnable } from '../../code/engines/create.js';
import { PinnEdgeError, plural } from '../../diagnostics.js';
import { cannotRead } from '../../host/file-reader.js';
import { nodeFiles } from '../../host/node-files.js';
import { holdSignals } from '../../host/signals.js';
import { makeFolder, requireWritable } from '../../host/write-file.js';
import { loadModel } from '../../model/load.js';
import type { Model } from '../../model/types.js';
import type { CompiledModel } from '../../pipeline/compiled-model.js';
import { readHeader } from '../../table/table.js';
import type { PackagedBuild } from './build-files.js';
import type { Report } from './report.js';
import { readReport } from './report-file.js';

/** Builds on disk: written beside their place and moved into it whole, checked when they are read. */

/**
 * Writes `files` as the folder `directory`. An earlier build there is replaced; any other folder that is not empty is
 * left alone and refused. Nothing is half-written: an interrupted call leaves the old state.
 */
export function writeBuild(directory: string, files: ReadonlyMap<string, Uint8Array | string>): void {
  const place = resolve(directory);
  requireBuildFolder(directory);
  let temporary: string | undefined;
  holdSignals();
  makeFolder(dirname(place));
  try {
    temporary = mkdtempSync(join(dirname(place), `.${basename(place)}-`));
    for (const [path, contents] of files) {
      const file = join(temporary, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, contents);
    }
    moveInto(temporary, place);
  } catch (error) {
    throw new PinnEdgeError('PE1004', { directory, reason: (error as Error).message });
  } finally {
    if (temporary) rmSync(temporary, { recursive: true, force: true });
  }
}

/** Refuses, before any long work, a folder that {@link writeBuild} would refuse. */
export function requireBuildFolder(directory: string): void {
  const place = resolve(directory);
  requireWritable(place);
  if (!existsSync(place) || isReplaceable(place)) return;
  throw new PinnEdgeError('PE1004', {
    directory,
    reason: 'it exists and is not a pinn-edge build; remove it or choose another with -o',
  });
}

function isReplaceable(place: string): boolean {
  if (!statSync(place).isDirectory()) return false;
  return readdirSync(place).length === 0 || isBuild(place);
}

function isBuild(place: string): boolean {
  try {
    return JSON.parse(readFileSync(join(place, 'report.json'), 'utf8')).format === 'pinn-edge-report/1';
  } catch {
    return false;
  }
}

function moveInto(temporary: string, place: string): void {
  const old = `${temporary}-old`;
  const existed = existsSync(place);
  if (existed) renameSync(place, old);
  try {
    renameSync(temporary, place);
  } catch (error) {
    if (existed) renameSync(old, place);
    throw error;
  }
  rmSync(old, { recursive: true, force: true });
}

/** A build, read: what `simulate`, `verify` and `flash` work on. */
export interface LoadedBuild {
  directory: string;
  report: Report;
  /** The float model that the build was made from. */
  model: Model;
  /** The network that the module was made from, where compression made a smaller one. */
  compressed?: Model;
  runnable: Runnable;
}

/** A build that was never written. */
export function builtInMemory(compiled: CompiledModel, { report }: PackagedBuild): LoadedBuild {
  const { model, wasm, table } = compiled;
  const smaller = compiled.compressed?.model;
  return { directory: '(not written)', report, model, compressed: smaller, runnable: runnableOf(report, wasm, table) };
}

function runnableOf(report: Report, wasm: Uint8Array, table: Uint8Array): Runnable {
  return {
    wasm,
    table,
    memoryBytes: report.memoryBytes,
    inputCount: report.inputs.length,
    outputCount: report.outputs.length,
    wasm3: { stackBytes: report.wasm3StackBytes, tailCalls: report.tailCalls },
  };
}

/**
 * Reads a build; the module's own identity, the block table and the report must agree.
 *
 * @throws PE1007 when the folder is no build, PE1001 when a file of it is missing, PE1008 when its files do not belong
 * together
 */
export function loadBuild(directory: string): LoadedBuild {
  const refuse = (reason: string): never => {
    throw new PinnEdgeError('PE1007', { directory, reason });
  };
  if (!existsSync(directory)) refuse('there is no such folder');
  if (!statSync(directory).isDirectory()) throw new PinnEdgeError('PE1009', { file: directory });
  if (!isBuild(directory)) {
    const isThere = existsSync(join(directory, 'report.json'));
    refuse(isThere ? 'its report.json is damaged, or not of a build' : 'it has no report.json of a build');
  }
  const read = (name: string): Uint8Array => {
    try {
      return readFileSync(join(directory, name));
    } catch (error) {
      throw cannotRead(join(directory, name), error);
    }
  };
  const report = readReport(read('report.json'), (reason) => refuse(`its report.json is damaged: ${reason}`));
  const model = loadModel(join(directory, 'reference', 'model.json'), nodeFiles);
  const smaller = join(directory, 'compressed', 'model.json');
  const compressed = existsSync(smaller) ? loadModel(smaller, nodeFiles) : undefined;
  const wasm = report.engine === 'c' ? new Uint8Array() : read('model.wasm');
  const runnable = runnableOf(report, wasm, read('table.bin'));
  requireIdentity(directory, report, runnable);
  requireSameNames(directory, report, model);
  return { directory, report, model, compressed, runnable };
}

/** The model of the folder has the inputs and outputs, in their order, that the table was made for. */
function requireSameNames(directory: string, report: Report, model: Model): void {
  for (const part of ['inputs', 'outputs'] as const) {
    const [said, there] = [report, model].map((owner) => owner[part].map(({ name }) => name).join(', '));
    if (said === there) continue;
    const reason = `its ${part} are ${said}, and those of reference/model.json are ${there}`;
    throw new PinnEdgeError('PE1008', { file: join(directory, 'report.json'), reason });
  }
}

function requireIdentity(directory: string, report: Report, runnable: Runnable): void {
  const mismatch = (file: string, reason: string) =>
    new PinnEdgeError('PE1008', { file: join(directory, file), reason });
  if (runnable.table.length !== report.modelBytes || readHeader(runnable.table).crc !== report.identity) {
    throw mismatch('table.bin', 'its identity is not the one in report.json');
  }
  const { inputCount, outputCount } = readHeader(runnable.table);
  if (inputCount !== report.inputs.length || outputCount !== report.outputs.length) {
    throw mismatch('report.json', `the table has ${plural(inputCount, 'input')} and ${plural(outputCount, 'output')}`);
  }
  if (report.engine === 'c') return;
  let identity: number;
  try {
    const engine = createWasm3Engine(runnable);
    identity = engine.identity();
    engine.dispose();
  } catch (error) {
    throw mismatch('model.wasm', (error as Error).message);
  }
  if (identity !== report.identity) throw mismatch('model.wasm', 'its identity is not the one in report.json');
}
