import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { interpolatePuOr, interpolateViridis } from 'd3-scale-chromatic';
import { build } from 'esbuild';

/**
 * Bundles the page of report.html, with what it needs of the compiler and of libraries, into dist/: once when the package is
 * built, so that the command needs no bundler and writes the same bytes on every machine.
 */

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const page = join(root, 'compiler/deliver/report/page');
const out = join(root, 'dist/compiler/deliver/report/page');

/** A palette as the hex digits of 256 colours, as a literal. */
function sampled(colourAt) {
  const hex = (colour) =>
    colour.startsWith('#')
      ? colour.slice(1)
      : colour
          .match(/\d+/g)
          .map((part) => Number(part).toString(16).padStart(2, '0'))
          .join('');
  return JSON.stringify(Array.from({ length: 256 }, (_, i) => hex(colourAt(i / 255))).join(''));
}

/** The browser's own instead of a copy for browsers without it, which brings the texts of its errors along. */
const ownDefineProperty = {
  name: 'own-define-property',
  setup: ({ onLoad }) =>
    onLoad({ filter: /@stdlib.utils-define-property.lib.index\.js$/ }, () => ({
      contents: 'module.exports = Object.defineProperty',
    })),
};

rmSync(out, { recursive: true, force: true });
const result = await build({
  entryPoints: { page: join(page, 'main.ts'), boot: join(page, 'boot.ts') },
  outdir: out,
  bundle: true,
  minify: true,
  charset: 'utf8',
  format: 'iife',
  target: 'es2022',
  legalComments: 'none',
  treeShaking: true,
  define: { VIRIDIS: sampled(interpolateViridis), PURPLE_ORANGE: sampled(interpolatePuOr) },
  metafile: process.argv.includes('--sizes'),
  tsconfig: join(page, 'tsconfig.json'),
  // The CRC of Node is not there in a page.
  plugins: [ownDefineProperty],
  alias: { 'node:zlib': join(page, 'crc32.ts') },
});
if (result.metafile) {
  const [output] = Object.entries(result.metafile.outputs)
    .find(([file]) => file.endsWith('page.js'))
    .slice(1);
  const inputs = Object.entries(output.inputs).sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput);
  for (const [file, { bytesInOutput }] of inputs) console.log(String(bytesInOutput).padStart(8), file);
}
