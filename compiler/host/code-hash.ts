import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGE_ROOT } from './package-root.js';

const OWN_FILE = fileURLToPath(import.meta.url);
/** The compiler's folder of code as it runs, JavaScript or, in tests, TypeScript, and that of its data. */
const PLACES = { code: dirname(dirname(OWN_FILE)), data: join(PACKAGE_ROOT, 'compiler') };

/**
 * SHA-256, hex, of code as it runs and of its data: what is kept between runs is then found again only by the code that
 * made it, also where that changed without its version, as in a checkout. Files count by path and contents, not by time, so
 * that equal installations share what they keep. Takes some milliseconds for a hundred files.
 *
 * @param folders of the compiler, such as `ir`; where there are none because the code is bundled, the bundle counts
 */
export function codeHash(folders: readonly string[], { code, data } = PLACES): string {
  const named = folders.flatMap((folder) => [
    ...filesIn(code, folder, extname(OWN_FILE)),
    ...filesIn(data, folder, '.json'),
  ]);
  const hash = createHash('sha256');
  for (const [name, file] of named.length ? named : [['', OWN_FILE]]) {
    const text = readFileSync(file);
    hash.update(`${name} ${text.length} `).update(text);
  }
  return hash.digest('hex');
}

/** Name and path of the files in a folder that have this extension; declarations are no code. */
function filesIn(root: string, folder: string, extension: string): [string, string][] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => extname(name) === extension && !name.endsWith('.d.ts'))
    .sort()
    .map((name) => [`${folder}/${name}`, join(root, folder, name)]);
}
