import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { deviceRefusal } from '../../compiler/code/asc/device.js';
import { MODULE } from '../../compiler/code/asc/limits.js';
import { nativeStackBound } from '../../compiler/code/cost/native-stack.js';
import { linearMemoryBytes } from '../../compiler/code/linear-memory.js';
import { VALIDATE_SOURCES } from '../../compiler/deliver/package/firmware-files.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { temporaryFolder } from '../helpers/cli.js';
import { randoms } from '../helpers/models.js';
import { moduleOf } from '../helpers/modules.js';
import { randomTable } from '../helpers/random-table.js';
import { smallModel } from '../package/fixture.js';
import { C99, COMMON, CPP11, compileOrThrow, WARNINGS } from '../package/toolchain.js';
import { assemble, MEMORY_BYTES, type Parts, tinyModule, tinyNativeModule } from './tiny-module.js';

/** The check of modules on the device, beside the one of the compiler (asc/device.ts). */

const SOURCES = VALIDATE_SOURCES.map((name) => join(COMMON, name));
const SANITIZERS = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'];
const folder = temporaryFolder();
const program = join(folder, 'validate');
const MEMORY = MEMORY_BYTES;
/** Of this machine, as the C check is compiled here. */
const HOST = { isa: process.arch === 'x64' ? 'x86-64' : 'other', tailCalls: false, wasm3: { codePageBytes: 1024 } };

beforeAll(() => {
  const main = join(PACKAGE_ROOT, 'test', 'fuzz', 'validate_main.c');
  const stack = ['-DPE_TAIL_CALLS=0', '-DPE_NATIVE_STACK_BYTES=0x7fffffff'];
  compileOrThrow('cc', [...C99, ...SANITIZERS, ...WARNINGS, ...stack, `-I${COMMON}`, main, ...SOURCES, '-o', program]);
});

interface Candidate {
  wasm: Uint8Array;
  memoryBytes: number;
}

/** What the C check says of every module: "ok", or why not. */
function deviceVerdicts(candidates: readonly Candidate[]): string[] {
  const input = Buffer.concat(
    candidates.flatMap(({ wasm, memoryBytes }) => {
      const head = Buffer.alloc(8);
      head.writeUInt32LE(memoryBytes, 0);
      head.writeUInt32LE(wasm.length, 4);
      return [head, wasm];
    }),
  );
  const { status, stdout, stderr } = spawnSync(program, { input, encoding: 'utf8', maxBuffer: 2 ** 28 });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout.trim().split('\n');
}

function accepts({ wasm, memoryBytes }: Candidate): boolean {
  return deviceRefusal(wasm, memoryBytes) === undefined;
}

/** One small change: a bit, a byte, bytes taken away, doubled or moved, or a whole section moved. */
function mutate(wasm: Uint8Array, next: () => number): Uint8Array {
  const int = (count: number) => Math.min(count - 1, Math.floor(((next() + 1) / 2) * count));
  const bytes = Array.from(wasm);
  for (let n = 1 + int(2); n > 0; n--) {
    const at = int(bytes.length);
    switch (int(6)) {
      case 0:
        bytes[at] ^= 1 << int(8);
        break;
      case 1:
        bytes[at] = [0x00, 0x01, 0x0b, 0x0f, 0x10, 0x20, 0x40, 0x7e, 0x7f, 0x80, 0xff][int(11)];
        break;
      case 2:
        bytes[at] = int(256);
        break;
      case 3:
        bytes.splice(at, 1 + int(3));
        break;
      case 4:
        bytes.splice(at, 0, ...bytes.slice(at, at + 1 + int(8)));
        break;
      default:
        bytes[at] = bytes[int(bytes.length)];
    }
  }
  return Uint8Array.from(bytes);
}

describe('the C files', () => {
  test.each(['-O0', '-O2', '-Os'])('compile as C99 and as C++11 without warnings (%s)', (level) => {
    const flags = [level, ...WARNINGS, '-c', '-o', '/dev/null'];
    for (const source of SOURCES) {
      compileOrThrow('cc', [...C99, ...flags, source]);
      compileOrThrow('cc', [...flags, ...CPP11, source]);
    }
  });
});

describe('modules that the compiler makes', () => {
  test('are accepted, with every kernel', async () => {
    const compiled = await smallModel();
    const memoryBytes = linearMemoryBytes(compiled.table.length, compiled.lowered.table.arenaBytes);
    const { records, ...rest } = randomTable(5, 1);
    const middle = Math.floor(records.length / 2);
    // No model needs more than half of the kernels.
    const halves = [records.slice(0, middle), records.slice(middle)];
    const modules = await Promise.all(halves.map((half) => moduleOf({ ...rest, records: half })));
    const candidates = [{ wasm: compiled.wasm, memoryBytes }, ...modules];
    expect(candidates.map(({ wasm, memoryBytes: bytes }) => deviceRefusal(wasm, bytes))).toEqual(
      candidates.map(() => undefined),
    );
    candidates.push({ wasm: tinyNativeModule(), memoryBytes: MEMORY });
    deviceVerdicts(candidates).forEach((verdict, i) => {
      expect(verdict).toBe(`ok ${nativeStackBound(candidates[i].wasm, HOST).moduleBytes}`);
    });
    // Not with less memory than their data take.
    const cramped = { wasm: compiled.wasm, memoryBytes: 64 };
    expect(accepts(cramped)).toBe(false);
    expect(deviceVerdicts([cramped])).toEqual(['the module has data outside its memory']);
  }, 300_000);
});

describe('damaged modules', () => {
  test('both checks take the same ones, and V8 takes all of these', async () => {
    const next = randoms(11);
    const tiny = { wasm: tinyModule(), memoryBytes: MEMORY };
    const compiled = await smallModel();
    const real = {
      wasm: compiled.wasm,
      memoryBytes: linearMemoryBytes(compiled.table.length, compiled.lowered.table.arenaBytes),
    };
    const candidates: Candidate[] = [];
    for (let i = 0; i < 10_000; i++) candidates.push({ ...tiny, wasm: mutate(tiny.wasm, next) });
    for (let i = 0; i < 5000; i++) candidates.push({ ...tiny, wasm: mutate(tinyNativeModule(), next) });
    for (let i = 0; i < 3000; i++) candidates.push({ ...real, wasm: mutate(real.wasm, next) });
    for (let end = 0; end < tiny.wasm.length; end++) candidates.push({ ...tiny, wasm: tiny.wasm.subarray(0, end) });
    const verdicts = deviceVerdicts(candidates);
    const different = candidates.filter((candidate, i) => accepts(candidate) !== verdicts[i].startsWith('ok'));
    expect(
      different.map(({ wasm, memoryBytes }) => [deviceRefusal(wasm, memoryBytes), Buffer.from(wasm).toString('hex')]),
    ).toEqual([]);
    // And both say that these take the same native stack at most.
    const taken = candidates.filter((_, i) => verdicts[i].startsWith('ok'));
    const bounds = verdicts.filter((verdict) => verdict.startsWith('ok')).map((verdict) => verdict.split(' ')[1]);
    expect(taken.map(({ wasm }) => String(nativeStackBound(wasm, HOST).moduleBytes))).toEqual(bounds);
    expect(taken.length).toBeGreaterThan(500);
    expect(verdicts.length - taken.length).toBeGreaterThan(5000);
  }, 300_000);
});

describe('what is refused, and why', () => {
  const tiny = (parts: Partial<Parts>, memoryBytes = MEMORY): Candidate => ({ wasm: tinyModule(parts), memoryBytes });
  const body = (...code: number[]) => tiny({ run: [0, ...code, 0x0b] });
  const many = <T>(count: number, items: T[]): T[] => Array.from({ length: count }, () => items).flat();

  test.each<[string, Candidate, string]>([
    ['no module', { wasm: new Uint8Array(0), memoryBytes: MEMORY }, 'not a pinn-edge model'],
    ['a start function', { wasm: assemble({ start: [3] }), memoryBytes: MEMORY }, 'not a pinn-edge model'],
    ['a table', { wasm: assemble({ table: [1, 0x70, 0, 1] }), memoryBytes: MEMORY }, 'not a pinn-edge model'],
    [
      'a custom section',
      { wasm: assemble({ custom: [9, ...many(9, [0x61])] }), memoryBytes: MEMORY },
      'not a pinn-edge model',
    ],
    [
      'an import',
      { wasm: assemble({ import: [1, 2, 97, 97, 4, 97, 97, 97, 97, 0, 0] }), memoryBytes: MEMORY },
      'not a pinn-edge model',
    ],
    ['another memory', tiny({}, 3 * 65536), 'the memory of its descriptor'],
    ['data beyond the memory', tiny({ data: [1, 0, 0x41, 0xff, 0x1f, 0x0b, 2, 1, 2] }), 'data outside'],
    ['data at a negative address', tiny({ data: [1, 0, 0x41, 0x7f, 0x0b, 1, 1] }), 'data outside'],
    ['a float', body(0x43, 0, 0, 0, 0, 0x1a, 0x41, 0), 'not a pinn-edge model'],
    ['memory.grow', body(0x41, 0, 0x40, 0), 'not a pinn-edge model'],
    ['an indirect call', body(0x41, 0, 0x11, 0, 0), 'not a pinn-edge model'],
    ['operands of another type', body(0x42, 0), 'type error'],
    ['an operand too few', body(0x41, 0, 0x6a), 'type error'],
    ['an operand too many', body(0x41, 0, 0x41, 0), 'type error'],
    ['a local that is not there', body(0x20, 0), 'index out of range'],
    ['a global that is not there', body(0x23, 9), 'index out of range'],
    ['a call of nothing', body(0x10, 99), 'index out of range'],
    ['a branch out of the function', body(0x41, 0, 0x0c, 1), 'index out of range'],
    ['too much alignment', body(0x41, 0, 0x28, 3, 0), 'malformed'],
    ['code that cannot be reached', body(0x41, 0, 0x0f, 0x41, 0), 'cannot be reached'],
    ['recursion', body(0x10, 4), 'calls itself'],
    ['a function without end', tiny({ run: [0, 0x41, 0] }), 'ends early'],
    ['code behind the end', tiny({ run: [0, 0x41, 0, 0x0b, 0x0b] }), 'malformed'],
    ['too many operands', body(...many(200, [0x41, 0]), ...many(199, [0x6a])), 'exceeds a limit'],
    ['an address from memory', tiny({ input: [0, 0x41, 0, 0x28, 2, 0, 0x0b] }), 'malformed'],
    ['an address that locals stand before', tiny({ input: [1, 1, 0x7f, 0x41, 0, 0x0b] }), 'exceeds a limit'],
    ['too many locals', tiny({ run: [1, 0xc0, 0x01, 0x7f, 0x41, 0, 0x0b] }), 'exceeds a limit'],
    ['too deep blocks', body(...many(96, [0x02, 0x40]), ...many(96, [0x0b]), 0x41, 0), 'exceeds a limit'],
    [
      'too much work',
      body(...many(MODULE.MAX_WORK / 2, [0x41, 0, 0x24, 0, 0x23, 0, 0x1a]), 0x41, 0),
      'exceeds a limit',
    ],
  ])('%s', (_name, candidate, reason) => {
    expect(deviceVerdicts([candidate])[0]).toContain(reason);
    expect(accepts(candidate)).toBe(false);
  });

  test('the last that is taken', () => {
    const candidates = [
      body(...many(189, [0x41, 0]), ...many(188, [0x6a])),
      tiny({ run: [1, 0xbd, 0x01, 0x7f, 0x41, 0, 0x0b] }),
      body(...many(95, [0x02, 0x40]), ...many(95, [0x0b]), 0x41, 0),
    ];
    expect(deviceVerdicts(candidates).map((verdict) => verdict.slice(0, 2))).toEqual(['ok', 'ok', 'ok']);
    expect(candidates.map(accepts)).toEqual([true, true, true]);
  });
});
