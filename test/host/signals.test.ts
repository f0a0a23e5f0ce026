import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { EXIT } from '../../compiler/diagnostics.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { temporaryFolder } from '../helpers/cli.js';

/** Ctrl-C waits for what is being written, and for nothing else. */

const folder = temporaryFolder();
const module = pathToFileURL(join(PACKAGE_ROOT, 'dist/compiler/host/signals.js')).href;

/** Runs a program that says when it is time for the signal; how it ended. */
function interrupted(program: string): Promise<{ code: number | null; signal: string | null }> {
  const source = `import { writeFileSync } from 'node:fs';
import { holdSignals, signalsDelivered } from '${module}';
const busy = (ms) => { for (const end = performance.now() + ms; performance.now() < end; ); };
${program}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], { cwd: folder });
  child.stdout.once('data', () => child.kill('SIGINT'));
  return new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
}

test('in the middle of writing it ends the process once all is written', async () => {
  const ended = await interrupted(`holdSignals();
process.stdout.write('now');
busy(3000);
writeFileSync('whole', 'all of it');
await signalsDelivered();
busy(20_000);`);
  expect(ended).toEqual({ code: EXIT.interrupted, signal: null });
  expect(existsSync(join(folder, 'whole'))).toBe(true);
});

test('before and after, it ends the process at once', async () => {
  const before = await interrupted("process.stdout.write('now'); busy(20_000); writeFileSync('before', '');");
  expect(before).toEqual({ code: null, signal: 'SIGINT' });
  const after = await interrupted(`holdSignals();
await signalsDelivered();
process.stdout.write('now');
busy(20_000);
writeFileSync('after', '');`);
  expect(after).toEqual({ code: null, signal: 'SIGINT' });
  expect(existsSync(join(folder, 'before')) || existsSync(join(folder, 'after'))).toBe(false);
});

test('a program that listens itself goes on', async () => {
  const { code } = await interrupted(`process.on('SIGINT', () => { writeFileSync('mine', ''); });
holdSignals();
process.stdout.write('now');
busy(2000);
await signalsDelivered();
process.exit(7);`);
  expect(code).toBe(7);
  expect(existsSync(join(folder, 'mine'))).toBe(true);
});
