import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { cannotRead, type FileReader } from './file-reader.js';

/** Files of this machine. */
export const nodeFiles: FileReader = {
  read(path) {
    try {
      return readFileSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  },
  beside: (file, name) => resolve(dirname(file), name),
};

/** @throws PE1001 when the file cannot be read */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw cannotRead(file, error);
  }
}
