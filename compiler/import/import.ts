import { PinnEdgeError } from '../diagnostics.js';
import type { FileReader } from '../host/file-reader.js';
import { assemble } from './assemble.js';
import { detectFormat, FORMATS, readModelBytes } from './detect.js';
import { withFiles } from './further-files.js';
import { type ImportSpec, parseSpec } from './network-spec.js';
import type { Imported } from './source.js';
import type { ImportOptions, ImportResult } from './types.js';

/**
 * Imports a network from any known format. What the file says is used, what it does not say comes from the spec and the
 * options, and what neither says is asked for: ranges are never invented.
 *
 * Throws {@link PinnEdgeError} for everything that can be wrong with the file, the spec or the options.
 */
export async function importModel(file: string, files: FileReader, options: ImportOptions = {}): Promise<ImportResult> {
  const { imported, spec, notes, assumptions } = await readNetwork(file, files, options);
  const { imported: whole, requireFilesRead } = await withFiles(imported, spec, files, options);
  const model = assemble(file, whole, spec, options, notes);
  requireFilesRead();
  if (assumptions.length) model.assumed = assumptions;
  return { model, notes: [...notes, ...assumptions.map((assumption) => `assumed: ${assumption}`)] };
}

/** The network of a file without ranges and names: what `import --init` starts from. */
export async function readNetwork(
  file: string,
  files: FileReader,
  options: ImportOptions = {},
): Promise<{ imported: Imported; spec: ImportSpec; notes: string[]; assumptions: string[] }> {
  const spec: ImportSpec = options.spec ? parseSpec(options.spec.file, options.spec.text) : {};
  const bytes = readModelBytes(file, files);
  const format = detectFormat(file, bytes);
  if (format === 'json') throw new PinnEdgeError('PE7001', { file });
  const notes: string[] = [];
  const assumptions: string[] = [];
  const namedInputs = spec.inputs?.length ?? (options.inputs?.length || undefined);
  const ends = [...(options.inputs ?? []), ...(spec.inputs ?? [])].flatMap(({ min, max }) =>
    [min, max].filter((end) => end !== undefined),
  );
  const beside = (name: string) => files.read(files.beside(file, name));
  const job = { file, bytes, spec, notes, assumptions, namedInputs, ends, beside };
  const importer = await FORMATS[format].load();
  const { title } = FORMATS[format];
  const imported = guarded(file, title, () => importer(job));
  for (const [name, network] of imported.networks) {
    imported.networks.set(name, {
      ...network,
      build: (builder, inputs) => guarded(file, title, () => network.build(builder, inputs)),
    });
  }
  return { imported, spec, notes, assumptions };
}

function guarded<T>(file: string, title: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw unreadable(file, title, error);
  }
}

/** Whatever a decoder throws over damaged bytes becomes one sentence. */
function unreadable(file: string, format: string, error: unknown): PinnEdgeError {
  if (error instanceof PinnEdgeError) return error;
  // What JavaScript says of a value that should have been there helps nobody mend the file.
  const internal = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  const message = internal ? '' : error instanceof Error ? error.message : String(error);
  const [line] = message.split('\n');
  return new PinnEdgeError('PE7002', { file, format, reason: (line || 'its bytes are damaged').slice(0, 300) });
}
