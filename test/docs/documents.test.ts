import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { bugReport, createProgram } from '../../compiler/commands/main.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';
import {
  brokenLink,
  documents,
  type Invocation,
  invocationsOf,
  isThere,
  linksOf,
  pathsOf,
  read,
  scriptsOf,
  takeApart,
} from './documents.js';

/** What the documents name is there: files, headings, scripts, commands and their options, the library's functions. */

const all = documents();
const folder = temporaryFolder();
const commandNames = createProgram().commands.map((command) => command.name());

const find = (name: string): Command | undefined => createProgram().commands.find((command) => command.name() === name);

/** Why a command would not be understood; undefined where it would. */
function misunderstood({ text, command: name, words }: Invocation): string | undefined {
  const command = find(name);
  if (!command) return `${text}: no command ${name}`;
  const known = command.options.flatMap(({ short, long }) => [short, long]);
  const unknown = words.filter((word) => /^--?[a-z]/i.test(word) && !known.includes(word.split('=')[0]));
  if (unknown.length) return `${text}: ${name} has no ${unknown.join(', ')}`;
  // Placeholders have no value that could be checked.
  if (/\.\.\.|[<[]/.test(text) || words.at(-1)?.startsWith('-')) return undefined;
  try {
    command.parseOptions(words);
    return undefined;
  } catch (error) {
    return `${text}: ${(error as Error).message}`;
  }
}

const wrong = <T>(found: readonly (T | undefined)[]) => found.filter((reason) => reason !== undefined);

test('links lead to files and headings', () => {
  const links = [...all, read('CHANGELOG.md')].flatMap(({ file, text }) =>
    linksOf({ text }).map((link) => [file, link] as const),
  );
  expect(links.length).toBeGreaterThan(50);
  expect(wrong(links.map(([file, link]) => brokenLink(file, link)))).toEqual([]);
});

test('every document is in the list of docs/README.md', () => {
  const listed = linksOf(read('docs/README.md'));
  const own = all.map(({ file }) => file).filter((file) => file.startsWith('docs/') && file !== 'docs/README.md');
  expect(own.filter((file) => !listed.includes(file.slice('docs/'.length)))).toEqual([]);
});

test('paths of the repository are there', () => {
  const paths = all.flatMap((document) => pathsOf(document).map((path) => ({ file: document.file, path })));
  expect(paths.length).toBeGreaterThan(50);
  // What `npm run api` writes is not committed.
  expect(paths.filter(({ path }) => !isThere(path) && path !== 'docs/api/')).toEqual([]);
});

test('scripts are in package.json', () => {
  const { scripts } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8'));
  const named = all.flatMap(scriptsOf);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

test('commands have the options that they are given, and options take their values', () => {
  const given = all.flatMap((document) =>
    invocationsOf(document, commandNames).map((one) => ({ ...one, file: document.file })),
  );
  expect(given.length).toBeGreaterThan(60);
  expect(new Set(given.map(({ command }) => command)).size).toBeGreaterThan(10);
  const reasons = given.map((one) => {
    const reason = misunderstood(one);
    return reason && `${one.file}: ${reason}`;
  });
  expect(wrong(reasons)).toEqual([]);
});

test('programs in the README are programs of the library', () => {
  const blocks = [...read('README.md').text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, program]) => program);
  expect(blocks.length).toBeGreaterThan(0);
  const files = blocks.map((program, i) => {
    const file = join(folder, `program${i}.mts`);
    writeFileSync(file, program);
    return file;
  });
  const config = join(folder, 'tsconfig.json');
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
    typeRoots: [join(PACKAGE_ROOT, 'node_modules/@types')],
    paths: { 'pinn-edge': [join(PACKAGE_ROOT, 'dist/compiler/index.d.ts')] },
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, files }));
  const tsc = join(PACKAGE_ROOT, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', config], { encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

test('the program of examples/api builds, verifies and asks a model', () => {
  const model = join(folder, 'model.json');
  writeFileSync(model, JSON.stringify(perceptron([2, 4, 1])));
  const program = join(PACKAGE_ROOT, 'examples/api/build.mjs');
  const run = (file: string) => spawnSync(process.execPath, [program, file, join(folder, 'api')], { encoding: 'utf8' });
  const { stdout, stderr, status } = run(model);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/\ny0: largest error \d/);
  expect(stdout).toMatch(/answers y0 = -?\d/);
  expect(status).toBe(0);
  expect(run(join(folder, 'none.json'))).toMatchObject({ status: 2, stderr: expect.stringContaining('PE1001') });
});

test('a bug is told where to be reported, in a file that is part of the package', () => {
  const text = bugReport(new Error('this went wrong'));
  const [, heading, file] = text.match(/"(.*?)" in (.*) says where/)!;
  expect(readFileSync(file, 'utf8')).toContain(`\n## ${heading}\n`);
  expect(text).toContain('this went wrong\n    at ');
  const { files } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8'));
  expect(files).toContain(relative(PACKAGE_ROOT, file));
});

describe('what is not there is noticed', () => {
  const sample =
    takeApart(`See [a](none.md), [b](README.md#no-such-heading) and \`compiler/none.ts\`; \`npm run nothing\`.

    pinn-edge build model.json --no-such-option
    npx pinn-edge verify build/esp32 \\
      --samples 1   # too few
    pinn-edge frobnicate model.json
    pinn-edge sign "a folder" --key 'my -k.pem' --no-such-flag

As \`verify --smaples\` and \`test/none\` are not, nor \`targets/common/none_*.h\`.
`);

  test('links', () => {
    expect(linksOf(sample).map((link) => brokenLink('README.md', link))).toEqual([
      expect.stringContaining('no none.md'),
      expect.stringContaining('no such heading'),
    ]);
  });

  test('paths', () => {
    expect(pathsOf(sample).map((path) => [path, isThere(path)])).toEqual([
      ['compiler/none.ts', false],
      ['test/none', false],
      ['targets/common/none_*.h', false],
    ]);
    expect(['targets/common/pe_kernels_*.h', 'test/docs/doc', 'compiler/model'].map(isThere)).toEqual([
      true,
      true,
      true,
    ]);
  });

  test('scripts', () => {
    expect(scriptsOf(sample)).toEqual(['nothing']);
  });

  test('commands, options and values', () => {
    expect(invocationsOf(sample, commandNames).map(misunderstood)).toEqual([
      expect.stringContaining('build has no --no-such-option'),
      expect.stringContaining('must be a whole number'),
      expect.stringContaining('no command frobnicate'),
      expect.stringMatching(/sign has no --no-such-flag$/),
      expect.stringContaining('verify has no --smaples'),
    ]);
  });
});
