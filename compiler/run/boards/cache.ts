import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import envPaths from 'env-paths';

/** Files that are made from known inputs, kept for the next time under the hash of these inputs. */

/** The folder that PINN_EDGE_CACHE names, or one of the user's cache. It may be removed at any time. */
export function cacheFolder(): string {
  return process.env.PINN_EDGE_CACHE ?? join(envPaths('pinn-edge', { suffix: '' }).cache, 'boards');
}

export function keyOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex').slice(0, 32);
}

/** The file of that key; when it is not there yet, `make` writes it beside its place, and it is moved there whole. */
export function cachedFile(key: string, extension: string, make: (file: string) => void): string {
  const file = join(cacheFolder(), `${key}${extension}`);
  if (existsSync(file)) return file;
  mkdirSync(cacheFolder(), { recursive: true });
  const temporary = join(cacheFolder(), `.${key}-${randomUUID()}${extension}`);
  make(temporary);
  renameSync(temporary, file);
  return file;
}
