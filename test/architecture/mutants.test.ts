import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';

it('lists only mutants whose text is there', () => {
  const { status, stderr, stdout } = spawnSync(process.execPath, ['test/mutants/run.mjs', '--list'], {
    cwd: PACKAGE_ROOT,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout.split('\n').length).toBeGreaterThan(100);
});
