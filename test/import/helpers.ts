import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FileReader } from '../../compiler/host/file-reader.js';

/** The disk. */
export const files: FileReader = {
  read: (path) => (existsSync(path) ? readFileSync(path) : undefined),
  beside: (file, name) => join(dirname(file), name),
};

/** Files in memory. */
export function memoryFiles(contents: Record<string, Uint8Array | string>): FileReader {
  return {
    read: (path) => {
      const content = contents[path];
      return typeof content === 'string' ? new TextEncoder().encode(content) : content;
    },
    beside: (_, name) => name,
  };
}
