import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { wasm3Folder } from '../../compiler/deliver/package/wasm3.js';
import { temporaryFolder } from '../helpers/cli.js';
import { CORE_SOURCES, MODULE_SOURCES } from '../update/fixture.js';
import { smallModel, writeHeader } from './fixture.js';
import { C99, COMMON, compileOrThrow, run, WARNINGS } from './toolchain.js';

/**
 * The library around other copies of wasm3: those in the folders that PINN_EDGE_OTHER_WASM3 names (with : between them;
 * the release 0.5.0 and 0.9.0 are in no registry that npm reads), and one here with the file that 0.9.0 added.
 */

const folder = temporaryFolder();
const like090 = join(folder, 'like-0.9.0');
const others = (process.env.PINN_EDGE_OTHER_WASM3 ?? '').split(':').filter(Boolean);

const APPLICATION = `#include <stdio.h>
#include "pinn_model.h"
static pe_t pe;
static uint8_t arena[4 * PINN_MODEL_ARENA_BYTES];
int main(void) {
  const pe_result_t result = pe_open(&pe, &pinn_model, arena, sizeof arena);
  printf("%d %s, %s\\n", result, pe_detail(&pe), pe_text(pe_self_test(&pe)));
  return 0;
}
`;

beforeAll(async () => {
  mkdirSync(like090);
  cpSync(wasm3Folder(), like090, { recursive: true, filter: (path) => !/\.(cpp|md)$/.test(path) });
  // Needed by what calls it, as 0.9.0's is by its compiler of functions.
  writeFileSync(join(like090, 'm3_validate.c'), 'int pe_of_validate(void);\nint pe_of_validate(void) { return 90; }\n');
  writeHeader(folder, await smallModel());
  writeFileSync(join(folder, 'main.c'), APPLICATION);
}, 300_000);

test.each([like090, ...others])('%s: every file of it is compiled, and golden vectors are answered', (wasm3) => {
  const place = join(folder, `program-${wasm3.replaceAll('/', '-')}`);
  const flags = ['-O1', ...WARNINGS, `-I${COMMON}`, `-I${folder}`, '-isystem', wasm3];
  const sources = [...CORE_SOURCES, ...MODULE_SOURCES, 'pe_wasm3.c'].map((name) => join(COMMON, name));
  compileOrThrow('cc', [...C99, ...flags, ...sources, join(folder, 'main.c'), '-lm', '-o', place]);
  expect(run(place, [])).toMatchObject({ status: 0, stdout: '0 , no error\n' });
  const names = run('nm', [place]).stdout;
  expect(/ (pe_of_validate|pe_ValidateFunction)$/m.test(names)).toBe(existsSync(join(wasm3, 'm3_validate.c')));
});
