import { join } from 'node:path';
import { encodeImage, type ImageInput } from '../../compiler/deliver/image/image.js';
import { PAYLOAD } from '../../compiler/deliver/image/image-format.js';
import { VALIDATE_SOURCES } from '../../compiler/deliver/package/firmware-files.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { headerInputOf } from '../package/fixture.js';
import { C99, COMMON, compileOrThrow, includes, libraryObject, WARNINGS, wasm3Object } from '../package/toolchain.js';

export const TARGET = 'host';

/** The C files of the firmware library: what every program needs, and the engines, without wasm3's files. */
export const CORE_SOURCES = ['pinn_edge.c', 'pe_crc32.c'];
export const MODULE_SOURCES = ['pe_module.c', 'pe_arena.c', ...VALIDATE_SOURCES];
export const TABLE_SOURCES = ['pe_table_engine.c', 'pe_table.c', 'pe_kernels.c'];
export const UPDATE_SOURCES = [
  ...['pe_image.c', 'pe_signature.c', 'pe_slots.c', 'pe_runner.c', 'pe_agent.c', 'pe_update_text.c'],
];

/** The image of a compiled model, as a build writes it: with its module, or for the engine `c` with its block table. */
export function imageOf(compiled: CompiledModel, changes: Partial<ImageInput> = {}): Uint8Array {
  const header = headerInputOf(compiled);
  return encodeImage({
    ...header,
    target: TARGET,
    version: 1,
    kind: compiled.engine === 'c' ? PAYLOAD.TABLE : PAYLOAD.MODULE,
    heapBytes: Math.ceil(header.heapBytes),
    nativeStackBytes: 0,
    ...changes,
  });
}

interface ProgramOptions {
  flags?: readonly string[];
  defines?: readonly string[];
  wasm3?: boolean;
}

export const SANITIZED = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'];

/** Compiles C sources, names of the library's files among them, into one program in `folder`; `defines` are for others. */
export function buildProgram(
  folder: string,
  name: string,
  sources: readonly string[],
  { flags = SANITIZED, defines = [], wasm3 = false }: ProgramOptions = {},
): string {
  const program = join(folder, name);
  const all = [...C99, ...flags, ...WARNINGS, ...(wasm3 ? includes() : [`-I${COMMON}`])];
  const own = sources.filter((source) => source.includes('/'));
  const objects = sources.filter((source) => !own.includes(source)).map((source) => libraryObject(source, all));
  if (wasm3) objects.push(wasm3Object(flags));
  compileOrThrow('cc', [...all, ...defines, ...own, ...objects, '-lm', '-o', program]);
  return program;
}
