#!/usr/bin/env node
// Builds the two flavours of the wasm3 addon with the machine's own C compiler, when they are missing or out of date:
//   build/wasm3.node         with tail calls, as on ARMv7-M, RISC-V and workstations
//   build/wasm3-notail.node  without, as on Xtensa (ESP32, ESP8266) and ARMv6-M (Cortex-M0)
// No node-gyp, no Python, nothing downloaded. CC names the compiler; PINN_EDGE_CFLAGS adds flags (sanitizers).
// Prints one line when it has something to build. Exit code 0: the addon is ready; 1: it is not, and stderr says why.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const hostFolder = dirname(fileURLToPath(import.meta.url));
const packageRoot = join(hostFolder, '..', '..');
const commonFolder = join(hostFolder, '..', 'common');
const buildFolder = join(hostFolder, 'build');
const stampFile = join(buildFolder, 'wasm3.json');
const lockFile = join(buildFolder, 'lock');
const require = createRequire(import.meta.url);

const PARALLEL_JOBS = 2;
const LOCK_STALE_MS = 10 * 60_000;

// The interpreter as configured for the devices, so that what is refused there is refused here.
const WASM3_CONFIGURATION = {
  d_m3HasFloat: 0,
  // Without this, wasm3 takes float operations in unreachable code and stops only when they run.
  d_m3NoFloatDynamic: 0,
  d_m3HasWASI: 0,
  // Here wasm3 is compiled file by file, under its own names.
  PE_WASM3_PLAIN_NAMES: 1,
  d_m3CodePageAlignSize: 1024,
  d_m3MaxFunctionStackHeight: 256,
  d_m3MaxConstantTableSize: 120,
};

const WASM3_UNITS = ['bind', 'code', 'core', 'env', 'exec', 'function', 'info', 'module', 'parse'];
// wasm3's translation with the firmware library's count of the rounds of loops.
const COUNTED_UNIT = 'wasm3_compile';
const OWN_UNITS = ['counted_heap', 'fit_node', 'instance', 'node_values', 'private_stack', 'table_node', 'wasm3_node'];
// The block kernels and the checks of tables and modules of the firmware library: the same C as on the devices.
const LIBRARY_UNITS = [
  ...['pe_crc32', 'pe_kernels', 'pe_native', 'pe_table'],
  ...['pe_fit', 'pe_fit_condition', 'pe_fit_job', 'pe_fit_observe', 'pe_filter'],
  ...['pe_check_read', 'pe_check_sections', 'pe_check_code', 'pe_check_stack', 'pe_validate'],
];
const OWN_HEADERS = [
  ...[
    'counted_heap.h',
    'fit_node.h',
    'instance.h',
    'node_values.h',
    'private_stack.h',
    'redirect_heap.h',
    'table_node.h',
  ],
];

const FLAVOURS = [
  { name: 'wasm3', flags: [] },
  { name: 'wasm3-notail', flags: ['-fno-optimize-sibling-calls', '-DPINN_EDGE_NO_TAIL_CALLS=1'] },
];

// Stack protectors would add to every native frame that is measured.
const COMMON_FLAGS = ['-std=gnu11', '-O3', '-fPIC', '-fvisibility=hidden', '-fno-stack-protector', '-pthread'];
// wasm3's operations rely on wrapping signed arithmetic and read stack slots as several types.
const WASM3_FLAGS = ['-w', '-fwrapv', '-fno-strict-aliasing', '-include', 'redirect_heap.h'];
// No -Werror here: a compiler of next year must not lock users out. CI adds it by PINN_EDGE_CFLAGS.
const OWN_FLAGS = ['-Wall', '-Wextra', '-DPE_LONG_KERNELS=1'];
// Symbols are bound on loading: binding at the first call would happen, some 3 kB deep, on the measured stack.
const LINK_FLAGS =
  process.platform === 'darwin'
    ? ['-bundle', '-undefined', 'dynamic_lookup']
    : ['-shared', '-pthread', '-Wl,-z,relro,-z,now'];

/** What the user can mend: printed as a sentence, without a stack trace. */
class BuildError extends Error {}

function howToInstallCompiler() {
  return process.platform === 'darwin'
    ? 'Install one with: xcode-select --install'
    : 'Install one with: sudo apt install build-essential (or your system’s gcc or clang package)';
}

function findCompiler() {
  const candidates = [process.env.CC, 'cc', 'gcc', 'clang'].filter((name) => name?.trim());
  for (const candidate of candidates) {
    const [program, ...args] = candidate.trim().split(/\s+/);
    const answer = spawnSync(program, [...args, '--version'], { encoding: 'utf8' });
    if (answer.status === 0) return { program, args, version: answer.stdout.split('\n')[0] };
  }
  throw new BuildError(`No C compiler found (tried ${candidates.join(', ')}). ${howToInstallCompiler()}`);
}

/** The folder of wasm3's C files: packed with the published package, or that of the npm package they come from. */
function findWasm3Folder() {
  const packed = join(packageRoot, 'vendor', 'wasm3');
  if (existsSync(join(packed, 'm3_core.c'))) return packed;
  try {
    return join(dirname(require.resolve('react-native-webassembly/package.json')), 'cpp');
  } catch {
    throw new BuildError('wasm3’s C sources are missing (npm package react-native-webassembly). Run: npm install');
  }
}

function findNodeApiFolder() {
  try {
    return require('node-api-headers').include_dir;
  } catch {
    throw new BuildError('The Node-API headers are missing (npm package node-api-headers). Run: npm install');
  }
}

function listInputs(wasm3Folder, nodeApiFolder) {
  const headers = (folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.h'))
      .map((name) => join(folder, name));
  return [
    fileURLToPath(import.meta.url),
    ...OWN_HEADERS.map((name) => join(hostFolder, name)),
    ...[...OWN_UNITS, COUNTED_UNIT].map((unit) => join(hostFolder, `${unit}.c`)),
    ...LIBRARY_UNITS.map((unit) => join(commonFolder, `${unit}.c`)),
    ...headers(commonFolder).filter((file) => basename(file).startsWith('pe_')),
    ...WASM3_UNITS.map((unit) => join(wasm3Folder, `m3_${unit}.c`)),
    join(wasm3Folder, 'm3_compile.c'),
    ...headers(wasm3Folder),
    ...headers(nodeApiFolder),
  ];
}

/** One hash over all that decides what the addon contains. The flags stand in this file, which is an input. */
function computeKey(inputs, compiler, extraFlags) {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([process.platform, process.arch, compiler, extraFlags]));
  for (const file of inputs) hash.update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

/** Sizes and times of the inputs: wasm3.ts compares them to see, without running a compiler, that nothing changed. */
function writeStamp(key, inputs) {
  const files = inputs.map((file) => {
    const { size, mtimeMs } = statSync(file);
    return { path: relative(packageRoot, file), size, mtimeMs };
  });
  const temporary = `${stampFile}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify({ key, platform: process.platform, arch: process.arch, files }, null, 2));
  renameSync(temporary, stampFile);
}

function isUpToDate(key) {
  try {
    if (JSON.parse(readFileSync(stampFile, 'utf8')).key !== key) return false;
    return FLAVOURS.every(({ name }) => existsSync(join(buildFolder, `${name}.node`)));
  } catch {
    return false;
  }
}

function runCompiler(compiler, args, what) {
  return new Promise((resolve, reject) => {
    const child = spawn(compiler.program, [...compiler.args, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let messages = '';
    child.stderr.on('data', (chunk) => {
      messages += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) return resolve();
      const excerpt = messages.trim().split('\n').slice(0, 12).join('\n');
      reject(
        new BuildError(
          `The C compiler ${compiler.program} failed on ${what} (exit code ${code}). If its installation is ` +
            `incomplete: ${howToInstallCompiler()}\n${excerpt}`,
        ),
      );
    });
  });
}

async function runAll(jobs) {
  const queue = [...jobs];
  const worker = async () => {
    while (queue.length > 0) {
      await queue
        .shift()()
        .catch((error) => {
          queue.length = 0;
          throw error;
        });
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: PARALLEL_JOBS }, worker));
  const failed = workers.find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
}

function planCompilations(context) {
  const { temporary, wasm3Folder, nodeApiFolder, extraFlags } = context;
  const definitions = Object.entries(WASM3_CONFIGURATION).map(([name, value]) => `-D${name}=${value}`);
  const common = [...COMMON_FLAGS, ...definitions, `-I${hostFolder}`];
  const sources = [
    ...OWN_UNITS.map((unit) => join(hostFolder, `${unit}.c`)),
    ...LIBRARY_UNITS.map((unit) => join(commonFolder, `${unit}.c`)),
  ];
  const own = sources.map((source) => ({
    source,
    object: join(temporary, `${basename(source, '.c')}.o`),
    flags: [
      ...common,
      ...OWN_FLAGS,
      `-I${commonFolder}`,
      '-isystem',
      wasm3Folder,
      '-isystem',
      nodeApiFolder,
      ...extraFlags,
    ],
  }));
  const wasm3Sources = [
    join(hostFolder, `${COUNTED_UNIT}.c`),
    ...WASM3_UNITS.map((unit) => join(wasm3Folder, `m3_${unit}.c`)),
  ];
  const wasm3 = FLAVOURS.flatMap((flavour) =>
    wasm3Sources.map((source) => ({
      flavour: flavour.name,
      source,
      object: join(temporary, `${flavour.name}-${basename(source, '.c')}.o`),
      flags: [...common, ...WASM3_FLAGS, `-I${commonFolder}`, `-I${wasm3Folder}`, ...flavour.flags, ...extraFlags],
    })),
  );
  // The translation holds every operation and takes longest: first, so that the two jobs end together.
  return [...wasm3, ...own].sort(
    (a, b) => Number(b.source.endsWith('_compile.c')) - Number(a.source.endsWith('_compile.c')),
  );
}

async function compileAndLink(compiler, context) {
  const { temporary, extraFlags } = context;
  const compilations = planCompilations(context);
  await runAll(
    compilations.map(
      ({ source, object, flags }) =>
        () =>
          runCompiler(compiler, [...flags, '-c', source, '-o', object], relative(packageRoot, source)),
    ),
  );
  for (const { name } of FLAVOURS) {
    const objects = compilations.filter(({ flavour }) => flavour === undefined || flavour === name);
    const linked = join(temporary, `${name}.node`);
    const args = [...LINK_FLAGS, ...extraFlags, ...objects.map(({ object }) => object), '-o', linked];
    await runCompiler(compiler, args, `linking ${name}.node`);
  }
  for (const { name } of FLAVOURS) renameSync(join(temporary, `${name}.node`), join(buildFolder, `${name}.node`));
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function lockIsStale() {
  try {
    const pid = Number(readFileSync(lockFile, 'utf8'));
    const age = Date.now() - statSync(lockFile).mtimeMs;
    // A lock without its pid yet has just been created.
    return age > LOCK_STALE_MS || (pid > 0 && !isAlive(pid));
  } catch {
    return false;
  }
}

/** Lets one process build while others that want the same addon wait (test runners start several at once). */
async function withLock(action) {
  for (;;) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (lockIsStale()) rmSync(lockFile, { force: true });
      else await sleep(100);
    }
  }
  try {
    await action();
  } finally {
    rmSync(lockFile, { force: true });
  }
}

async function build() {
  if (process.platform === 'win32') {
    throw new BuildError('The wasm3 simulator is not built on Windows. Use the Windows Subsystem for Linux (WSL).');
  }
  const compiler = findCompiler();
  const wasm3Folder = findWasm3Folder();
  const nodeApiFolder = findNodeApiFolder();
  const extraFlags = process.env.PINN_EDGE_CFLAGS?.trim().split(/\s+/).filter(Boolean) ?? [];
  const inputs = listInputs(wasm3Folder, nodeApiFolder);
  const key = computeKey(inputs, compiler, extraFlags);
  mkdirSync(buildFolder, { recursive: true });
  await withLock(async () => {
    if (!isUpToDate(key)) {
      console.log(`Building the wasm3 simulator with ${compiler.program} (once, a few seconds) ...`);
      rmSync(stampFile, { force: true });
      const temporary = mkdtempSync(join(buildFolder, 'objects-'));
      try {
        await compileAndLink(compiler, { temporary, wasm3Folder, nodeApiFolder, extraFlags });
      } finally {
        rmSync(temporary, { recursive: true, force: true });
      }
    }
    writeStamp(key, inputs);
  });
}

try {
  await build();
} catch (error) {
  const cannotWrite = ['EACCES', 'EROFS', 'EPERM'].includes(error.code);
  if (!(error instanceof BuildError) && !cannotWrite) throw error;
  console.error(cannotWrite ? `Cannot write the wasm3 simulator to ${buildFolder}: ${error.message}` : error.message);
  process.exitCode = 1;
}
