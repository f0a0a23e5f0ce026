import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { floatFitProgram } from '../../bench/rivals/float-fit.js';
import { DERIVATIVES, FITS_AND_STEPS, withSection, writtenByOthers } from '../../bench/sections.js';
import { sensor } from '../fit/helpers.js';
import { temporaryFolder } from '../helpers/cli.js';

it('sections of other commands keep their places and each other', () => {
  const head = '# Benchmarks\n\nrows\n';
  const section = (title: string, text: string) => `## ${title}\n\n${text}\n`;
  const compression = section('Compression', 'bytes');
  for (const document of [head, `${head}\n${compression}`]) {
    let text = withSection(document, FITS_AND_STEPS, section(FITS_AND_STEPS, 'old'));
    text = withSection(text, DERIVATIVES, section(DERIVATIVES, 'exact'));
    text = withSection(text, FITS_AND_STEPS, section(FITS_AND_STEPS, 'new'));
    const others = `${section(DERIVATIVES, 'exact')}\n${section(FITS_AND_STEPS, 'new')}`;
    const last = document.slice(head.length);
    expect(text).toBe(`${head}\n${others}${last}`);
    expect(writtenByOthers(text)).toBe(`${others}${last}`);
  }
  expect(writtenByOthers(head)).toBe('');
});

it('float32 C with finite differences finds the parameter', () => {
  const folder = temporaryFolder();
  const model = sensor();
  const count = 10;
  const program = floatFitProgram({ model, parameter: 'a', count, sigma: 0.01 })!;
  const main = `#include <stdio.h>
#include "rival.h"
int main(void) {
  float in[RIVAL_INPUTS], out[RIVAL_OUTPUTS];
  if (fread(in, sizeof in, 1, stdin) != 1 || rival_open() != 0 || rival_infer(in, out) != 0) return 1;
  return fwrite(out, sizeof out, 1, stdout) == 1 ? 0 : 1;
}
`;
  const header = `#define RIVAL_INPUTS ${program.inputs}\n#define RIVAL_OUTPUTS ${program.outputs}\nint rival_open(void);\nint rival_infer(const float *, float *);\n`;
  for (const [name, text] of [...program.files, ['main.c', main], ['rival.h', header]])
    writeFileSync(join(folder, name), text);
  const flags = ['-O1', '-Wall', '-Wextra', '-Werror', 'main.c', 'model.c', 'fit.c', '-o', 'run', '-lm'];
  expect(spawnSync('cc', flags, { cwd: folder, encoding: 'utf8' }).stderr).toBe('');
  const [a, b] = [1.4, 0.2];
  const rows = Array.from({ length: count }, (_, k) => {
    const x = -0.9 + 0.18 * k;
    return [x, 0, b, 0.5, Math.tanh(2 * a * x + b)];
  });
  const { stdout } = spawnSync(join(folder, 'run'), { input: new Uint8Array(Float32Array.from(rows.flat()).buffer) });
  const [value, error, steps] = new Float32Array(Uint8Array.from(stdout).buffer);
  expect(value).toBeCloseTo(a, 3);
  expect(error).toBeGreaterThan(0.001);
  expect(error).toBeLessThan(0.02);
  expect(steps).toBeLessThanOrEqual(8);
});
