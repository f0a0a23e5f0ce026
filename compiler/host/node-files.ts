import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { FileReader } from './file-reader.js';

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
