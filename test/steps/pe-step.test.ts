import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { congruential } from '../../compiler/judge/points/random.js';
import { STEP } from '../../compiler/run/steps/rollout.js';
import { nextStateWord } from '../../compiler/table/state-words.js';
import { temporaryFolder } from '../helpers/cli.js';
import { pendulum, stepBuild } from './helpers.js';

const folder = temporaryFolder();
const COMMON = join(PACKAGE_ROOT, 'targets', 'common');

describe('pe_step', () => {
  it.each([
    ['C99 with all warnings', ['-std=c99', '-pedantic', '-O0']],
    ['C++11', ['-x', 'c++', '-std=c++11', '-O2']],
    ['checks of undefined behaviour', ['-O1', '-fsanitize=undefined', '-fno-sanitize-recover=all']],
  ])('makes the words that the host makes: %s', (name, flags) => {
    const program = join(folder, name.replaceAll(/\W/g, ''));
    const sources = [join(COMMON, 'pe_step.c'), join(PACKAGE_ROOT, 'test', 'steps', 'step_main.c')];
    const warnings = ['-Wall', '-Wextra', '-Wconversion', '-Werror'];
    const made = spawnSync('cc', [...flags, ...warnings, `-I${COMMON}`, ...sources, '-o', program], {
      encoding: 'utf8',
    });
    expect(made.stderr).toBe('');
    const random = congruential(11);
    const word = () => (Math.floor(random() * 2 ** 32) - 2 ** 31) >> Math.floor(random() * 31);
    const cases = Array.from({ length: 5000 }, (_, n) => {
      const [a, b] = [word(), word()];
      const next = n % 50 ? word() : n % 100 ? 2 ** 31 - 1 : -(2 ** 31);
      return { shift: Math.floor(random() * 63) - 31, min: Math.min(a, b), max: Math.max(a, b), next };
    });
    const input = Int32Array.from(cases.flatMap(({ shift, min, max, next }) => [shift, min, max, next]));
    const run = spawnSync(program, { input: Buffer.from(input.buffer), maxBuffer: 1e7 });
    expect([run.status, run.stderr.toString()]).toEqual([0, '']);
    const found = new Int32Array(
      run.stdout.buffer.slice(run.stdout.byteOffset, run.stdout.byteOffset + run.stdout.length),
    );
    const wanted = cases.flatMap(({ next, ...range }) => {
      const { word: held, isOutside } = nextStateWord(next, { ...range, input: 1, output: 1 });
      return [isOutside ? STEP.left : STEP.ok, held];
    });
    expect([...found]).toEqual(wanted);
  });
});

describe('a build of a step model', () => {
  it('has what pe_step wants to know, and its file, in every project', async () => {
    for (const engine of ['c', 'wasm3'] as const) {
      const { files, report } = await stepBuild(engine);
      const text = files.get('pinn_step.h') as string;
      expect(text).toContain('#define PENDULUM_STATE_COUNT 2');
      expect(text).toContain('return pe_run_words((pe_t *)context, inputs, outputs);');
      const shift = report.outputs[1].exponent - report.inputs[1].exponent;
      expect(text).toMatch(
        new RegExp(
          `words\\[1\\] = pe_step_word\\(outputs\\[1\\], ${shift}, -\\d+, \\d+, &result\\);\\n +words\\[2\\] = `,
        ),
      );
      const names = [...files.keys()];
      expect(names.some((name) => /^firmware\/bare-metal(-update)?\/.*pe_step\.c$/.test(name))).toBe(true);
      if (engine === 'c') expect(files.get('c/step.h')).toContain('return pendulum_run_words(inputs, outputs);');
    }
  });

  it('has none of it without a state', async () => {
    const { files } = await stepBuild(
      'c',
      pendulum((m) => delete m.state),
    );
    expect([...files.keys()].filter((name) => /step/.test(name))).toEqual([]);
  });
});
