import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { firmwareFiles } from '../../compiler/deliver/package/firmware-files.js';
import { modelHeader } from '../../compiler/deliver/package/header.js';
import { listTargets, loadTarget } from '../../compiler/deliver/package/targets.js';
import { wasm3Folder } from '../../compiler/deliver/package/wasm3.js';
import { temporaryFolder } from '../helpers/cli.js';
import { headerInputOf, smallModel } from './fixture.js';
import { C99, compileOrThrow, run, WARNINGS } from './toolchain.js';

/**
 * The library of the PlatformIO project as PlatformIO builds and links it: the sources that `srcFilter` names, with the
 * flags of library.json, in an archive; and before it on the command line the objects of another wasm3, which has
 * PlatformIO's registry link them as objects ("libArchive": false), with settings of its own.
 */

const folder = temporaryFolder();
const library = join(folder, 'platformio/lib/pinn_edge');
let archive = '';
let foreign: string[] = [];

interface Manifest {
  dependencies?: unknown;
  build: { srcFilter: string[]; flags: string[] };
}

/** Opens the model, repeats its golden vectors, and makes use of the other wasm3. */
const APPLICATION = `#include <stdio.h>
#include "pinn_edge.h"
#include "pinn_model.h"
void *m3_NewEnvironment(void);
void m3_FreeEnvironment(void *environment);
static pe_t pe;
static uint8_t arena[PINN_MODEL_ARENA_BYTES];
int main(void) {
  void *other = m3_NewEnvironment();
  if (other == NULL) return 1;
  const pe_result_t result = pe_open(&pe, &pinn_model, arena, sizeof arena);
  if (result != PE_OK) printf("open: %s %s\\n", pe_text(result), pe_detail(&pe));
  else printf("%s\\n", pe_text(pe_self_test(&pe)));
  m3_FreeEnvironment(other);
  return 0;
}
`;

beforeAll(async () => {
  const files = firmwareFiles(loadTarget('esp32'), modelHeader(headerInputOf(await smallModel())));
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const { build } = JSON.parse(files.get('platformio/lib/pinn_edge/library.json')!) as Manifest;
  // A pattern without ** takes the files of the folder itself.
  expect(build.srcFilter).toEqual(['+<*.c>']);
  const flags = build.flags.map((flag) => (flag.startsWith('-I') ? `-I${join(library, flag.slice(2))}` : flag));
  const objects = readdirSync(library)
    .filter((name) => name.endsWith('.c'))
    .map((name) => {
      const object = join(folder, `${name}.o`);
      compileOrThrow('cc', ['-std=gnu17', '-O2', ...flags, `-I${library}`, '-c', join(library, name), '-o', object]);
      return object;
    });
  archive = join(folder, 'libpinn_edge.a');
  compileOrThrow('ar', ['rcs', archive, ...objects]);
  const sources = readdirSync(wasm3Folder()).filter((name) => /^m3_(?!api_).*\.c$/.test(name));
  foreign = sources.map((name) => {
    const object = join(folder, `other-${name}.o`);
    compileOrThrow('cc', ['-std=gnu17', '-O2', '-w', '-c', join(wasm3Folder(), name), '-o', object]);
    return object;
  });
  writeFileSync(join(folder, 'main.c'), APPLICATION);
}, 300_000);

test('another wasm3 on the command line takes nothing from the library, nor the library from it', () => {
  const program = join(folder, 'program');
  const includes = [library, join(folder, 'platformio/include')].map((path) => `-I${path}`);
  const main = join(folder, 'main.o');
  compileOrThrow('cc', [...C99, ...WARNINGS, ...includes, '-c', join(folder, 'main.c'), '-o', main]);
  compileOrThrow('cc', [main, ...foreign, archive, '-lm', '-o', program]);
  expect(run(program, [])).toEqual({ status: 0, stdout: 'no error\n', stderr: '' });
});

test("every name of the library's wasm3 that a linker sees is the library's own", () => {
  const names = run('nm', ['-g', '--defined-only', join(folder, 'pe_wasm3.c.o')]).stdout.match(/\S+$/gm)!;
  expect(names.length).toBeGreaterThan(100);
  expect(names.filter((name) => !name.startsWith('pe_'))).toEqual([]);
});

test('the project fetches no wasm3, and no project lacks it', () => {
  for (const target of listTargets()
    .map(loadTarget)
    .filter(({ wasm3 }) => wasm3)) {
    const files = firmwareFiles(target, '');
    for (const { name, libraryFolder } of target.projects) {
      const sources = [...files.keys()].filter((path) => path.startsWith(`${name}/`) && path.endsWith('/m3_core.c'));
      expect(sources, `${target.name} ${name}`).toHaveLength(1);
      if (name !== 'platformio') continue;
      expect(files.get('platformio/platformio.ini')).not.toContain('lib_deps');
      const manifest = JSON.parse(files.get(`${name}/${libraryFolder}/library.json`)!) as Manifest;
      expect(manifest.dependencies).toBeUndefined();
    }
  }
});
