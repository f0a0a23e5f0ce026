import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of pinn-edge's own package.json: the same from the sources and from dist/. */
export const PACKAGE_ROOT = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(folder: string): string {
  const file = join(folder, 'package.json');
  if (existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name === 'pinn-edge') return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('pinn-edge: package.json not found above the running file');
  return findRoot(parent);
}

/** A JSON file that is part of the package. */
export function readPackageJson(path: string): unknown {
  return JSON.parse(readFileSync(join(PACKAGE_ROOT, path), 'utf8'));
}

/** pinn-edge's version, as in its package.json. */
export const VERSION: string = (readPackageJson('package.json') as { version: string }).version;
