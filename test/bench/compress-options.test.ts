import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';

it.each([
  ['--method', 'foo', 'known are int8'],
  ['--only', 'nosuch', 'known are battery-health, battery-spm'],
  ['--tol', 'x', 'found x'],
  ['--tol', '2', 'below 1'],
  ['--effort', 'max', 'quick'],
  ['--row-seconds', 'soon', 'found soon'],
  ['--bogus', '1', '--bogus'],
])('bench:compress refuses %s %s and measures nothing', (option, value, part) => {
  const args = [join(PACKAGE_ROOT, 'dist/bench/compress.js'), option, value];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(status, stderr).toBe(2);
  expect(stdout).toBe('');
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stderr).toContain(part);
});
