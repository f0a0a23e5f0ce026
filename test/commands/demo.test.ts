import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cli, temporaryFolder } from '../helpers/cli.js';

test('demo builds, runs and verifies the example by the commands that it prints, and says where the picture is', () => {
  const folder = temporaryFolder();
  const { code, out, err } = cli(['demo', '--target', 'host', '--compress', 'none'], { cwd: folder });
  expect(code, err).toBe(0);
  const said = ['$ pinn-edge build ', '$ pinn-edge simulate ', '\nx,t,u\n', '$ pinn-edge verify ', 'PASS', '\nOpen '];
  const places = said.map((part) => out.indexOf(part));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places[0]).toBeGreaterThanOrEqual(0);
  expect(existsSync(join(folder, 'build/host/report.html'))).toBe(true);
});

test('demo for a target that is not there says so', () => {
  const { code, err } = cli(['demo', '--target', 'toaster'], { cwd: temporaryFolder() });
  expect(code).toBe(2);
  expect(err).toContain('toaster');
});
