import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from '../../certify/certificate.js';
import { PinnEdgeError } from '../../diagnostics.js';
import { cannotRead } from '../../host/file-reader.js';
import type { CompiledModel } from '../../pipeline/compiled-model.js';
import type { PackagedBuild } from '../package/build-files.js';
import { provedBounds } from '../package/certificate-file.js';
import type { Golden } from '../package/golden.js';
import type { LoadedBuild } from '../package/store.js';
import type { PageBuild } from './pack.js';
import type { MeasuredBoard } from './page-data.js';

/** What a page needs of a build, from memory or from its folder: the same of both. */

const PICTURES = 'structure';

export function pageOfPackage(
  { model, wasm, table }: CompiledModel,
  { report, golden, files }: PackagedBuild,
  certificate?: Certificate,
): PageBuild {
  const pictures = [...files]
    .filter(([path]) => path.startsWith(`${PICTURES}/`))
    .map(([path, text]): [string, string] => [path.slice(PICTURES.length + 1), String(text)]);
  return asWritten({ report, golden, model, wasm, table, proved: certificate?.outputs, pictures });
}

/** @throws PE1001 when golden.json cannot be read, PE1008 when it is not that of the build */
export function pageOfFolder(build: LoadedBuild, boards: MeasuredBoard[] = []): PageBuild {
  const { directory, report, model, runnable } = build;
  const folder = join(directory, PICTURES);
  const pictures = (existsSync(folder) ? readdirSync(folder) : []).map((name): [string, string] => [
    name,
    readFileSync(join(folder, name), 'utf8'),
  ]);
  const { wasm, table } = runnable;
  const golden = readGolden(directory, report.inputs.length, report.outputs.length);
  return asWritten({ report, golden, model, wasm, table, proved: provedBounds(build), boards, pictures });
}

/** As JSON keeps it, and in one order, so that a page made from the folder has the same bytes. */
function asWritten(build: PageBuild): PageBuild {
  const pictures = [...build.pictures].sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...build, pictures };
}

function readGolden(directory: string, inputs: number, outputs: number): Golden {
  const file = join(directory, 'golden.json');
  let golden: Golden;
  try {
    golden = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw error instanceof SyntaxError
      ? new PinnEdgeError('PE1002', { file, reason: error.message })
      : cannotRead(file, error);
  }
  const rows = (part: unknown, width: number) =>
    Array.isArray(part) &&
    part.length === golden.points?.length &&
    part.every((row) => Array.isArray(row) && row.length === width);
  const fits =
    rows(golden.points, inputs) &&
    rows(golden.inputWords, inputs) &&
    rows(golden.outputWords, outputs) &&
    rows(golden.reference, outputs);
  if (!fits) throw new PinnEdgeError('PE1008', { file, reason: 'its vectors have other inputs or outputs' });
  return golden;
}
