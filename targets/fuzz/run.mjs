#!/usr/bin/env node
// Coverage-guided fuzzing of the firmware library with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer:
//
//     npm run fuzz:firmware -- --seconds 120               all targets, in equal parts of 120 s
//     npm run fuzz:firmware -- --seconds 600 --only agent  one of them
//     npm run fuzz:firmware -- --seconds 0 --keep          adds to targets/fuzz/corpus what earlier runs have reached
//
// Needs clang with its sanitizers (Debian: clang libclang-rt-14-dev). Works in build/fuzz: corpus/ grows from run to run,
// findings/ holds inputs that crashed, hung or broke a claim. Exit code 0: none; 1: a finding; 2: cannot run.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const common = join(here, '..', 'common');
const work = join(root, 'build', 'fuzz');
const targets = JSON.parse(readFileSync(join(here, 'targets.json'), 'utf8'));

const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'];
// Endless loops end soon: thousands of modules with one are tried.
const DEFINITIONS = ['-DPE_MAX_STEPS(memory_bytes)=3000u'];
const COMMON_FLAGS = ['-g', '-O1', ...SANITIZERS, ...DEFINITIONS, `-I${common}`, `-I${here}`];
// wasm3's operations rely on wrapping signed arithmetic and read stack slots as several types.
const WASM3_FLAGS = ['-w', '-fwrapv', '-fno-strict-aliasing', '-fsanitize=fuzzer-no-link'];
const OWN_FLAGS = ['-std=c99', '-Wall', '-Wextra', '-Werror', '-Wconversion'];
const INPUT_TIMEOUT_SECONDS = 20;
// Longer inputs are cut before they are kept.
const MAX_KEPT_BYTES = 4300;

class RunError extends Error {}

function findClang() {
  const names = [process.env.CLANG, 'clang', ...[19, 18, 17, 16, 15, 14].map((version) => `clang-${version}`)];
  const found = names.find((name) => name && spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);
  if (!found) throw new RunError('No clang found. Install it with: sudo apt install clang libclang-rt-14-dev');
  return found;
}

function findWasm3() {
  const require = createRequire(import.meta.url);
  return join(dirname(require.resolve('react-native-webassembly/package.json')), 'cpp');
}

function compile(clang, args, what) {
  const { status, stderr } = spawnSync(clang, args, { encoding: 'utf8' });
  if (status !== 0) throw new RunError(`${clang} failed on ${what}:\n${stderr.split('\n').slice(0, 12).join('\n')}`);
}

function build(clang, names) {
  const wasm3 = findWasm3();
  const object = join(work, 'pe_wasm3.o');
  console.log(`building ${names.join(', ')} with ${clang} ...`);
  if (names.some((name) => targets[name].wasm3)) {
    const source = join(common, 'pe_wasm3.c');
    compile(clang, [...COMMON_FLAGS, ...WASM3_FLAGS, `-I${wasm3}`, '-c', source, '-o', object], 'wasm3');
  }
  for (const name of names) {
    const sources = targets[name].sources.map((source) => join(common, source));
    if (targets[name].wasm3) sources.push(join(here, 'arena.c'), object);
    const flags = [...COMMON_FLAGS, ...OWN_FLAGS, '-fsanitize=fuzzer', '-isystem', wasm3];
    compile(clang, [...flags, join(here, `${name}.c`), ...sources, '-lm', '-o', join(work, name)], name);
  }
}

function foldersOf(name) {
  const grown = join(work, 'corpus', name);
  const findings = join(work, 'findings', name);
  mkdirSync(grown, { recursive: true });
  mkdirSync(findings, { recursive: true });
  return { grown, findings, kept: join(here, 'corpus', name) };
}

/** Fuzzes one target; true when it found something. */
function fuzz(name, seconds) {
  const { grown, findings, kept } = foldersOf(name);
  const dictionary = join(here, `${name}.dict`);
  const args = [
    `-max_total_time=${seconds}`,
    `-max_len=${targets[name].maxBytes}`,
    `-timeout=${INPUT_TIMEOUT_SECONDS}`,
    '-rss_limit_mb=2048',
    '-print_final_stats=1',
    `-artifact_prefix=${findings}/`,
    ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : []),
    grown,
    ...(existsSync(kept) ? [kept] : []),
  ];
  const { status, stderr } = spawnSync(join(work, name), args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const number = (pattern) => Number(stderr.match(pattern)?.[1] ?? 0);
  const runs = number(/stat::number_of_executed_units:\s*(\d+)/);
  const covered = Math.max(0, ...Array.from(stderr.matchAll(/ cov: (\d+)/g), (match) => Number(match[1])));
  console.log(
    `${name.padEnd(11)} ${String(seconds).padStart(5)} s ${runs.toLocaleString('en').padStart(12)} inputs, ${covered} edges, ${status === 0 ? 'nothing found' : 'A FINDING'}`,
  );
  if (status === 0) return false;
  console.log(stderr.split('\n').slice(-80).join('\n'));
  console.log(`inputs: ${relative(process.cwd(), findings)}`);
  return true;
}

/** Adds to the kept corpus the fewest inputs that reach every edge that any known input reaches. */
function keep(name) {
  const { grown, kept } = foldersOf(name);
  mkdirSync(kept, { recursive: true });
  const { status, stderr } = spawnSync(
    join(work, name),
    [
      '-set_cover_merge=1',
      '-use_counters=0',
      `-max_len=${Math.min(MAX_KEPT_BYTES, targets[name].maxBytes)}`,
      kept,
      grown,
    ],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  if (status !== 0) throw new RunError(`merging the corpus of ${name} failed:\n${stderr.slice(-2000)}`);
  console.log(`${name.padEnd(11)} ${readdirSync(kept).length} inputs kept`);
}

function main() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '120' },
      only: { type: 'string', multiple: true, default: [] },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    const head = readFileSync(fileURLToPath(import.meta.url), 'utf8').match(/^(\/\/.*\n)+/m)?.[0] ?? '';
    console.log(head.replace(/^\/\/ ?/gm, ''));
    return 0;
  }
  const names = values.only.length > 0 ? values.only : Object.keys(targets);
  const unknown = names.find((name) => !(name in targets));
  if (unknown) throw new RunError(`unknown target "${unknown}"; known are ${Object.keys(targets).join(', ')}`);
  const seconds = Number(values.seconds);
  if (!(seconds >= 0)) throw new RunError(`--seconds ${values.seconds} is not a number of seconds`);
  mkdirSync(work, { recursive: true });
  build(findClang(), names);
  const each = Math.ceil(seconds / names.length);
  const findings = seconds > 0 ? names.filter((name) => fuzz(name, each)) : [];
  if (values.keep) for (const name of names) keep(name);
  return findings.length > 0 ? 1 : 0;
}

try {
  process.exitCode = main();
} catch (error) {
  if (!(error instanceof RunError) && error.code?.startsWith('ERR_PARSE_ARGS') !== true) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
