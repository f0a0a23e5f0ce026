import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createEngine } from '../../compiler/code/engines/create.js';
import { withTable } from '../../compiler/code/native-entry.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { builtInMemory, type LoadedBuild } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { loadModel } from '../../compiler/model/load.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { CHECK } from '../../compiler/table/specification.js';
import { readHeader, sealTable } from '../../compiler/table/table.js';
import { exampleFile } from '../boards/setup.js';
import { temporaryFolder } from '../helpers/cli.js';
import { run } from '../package/toolchain.js';
import { buildProgram, CORE_SOURCES, MODULE_SOURCES, TABLE_SOURCES } from '../update/fixture.js';

/** The firmware library's engine `wasm3+native` on the host, under AddressSanitizer: with wasm3 and past it. */

const PE = { CLAMPED: 1, TABLE: -8, TRAP: -9 } as const;
const SECTION_START = 24;

const folder = temporaryFolder();

let compiled: CompiledModel;
let build: LoadedBuild;
let program: string;

beforeAll(async () => {
  compiled = await compile(loadModel(exampleFile('heat-rod'), nodeFiles), { tolerance: 1e-3, engine: 'wasm3+native' });
  build = builtInMemory(compiled, packageBuild(compiled, loadTarget('esp32')));
  const own = ['pe_native.c', 'pe_native_engine.c', join(PACKAGE_ROOT, 'test/native/engine_test.c')];
  program = buildProgram(folder, 'engine', [...CORE_SOURCES, ...MODULE_SOURCES, ...TABLE_SOURCES, ...own], {
    wasm3: true,
  });
}, 300_000);

interface Opened {
  result: number;
  failedCheck: number;
  isAlone: boolean;
  detail: string;
  rows: number[][];
}

function open(wasm: Uint8Array, rows: readonly number[] = []): Opened {
  const { report, runnable } = build;
  const file = join(folder, 'module.wasm');
  writeFileSync(file, wasm);
  const sizes = [readHeader(compiled.table).crc, report.memoryBytes, report.wasm3StackBytes];
  const counts = [runnable.inputCount, runnable.outputCount];
  const { status, stdout, stderr } = run(program, [file, ...[...sizes, ...counts].map(String)], rows.join(' '));
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const [head, ...lines] = stdout.trim().split('\n');
  const [, result, failedCheck, isAlone, detail] = /^(-?\d+) (\d+) (\d) ?(.*)$/.exec(head)!;
  return {
    result: Number(result),
    failedCheck: Number(failedCheck),
    isAlone: isAlone === '1',
    detail,
    rows: lines.map((line) => line.split(' ').map(Number)),
  };
}

/** In range and far beyond it. */
const words = (): number[] =>
  Array.from({ length: 100 * build.runnable.inputCount }, (_, i) => Math.imul(i, 0x9e3779b1) >> (i % 5));

async function oracleRows(): Promise<number[][]> {
  const { outputs, statuses } = (await createEngine('oracle', build.runnable)).run(Int32Array.from(words()));
  const { outputCount } = build.runnable;
  return Array.from(statuses, (status, p) => [status, ...outputs.slice(p * outputCount, (p + 1) * outputCount)]);
}

/** What follows the call in `run`: status = ...; return status. */
const REST = [0x10, 0, 0x24, 0, 0x23, 0, 0x0b];

/** The module with other bytes in place of `run`'s REST; the lengths of body and code section are one byte each. */
function withRest(rest: readonly number[]): Uint8Array {
  const bytes = Array.from(compiled.wasm);
  const at = bytes.findIndex((_, i) => REST.every((byte, k) => bytes[i + k] === byte));
  // The section's id, its length, the number of bodies; then run, which is the first one.
  const code = bytes.lastIndexOf(10, at);
  const grown = rest.length - REST.length;
  bytes[code + 1] += grown;
  bytes[code + 3] += grown;
  bytes.splice(at, REST.length, ...rest);
  return Uint8Array.from(bytes);
}

describe('a module as the compiler makes it', () => {
  it('answers like the oracle, and after pe_open without wasm3', async () => {
    const { result, isAlone, rows } = open(compiled.wasm, words());
    expect({ result, isAlone }).toEqual({ result: 0, isAlone: true });
    const wanted = await oracleRows();
    expect(wanted.some(([status]) => status === PE.CLAMPED)).toBe(true);
    expect(rows).toEqual(wanted);
  });
});

describe('a module whose run does something else', () => {
  it('is left to wasm3, with the same integers', async () => {
    const { result, isAlone, rows } = open(withRest([...REST.slice(0, 6), 0x01, 0x0b]), words());
    expect({ result, isAlone }).toEqual({ result: 0, isAlone: false });
    expect(rows).toEqual(await oracleRows());
  });

  it('has its way', async () => {
    // return 0, whatever the walk said
    const { isAlone, rows } = open(withRest([0x10, 0, 0x24, 0, 0x41, 0, 0x0b]), words());
    expect(isAlone).toBe(false);
    expect(rows).toEqual((await oracleRows()).map(([, ...outputs]) => [0, ...outputs]));
    // return 16 + 6 in place of the walk's status: never open
    expect(open(withRest([0x10, 0, 0x24, 0, 0x41, 16 + 6, 0x0b]))).toMatchObject({ result: PE.TABLE, failedCheck: 6 });
  });

  it('cannot name an arena outside linear memory, or one that is too small', () => {
    const bytes = compiled.wasm.slice();
    const at = bytes.findIndex((_, i) => REST.every((byte, k) => bytes[i + k] === byte));
    // 41 08 | 41 xx yy: ARENA in one byte, ARENA_BYTES in two
    expect(Array.from(bytes.subarray(at - 5, at - 2))).toEqual([0x41, 8, 0x41]);
    const far = bytes.slice();
    far[at - 4] = 63;
    expect(open(far)).toMatchObject({ result: PE.TRAP, detail: expect.stringContaining('out of bounds') });
    const odd = bytes.slice();
    odd[at - 4] = 6;
    expect(open(odd)).toMatchObject({ result: PE.TRAP });
    const small = bytes.slice();
    small[at - 2] -= 4;
    expect(open(small)).toMatchObject({ result: PE.TABLE, failedCheck: CHECK.ARENA });
  });
});

describe('a module with another table', () => {
  const replaced = (table: Uint8Array) => {
    const rest = compiled.wasm.subarray(SECTION_START + compiled.table.length);
    return withTable(Uint8Array.from([...compiled.wasm.subarray(0, 8), ...rest]), table);
  };

  it('is refused by the CRC-32 that the module names', () => {
    const other = compiled.table.slice();
    other[other.length - 1] ^= 1;
    sealTable(other);
    expect(open(replaced(other))).toMatchObject({ result: PE.TABLE, failedCheck: CHECK.FORMAT });
    expect(open(replaced(compiled.table.subarray(0, 20)))).toMatchObject({ result: PE.TABLE, failedCheck: CHECK.SIZE });
  });

  it('is held to the checks of its records, where the CRC-32 of the module is right', () => {
    const { recordsOffset } = readHeader(compiled.table);
    for (const [at, value] of [
      [recordsOffset, 0xff],
      [recordsOffset + 13, 0xff],
      [recordsOffset + 18, 0xff],
    ]) {
      const damaged = compiled.table.slice();
      damaged[at] = value;
      const { result, failedCheck } = open(replaced(damaged));
      expect(result).toBe(PE.TABLE);
      expect(failedCheck).toBeGreaterThan(CHECK.LAYOUT);
    }
  });
});
