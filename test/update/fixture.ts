import { join } from 'node:path';
import { encodeImage, type ImageInput } from '../../compiler/image/image.js';
import { PAYLOAD } from '../../compiler/image/spec.js';
import type { CompiledModel } from '../../compiler/pipeline.js';
import { headerInputOf } from '../package/fixture.js';
import { C99, COMMON, compileOrThrow, includes, WARNINGS, wasm3Object } from '../package/toolchain.js';

export const TARGET = 'host';

/** The C files of the firmware library without wasm3's. */
export const LIBRARY_SOURCES = ['pinn_edge.c', 'pe_arena.c', 'pe_crc32.c', 'pe_validate.c'];

/** The image of a compiled model, as a build writes it. */
export function imageOf(compiled: CompiledModel, changes: Partial<ImageInput> = {}): Uint8Array {
  const header = headerInputOf(compiled);
  return encodeImage({
    ...header,
    target: TARGET,
    version: 1,
    kind: PAYLOAD.MODULE,
    payload: header.wasm,
    heapBytes: Math.ceil(header.heapBytes),
    nativeStackBytes: 0,
    ...changes,
  });
}

export const SANITIZED = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'];

/** Compiles C sources, names of the library's files among them, into one program in `folder`. */
export function buildProgram(
  folder: string,
  name: string,
  sources: readonly string[],
  { flags = SANITIZED, wasm3 = false }: { flags?: readonly string[]; wasm3?: boolean } = {},
): string {
  const program = join(folder, name);
  const paths = sources.map((source) => (source.includes('/') ? source : join(COMMON, source)));
  const objects = wasm3 ? [wasm3Object(flags)] : [];
  const all = [...C99, ...flags, ...WARNINGS, ...includes(), ...paths, ...objects];
  compileOrThrow('cc', [...all, '-lm', '-o', program]);
  return program;
}
