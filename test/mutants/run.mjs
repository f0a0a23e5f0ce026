#!/usr/bin/env node
// Bugs introduced on purpose, one by one, each in a copy of the sources: does a test notice?
// How it is called: HELP, below.
//
// A list is an array of mutants: { name, file, find, replace, tests, build? }. `find` is text that occurs once in `file`;
// `replace` is the bug; `tests` are the test files that must notice it, the quickest first; `build` says that they run what
// `npm run build` makes (the command line). To add one: write it into the list of its area, run it with --only, and see it
// killed. A mutant that survives asks for a test, not for another mutant.
//
// Tests must pass without any bug first. A mutant counts as killed when a test fails that passes without it, or when the
// tests do not come to an end; where nothing runs at all, it is broken. Exit code 0: all killed; 1: one survived; 2: usage,
// a text that is not found, a broken mutant, or tests that fail by themselves.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `Bugs introduced on purpose, one by one, each in a copy of the sources: does a test notice?

  npm run mutants                        all of them
  npm run mutants -- --only lane         those whose name or list has this in it; may be given several times
  npm run mutants -- --list              their names
  npm run mutants -- --from mine.json    those of this list instead of the lists beside this file

Exit code 0: all killed; 1: one survived; 2: bad usage, a broken mutant, or tests that fail by themselves.
`;

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const TIMEOUT_MS = 15 * 60_000;
const NOT_COPIED = ['node_modules', '.git', 'build'];
const ENDLESS = 'ended by time';

class Refusal extends Error {}

function readList(file) {
  let list;
  try {
    list = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Refusal(`${file}: ${error.message}`);
  }
  if (!Array.isArray(list)) throw new Refusal(`${file} is no list of mutants`);
  return list.map((mutant) => ({ ...mutant, list: basename(file, '.json') }));
}

function chosenMutants({ from, only }) {
  const files =
    from ??
    readdirSync(here)
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => join(here, name));
  const all = files.flatMap(readList);
  for (const [i, mutant] of all.entries()) check(mutant, all.slice(0, i));
  if (!only) return all;
  const chosen = all.filter(({ name, list }) => only.some((part) => name.includes(part) || list === part));
  if (!chosen.length) throw new Refusal(`no mutant has ${only.join(' or ')} in its name; see --list`);
  return chosen;
}

/** Whether it says what it must, and its text is still there, once. */
function check({ name, file, find, replace, tests, list }, before) {
  const isText = (value) => typeof value === 'string' && value !== '';
  const isComplete = isText(name) && isText(file) && isText(find) && typeof replace === 'string' && find !== replace;
  if (!isComplete || !Array.isArray(tests) || !tests.length || !tests.every(isText)) {
    throw new Refusal(`${list}: mutant "${name}" needs name, file, find, replace and tests`);
  }
  if (before.some((other) => other.name === name)) throw new Refusal(`${list}: two mutants are named "${name}"`);
  const times = textOf(file).split(find).length - 1;
  if (times !== 1) {
    const found = times ? `occurs ${times} times in` : 'is not found any more in';
    throw new Refusal(`${list}: the text of "${name}" ${found} ${file}: ${find}`);
  }
  for (const test of tests) textOf(test);
}

function textOf(file) {
  try {
    return readFileSync(join(root, file), 'utf8');
  } catch {
    throw new Refusal(`there is no file ${file}`);
  }
}

/** The sources and what was built of them; installed packages are linked. */
function copySources() {
  const copy = mkdtempSync(join(tmpdir(), 'pinn-edge-mutants-'));
  const isCopied = (path) => {
    const place = relative(root, path).split(sep);
    // The addon that was built lies deeper.
    return !NOT_COPIED.includes(place[0]);
  };
  cpSync(root, copy, { recursive: true, filter: isCopied });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'dir');
  return copy;
}

function build(copy) {
  const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: copy });
  // Types may be wrong, as long as there is code.
  if (status !== 0) process.stdout.write(`  (tsc: ${String(stdout).split('\n')[0]})\n`);
}

/** Runs test files; how many failed and passed, and the first sentence of what failed. */
function runTests(copy, tests) {
  const report = join(copy, 'mutant-report.json');
  rmSync(report, { force: true });
  const vitest = join('node_modules', 'vitest', 'vitest.mjs');
  const args = [vitest, 'run', '--bail=1', '--reporter=json', `--outputFile=${report}`, ...tests];
  const { error } = spawnSync(process.execPath, args, {
    cwd: copy,
    stdio: 'ignore',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    env: { ...process.env, VITEST: undefined, NODE_OPTIONS: undefined },
  });
  if (error?.code === 'ETIMEDOUT') return { failed: 1, passed: 0, what: ENDLESS };
  try {
    const { numFailedTests, numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const first = testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .find(({ status }) => status === 'failed');
    const message = testResults.find(({ status }) => status === 'failed')?.message;
    return { failed: numFailedTests, passed: numPassedTests, what: first?.fullName ?? message ?? '' };
  } catch {
    return { failed: 0, passed: 0, what: 'no test ran' };
  }
}

/** @returns killed, survived or broken, and by what */
function tryMutant(copy, { file, find, replace, tests, build: isBuilt }) {
  const place = join(copy, file);
  const original = readFileSync(place, 'utf8');
  writeFileSync(
    place,
    original.replace(find, () => replace),
  );
  try {
    if (isBuilt) build(copy);
    // The quickest first: most mutants die there.
    for (const test of tests) {
      const { failed, passed, what } = runTests(copy, [test]);
      if (failed) return { verdict: 'killed', what };
      if (!passed) return { verdict: 'broken', what: what.split('\n')[0] };
    }
    return { verdict: 'survived', what: tests.join(', ') };
  } finally {
    writeFileSync(place, original);
    if (isBuilt) build(copy);
  }
}

function requirePassing(copy, mutants) {
  const tests = [...new Set(mutants.flatMap((mutant) => mutant.tests))];
  process.stdout.write(`${tests.length} test files without any bug ... `);
  let all = 0;
  // One by one: each has the time that a mutant has.
  for (const test of tests) {
    const { failed, passed, what } = runTests(copy, [test]);
    if (failed || !passed) throw new Refusal(`${test} fails without any bug: ${what}`);
    all += passed;
  }
  process.stdout.write(`${all} tests pass\n`);
}

function main() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      from: { type: 'string', multiple: true },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const mutants = chosenMutants(values);
  if (values.list) {
    for (const { list, name, file } of mutants) process.stdout.write(`${list}: ${name}  (${file})\n`);
    return 0;
  }
  const copy = copySources();
  // Ctrl-C, too, leaves no copy behind.
  process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  if (mutants.some((mutant) => mutant.build)) build(copy);
  requirePassing(copy, mutants);
  const counts = { killed: 0, survived: 0, broken: 0 };
  for (const mutant of mutants) {
    const { verdict, what } = tryMutant(copy, mutant);
    counts[verdict]++;
    process.stdout.write(`${verdict.padEnd(9)} ${mutant.list}: ${mutant.name}  (${what})\n`);
  }
  process.stdout.write(`${counts.killed} killed, ${counts.survived} survived, ${counts.broken} broken\n`);
  if (counts.broken) return 2;
  return counts.survived ? 1 : 0;
}

try {
  process.exitCode = main();
} catch (error) {
  if (!(error instanceof Refusal) && !error.code?.startsWith('ERR_PARSE_ARGS')) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
