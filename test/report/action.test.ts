import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';
import { TOOLS_REQUIRED } from '../package/toolchain.js';

/** The steps of action.yml, run as a runner does: by bash, with their environment, from the user's folder. */

const text = readFileSync(join(PACKAGE_ROOT, 'action.yml'), 'utf8');
const folder = temporaryFolder();

/** Where a runner would have put the action: a clone of its own, installed by its first step, where CI asks for all of it. */
let actionPath = PACKAGE_ROOT;
const INSTALLS = TOOLS_REQUIRED;
if (!INSTALLS)
  process.stderr.write(
    "The install step of action.yml is skipped: PINN_EDGE_REQUIRE_TOOLS=1 runs it, from npm's registry.\n",
  );

/** What the step that keeps files names, one per line. */
function keptPaths(): string[] {
  const lines = text.slice(text.indexOf('path: |')).split('\n').slice(1);
  const length = lines.findIndex((line) => !line.startsWith('          '));
  return lines.slice(0, length < 0 ? undefined : length).map((line) => line.trim());
}

/** The script of a step; of our own file, whose layout this knows. */
function scriptOf(step: string): string {
  const lines = text.slice(text.indexOf(`- name: ${step}\n`)).split('\n');
  const oneLine = lines.slice(0, 4).find((line) => /^ +run: [^|]/.test(line));
  if (oneLine) return oneLine.trim().slice('run: '.length);
  const start = lines.findIndex((line) => line.trim() === 'run: |') + 1;
  const length = lines.slice(start).findIndex((line) => !line.startsWith('        '));
  return lines
    .slice(start, start + length)
    .map((line) => line.slice(8))
    .join('\n');
}

function runStep(step: string, env: Record<string, string>) {
  const files = { GITHUB_OUTPUT: join(folder, 'output'), GITHUB_STEP_SUMMARY: join(folder, 'summary.md') };
  return spawnSync('bash', ['-e', '-o', 'pipefail', '-c', scriptOf(step)], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, GITHUB_ACTION_PATH: actionPath, ...files, ...env },
  });
}

it.runIf(INSTALLS)(
  'installs itself',
  () => {
    const clone = join(folder, 'action');
    const cloned = spawnSync('git', ['clone', '-q', PACKAGE_ROOT, clone], { encoding: 'utf8' });
    expect(cloned.status, cloned.stderr).toBe(0);
    actionPath = clone;
    const installed = runStep('Install pinn-edge', {});
    expect(installed.status, installed.stderr).toBe(0);
    expect(existsSync(join(clone, 'dist/compiler/cli.js'))).toBe(true);
  },
  300_000,
);

it('builds, verifies and writes the summary; a baseline that is exceeded fails the step', () => {
  writeFileSync(join(folder, 'my net.json'), JSON.stringify(perceptron([2, 6, 1])));
  const built = runStep('Build', { MODEL: 'my net.json', TARGET: 'esp32', OPTIONS: '--compress none --tol 1e-2' });
  expect(built.status, built.stderr).toBe(0);
  expect(readFileSync(join(folder, 'output'), 'utf8')).toBe('folder=build/esp32\n');
  expect(existsSync(join(folder, 'build/esp32/report.html'))).toBe(true);
  const verified = runStep('Verify', { FOLDER: 'build/esp32', BASELINE: '', GROWTH: '0' });
  expect(verified.status, verified.stderr).toBe(0);
  expect(readFileSync(join(folder, 'summary.md'), 'utf8')).toContain('PASS');
  const kept = keptPaths().map((path) => path.replace(/\$\{\{.*?\}\}/, 'build/esp32'));
  expect(kept).toHaveLength(3);
  expect(kept.filter((path) => !existsSync(join(folder, path)))).toEqual([]);
  const report = JSON.parse(readFileSync(join(folder, 'build/esp32/report.json'), 'utf8'));
  writeFileSync(join(folder, 'before.json'), JSON.stringify({ ...report, wasmBytes: report.wasmBytes - 1 }));
  const grown = runStep('Verify', { FOLDER: 'build/esp32', BASELINE: 'before.json', GROWTH: '0' });
  expect(grown.status).toBe(1);
  expect(readFileSync(join(folder, 'summary.md'), 'utf8')).toContain('**too much**');
});
