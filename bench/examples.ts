import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';

/** The example's model file. */
export function exampleModelFile(name: string): string {
  return join(PACKAGE_ROOT, 'examples', name, 'model.json');
}

/** Names of the examples that have a model. */
export function exampleNames(): string[] {
  return readdirSync(join(PACKAGE_ROOT, 'examples'))
    .filter((name) => existsSync(exampleModelFile(name)))
    .sort();
}
