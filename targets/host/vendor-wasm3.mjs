// Before packing: puts wasm3's C sources into vendor/wasm3, as pinn-edge's users do not install the package they come
// from (its peers are React Native). After packing the folder is removed again (--remove).

import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const target = join(packageRoot, 'vendor', 'wasm3');

const NOTICE = `wasm3, Copyright (c) 2019 Steven Massey, Volodymyr Shymanskyy

The C files in this folder are wasm3's, unchanged, under the MIT License:

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

rmSync(target, { recursive: true, force: true });
if (!process.argv.includes('--remove')) {
  const packageFile = createRequire(import.meta.url).resolve('react-native-webassembly/package.json');
  const source = join(dirname(packageFile), 'cpp');
  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(source)) {
    if (/^(m3_.*\.[ch]|wasm3.*\.h)$/.test(name)) copyFileSync(join(source, name), join(target, name));
  }
  writeFileSync(join(target, 'LICENSE'), NOTICE);
}
