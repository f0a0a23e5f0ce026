import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';

/** The real command, from dist/ (the test command builds it first). */
export const CLI = join(PACKAGE_ROOT, 'dist/compiler/cli.js');

export interface CliResult {
  code: number | null;
  out: string;
  err: string;
}

/** Runs the real command in a process of its own. */
export function cli(
  args: string[],
  options: { input?: string; cwd?: string; env?: Record<string, string> } = {},
): CliResult {
  const result = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
    input: options.input ?? '',
    cwd: options.cwd ?? PACKAGE_ROOT,
    env: { ...process.env, ...options.env },
    maxBuffer: 64 * 1024 * 1024,
  });
  return { code: result.status, out: result.stdout, err: result.stderr };
}

/** The same in the folder `cwd`, while this process goes on (as a device or a proxy, for instance). */
export function startCli(cwd: string, ...args: string[]): Promise<CliResult> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [CLI, ...args], { cwd });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => {
      out += text;
    });
    child.stderr.on('data', (text) => {
      err += text;
    });
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

/** A folder that is removed when the test file ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pinn-edge-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
