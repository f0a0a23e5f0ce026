import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PinnEdgeError } from '../diagnostics.js';
import { holdSignals } from './signals.js';

/** Writes a file beside its place and moves it there, so that it is whole or absent. */
export function writeFileWhole(file: string, contents: string | Uint8Array, mode?: number): void {
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}.part`);
  holdSignals();
  makeFolder(dirname(file));
  try {
    writeFileSync(temporary, contents, { mode });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw cannotWrite(file, (error as Error).message);
  }
}

/** Makes a folder and those above it. Node's own way of doing so never returns where a file system refuses, as /proc does. */
export function makeFolder(folder: string): void {
  if (existsSync(folder)) {
    if (statSync(folder).isDirectory()) return;
    throw cannotWrite(folder, 'it is a file, not a folder');
  }
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have been quicker.
    if (!existsSync(folder)) throw cannotWrite(folder, (error as Error).message);
  }
}

/** Refuses, before any long work, a file or folder that could not be written in the end. */
export function requireWritable(place: string): void {
  let folder = dirname(place);
  while (!existsSync(folder)) folder = dirname(folder);
  if (!statSync(folder).isDirectory()) throw cannotWrite(place, `${folder} is a file, not a folder`);
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw cannotWrite(place, (error as Error).message);
  }
}

function cannotWrite(directory: string, reason: string): PinnEdgeError {
  return new PinnEdgeError('PE1004', { directory, reason });
}
