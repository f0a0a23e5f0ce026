// Before packing: puts wasm3's C sources into vendor/wasm3, as pinn-edge's users do not install the package they come
// from (its peers are React Native). After packing the folder is removed again (--remove).

import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const target = join(packageRoot, 'vendor', 'wasm3');

rmSync(target, { recursive: true, force: true });
if (!process.argv.includes('--remove')) {
  const packageFile = createRequire(import.meta.url).resolve('react-native-webassembly/package.json');
  const source = join(dirname(packageFile), 'cpp');
  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(source)) {
    if (/^(m3_.*\.[ch]|wasm3.*\.h)$/.test(name)) copyFileSync(join(source, name), join(target, name));
  }
  copyFileSync(join(packageRoot, 'targets', 'host', 'wasm3-LICENSE'), join(target, 'LICENSE'));
}
