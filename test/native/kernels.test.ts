import { expect, it } from 'vitest';
import { checkTable } from '../../compiler/table/check.js';
import { disassemble } from '../../compiler/table/disassemble.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { CHECK, KIND } from '../../compiler/table/specification.js';
import { type BlockTable, encodeTable, HEADER_BYTES, RECORD_BYTES, sealTable } from '../../compiler/table/table.js';
import { temporaryFolder } from '../helpers/cli.js';
import { dualTable } from '../helpers/dual-table.js';
import { randoms } from '../helpers/models.js';
import { asNativeEnginesRead, FOREIGN, nativeOnly, squaresTable } from '../helpers/native-table.js';
import { INPUT_WORDS, randomTable, randomWords } from '../helpers/random-table.js';
import { buildWalker, SANITIZERS, walk } from './walk.js';

/** Kernel by kernel, the C code gives the integers of the oracle, without undefined behaviour. */

const folder = temporaryFolder();
const POINTS = 400;
const programs = new Map<string, string>();

function walker(...flags: string[]): string {
  const key = flags.join(' ');
  if (!programs.has(key)) programs.set(key, buildWalker(folder, flags));
  return programs.get(key)!;
}

const sanitized = (...flags: string[]) => walker('-O1', ...SANITIZERS, ...flags);

it.each([1, 2, 3])('random records, seed %i: every kind in every format', (seed) => {
  requireEqual(sanitized(), nativeOnly(randomTable(seed)), seed);
});

it.each([1, 2, 3, 4])('random records as the native engines read them, seed %i: the same integers', (seed) => {
  const table = nativeOnly(randomTable(seed, 4));
  const native = asNativeEnginesRead(table);
  const words = randomWords(seed, POINTS);
  expect(createOracle(native).run(words)).toEqual(createOracle(table).run(words));
  const kinds = new Set(native.records.map(({ kind }) => kind));
  for (const kind of [KIND.DENSE_DUAL, KIND.DENSE_STARTS, KIND.MAP_HORNER]) expect(kinds).toContain(kind);
  requireEqual(sanitized(), native, seed);
  requireEqual(walker('-O3'), native, seed);
});

it.each([1, 2, 3])('dual blocks, seed %i: odd rows, any columns, shifts, groups, accumulators', (seed) => {
  requireEqual(sanitized(), dualTable(seed), seed);
  requireEqual(walker('-O3'), dualTable(seed), seed);
});

it.each([1, 2, 3])('squares, seed %i: by every shift, alone and taken from one', (seed) => {
  for (const program of [sanitized(), walker('-O3')]) requireEqual(program, squaresTable(seed), seed);
});

it('kernels that are small instead of fast give the same integers', () => {
  const small = walker('-Os', '-DPE_SMALL_KERNELS');
  const table = nativeOnly(randomTable(4, 4));
  for (const each of [table, asNativeEnginesRead(table), dualTable(4)]) requireEqual(small, each, 4);
});

it('kernels with an instance for every format, as on the machine that compiles, give the same integers', () => {
  for (const long of [sanitized('-DPE_LONG_KERNELS'), walker('-O3', '-DPE_LONG_KERNELS')]) {
    for (const seed of [1, 2, 3, 4]) requireEqual(long, nativeOnly(randomTable(seed, 2)), seed);
    requireEqual(long, asNativeEnginesRead(nativeOnly(randomTable(5, 4))), 5);
  }
});

it('kernels for processors without products of 64 bits give the same integers, without undefined behaviour', () => {
  const narrow = sanitized('-DPE_WIDE_PRODUCTS=0');
  for (const seed of [1, 2, 3]) requireEqual(narrow, asNativeEnginesRead(nativeOnly(randomTable(seed, 4))), seed);
});

function requireEqual(program: string, table: BlockTable, seed: number): void {
  const bytes = encodeTable(table);
  const inputs = randomWords(seed + 100, POINTS);
  const wanted = createOracle(table).run(inputs).outputs;
  const [{ check, outputs }] = walk(program, [{ table: bytes, arenaCapacity: table.arenaBytes, inputs }]);
  expect(check).toBe(CHECK.OK);
  const at = outputs.findIndex((word, i) => word !== wanted[i]);
  const word = INPUT_WORDS + (at % table.outputs.length);
  const record = table.records.findLast(({ out }) => out <= 2 * word)!;
  const where = at < 0 ? '' : disassemble({ ...table, inputs: [], outputs: [], records: [record] });
  expect(where, `C: ${outputs[at]}, oracle: ${wanted[at]}`).toBe('');
  // The test means nothing if the outputs do not vary.
  expect(new Set(wanted).size).toBeGreaterThan(POINTS * 10);
}

it('damaged tables are refused by the same check as in the compiler, or run inside their memory', () => {
  const tables = [nativeOnly(randomTable(11, 1)), dualTable(11)];
  const next = randoms(5);
  const below = (n: number) => Math.floor(((next() + 1) / 2) * n);
  const cases = Array.from({ length: 6000 }, (_, trial) => {
    const table = tables[trial % 2];
    const damaged = encodeTable(table);
    const recordsAt = HEADER_BYTES + table.inputs.length * 12 + table.outputs.length * 4;
    const inHeader = trial % 16 < 2;
    const at = inHeader ? below(HEADER_BYTES) : recordsAt + below(table.records.length * RECORD_BYTES);
    const value = below(256);
    // What only the interpreter's kernels read is refused here as an unknown kind, before any other check.
    damaged[at] = FOREIGN.includes(value) ? 0 : value;
    if (trial % 32 !== 0) sealTable(damaged);
    const bytes = trial % 97 === 0 ? damaged.subarray(0, below(damaged.length)) : damaged;
    return { table: Uint8Array.from(bytes), arenaCapacity: 2 ** 17, inputs: randomWords(trial, 1) };
  });
  const answers = walk(
    sanitized(),
    cases.map((c) => (headerCount(c.table) === INPUT_WORDS ? c : { ...c, inputs: new Int32Array() })),
  );
  const seen = new Set<number>();
  answers.forEach(({ check }, i) => {
    expect(check, `case ${i}`).toBe(checkTable(cases[i].table).check);
    seen.add(check);
  });
  const wanted = [
    'MAGIC',
    'VERSION',
    'SIZE',
    'CRC',
    'LAYOUT',
    'ARENA',
    'KIND',
    'FORMAT',
    'OPERAND_A',
    'OPERAND_B',
    'RESULT',
    'SHIFT',
    'WEIGHTS',
    'BIAS',
    'ROW_SHIFTS',
    'TABLE',
    'BLOCK',
    'DUAL',
  ] as const;
  for (const name of wanted) expect(seen, name).toContain(CHECK[name]);
}, 60_000);

function headerCount(table: Uint8Array): number {
  return table.length >= HEADER_BYTES ? new DataView(table.buffer, table.byteOffset).getUint16(18, true) : 0;
}
