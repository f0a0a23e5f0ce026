import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PACKAGE_ROOT } from '../../host/package-root.js';

/**
 * The folder of wasm3's C files: the one that PINN_EDGE_WASM3_DIR names, the one packed with the published package, or
 * that of the npm package they come from.
 */
export function wasm3Folder(): string {
  if (process.env.PINN_EDGE_WASM3_DIR) return process.env.PINN_EDGE_WASM3_DIR;
  const packed = join(PACKAGE_ROOT, 'vendor', 'wasm3');
  if (existsSync(join(packed, 'm3_core.c'))) return packed;
  const { resolve } = createRequire(import.meta.url);
  return join(dirname(resolve('react-native-webassembly/package.json')), 'cpp');
}

/** wasm3's C files, unchanged, and its licence; not m3_api_*, host interfaces that no model uses. */
export function wasm3Files(): Map<string, string> {
  const folder = wasm3Folder();
  const names = readdirSync(folder).filter((name) => /^(m3_(?!api_).*\.[ch]|wasm3(_defs)?\.h)$/.test(name));
  const files = new Map(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  return files.set('LICENSE', readFileSync(join(PACKAGE_ROOT, 'targets', 'host', 'wasm3-LICENSE'), 'utf8'));
}
