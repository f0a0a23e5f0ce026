import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PinnEdgeError } from '../diagnostics.js';

/** Writes a file beside its place and moves it there, so that it is whole or absent. */
export function writeFileWhole(file: string, contents: string | Uint8Array, mode?: number): void {
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}.part`);
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(temporary, contents, { mode });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new PinnEdgeError('PE1004', { directory: file, reason: (error as Error).message });
  }
}
