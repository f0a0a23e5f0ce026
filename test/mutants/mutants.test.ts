import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { temporaryFolder } from '../helpers/cli.js';

/** The tool that introduces bugs: it tells tests that notice from those that do not, and works in a copy. */

const folder = temporaryFolder();
const ARENA = 'compiler/table/lower/arena.ts';

function mutants(...args: string[]) {
  const script = join(PACKAGE_ROOT, 'test/mutants/run.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}

function listOf(...entries: object[]): string {
  const file = join(folder, 'mine.json');
  writeFileSync(file, JSON.stringify(entries));
  return file;
}

const KILLED = {
  name: 'the last byte is free',
  file: ARENA,
  find: 'if (at + buffer.bytes <= offsets[j]) break;',
  replace: 'if (at + buffer.bytes <= offsets[j] + 4) break;',
  tests: ['test/lower/arena.test.ts'],
};
const SURVIVOR = { ...KILLED, name: 'a word', find: '/** The next multiple of', replace: '/** Some multiple of' };

test('every text of its lists is still there, once', () => {
  const { code, out, err } = mutants('--list');
  expect(err).toBe('');
  expect(code).toBe(0);
  expect(out).toContain('core: lane proof without its start');
});

test('a bug that a test notices is killed, a change that none can notice survives, the sources stay as they are', () => {
  const before = readFileSync(join(PACKAGE_ROOT, ARENA), 'utf8');
  const { code, out, err } = mutants('--from', listOf(KILLED, SURVIVOR));
  expect(err).toBe('');
  expect(out).toContain('2 tests pass');
  expect(out).toMatch(/^killed +mine: the last byte is free {2}\(the arena plan never lets/m);
  expect(out).toMatch(/^survived +mine: a word/m);
  expect(out).toContain('1 killed, 1 survived, 0 broken');
  expect(code).toBe(1);
  expect(readFileSync(join(PACKAGE_ROOT, ARENA), 'utf8')).toBe(before);
});

test('one by its name, and a mutant that is no program is broken rather than killed', () => {
  const broken = { ...KILLED, name: 'no program', replace: 'if (' };
  const { code, out } = mutants('--from', listOf(KILLED, broken), '--only', 'no pro');
  expect(out).toMatch(/^broken +mine: no program/m);
  expect(out).not.toContain('the last byte');
  expect(code).toBe(2);
});

test.each([
  ['a text that is not found any more', [{ ...KILLED, find: 'no such text' }], 'is not found any more in'],
  ['a text that occurs often', [{ ...KILLED, find: 'bytes' }], 'times in'],
  ['a file that is not there', [{ ...KILLED, file: 'compiler/none.ts' }], 'no file compiler/none.ts'],
  ['a test that is not there', [{ ...KILLED, tests: ['test/none.test.ts'] }], 'no file test/none.test.ts'],
  ['one that changes nothing', [{ ...KILLED, replace: KILLED.find }], 'needs name, file, find, replace and tests'],
  ['two of a name', [KILLED, KILLED], 'two mutants are named'],
])('%s is refused before anything runs', (_name, list, part) => {
  const { code, out, err } = mutants('--from', listOf(...list));
  expect(code).toBe(2);
  expect(out).toBe('');
  expect(err.trim().split('\n')).toHaveLength(1);
  expect(err).toContain(part);
});

test('a name that no mutant has is refused', () => {
  expect(mutants('--only', 'nothing has this name')).toMatchObject({ code: 2, out: '' });
});
