import { expect, test, vi } from 'vitest';
import { compileAssemblyScript, ENTRY, runtimeSources } from '../../compiler/code/asc/run-asc.js';
import { createEngine } from '../../compiler/code/engines/create.js';
import { generateSources } from '../../compiler/code/entry.js';
import { congruential } from '../../compiler/judge/points/random.js';
import { checkTable } from '../../compiler/table/check.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { CHECK, FLAG, FORMAT, KIND } from '../../compiler/table/specification.js';
import { type BlockTable, EMPTY_RECORD, encodeTable, type TableRecord } from '../../compiler/table/table.js';

vi.setConfig({ testTimeout: 60_000 });

const INPUT_WORDS = 12;
const ROWS = 5;
const SHIFTS = [
  { shift: 0, shiftA: 0, shiftB: 0 },
  { shift: 5, shiftA: 3, shiftB: 0 },
  { shift: 17, shiftA: 0, shiftB: 16 },
  { shift: 40, shiftA: 31, shiftB: 31 },
];

/** One record per kind, widths, broadcast and shifts; operands are raw input words, every record has output words of its own. */
function everyVariant(): TableRecord[] {
  const records: TableRecord[] = [];
  const add = (kind: number, format: number, flags: number, shifts: (typeof SHIFTS)[number]) => {
    const select = kind === KIND.SELECT;
    const at = 2 * (INPUT_WORDS + ROWS * records.length);
    records.push({
      ...EMPTY_RECORD,
      kind,
      format,
      flags,
      rows: ROWS,
      cols: select ? 6 : 0,
      a: 0,
      b: 12,
      out: at,
      ...shifts,
    });
  };
  for (let widths = 0; widths < 8; widths++) {
    for (let broadcast = 0; broadcast < 4; broadcast++) {
      const flags = (broadcast & 1 ? FLAG.BROADCAST_A : 0) | (broadcast & 2 ? FLAG.BROADCAST_B : 0);
      for (const shifts of SHIFTS) {
        for (const kind of [KIND.MIN, KIND.MAX]) add(kind, widths | FORMAT.ACC_WIDE, flags, shifts);
        for (const condition of [FORMAT.WEIGHT_16, FORMAT.WEIGHT_32]) {
          const one = records.length % 3 === 0 ? FLAG.BROADCAST_CONDITION : 0;
          add(KIND.SELECT, widths | FORMAT.ACC_WIDE | condition, flags | one, shifts);
        }
      }
    }
  }
  return records;
}

function tableOf(records: TableRecord[]): BlockTable {
  const words = INPUT_WORDS + ROWS * records.length;
  return {
    inputs: Array.from({ length: INPUT_WORDS }, () => ({ min: -(2 ** 31), max: 2 ** 31 - 1, exponent: 0 })),
    outputs: Array.from({ length: words - INPUT_WORDS }, () => ({ exponent: 0 })),
    arenaBytes: 4 * words,
    records,
    pool: new Uint8Array(),
  };
}

const EXTREMES = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 32767, -32768, 0x7fff8000, 0x8000 - 0x10000, 65535, 0x12345678];

function inputWords(points: number): Int32Array {
  const share = congruential(1);
  const random = () => share() * 2 ** 32;
  return Int32Array.from({ length: points * INPUT_WORDS }, (_, i) => {
    if (i < 40 * INPUT_WORDS) return EXTREMES[random() % EXTREMES.length];
    return (random() | 0) >> ((random() >>> 8) % 28);
  });
}

async function runOnV8(table: BlockTable, words: Int32Array): Promise<Int32Array> {
  const bytes = encodeTable(table);
  const { entry, dispatch } = generateSources(table, bytes, 'choose');
  const wasm = await compileAssemblyScript(new Map([...runtimeSources(), [ENTRY, entry], ['dispatch.ts', dispatch]]));
  const [inputCount, outputCount] = [table.inputs.length, table.outputs.length];
  const wasm3 = { stackBytes: 8192, tailCalls: true };
  const engine = await createEngine('v8', { wasm, table: bytes, memoryBytes: 2 ** 16, inputCount, outputCount, wasm3 });
  return engine.run(words).outputs;
}

test('min, max and select give the same integers in the oracle and under V8, extremes included', async () => {
  const records = everyVariant();
  const table = tableOf(records);
  expect(checkTable(encodeTable(table))).toEqual({ check: CHECK.OK });
  const words = inputWords(300);
  const expected = createOracle(table).run(words).outputs;
  const found = await runOnV8(table, words);
  const first = expected.findIndex((v, i) => v !== found[i]);
  const record = Math.floor((first % table.outputs.length) / ROWS);
  expect(first, `record ${record}: ${JSON.stringify(records[record])}`).toBe(-1);
});

test('a condition outside the arena or of 8 bits is refused', () => {
  const select = everyVariant().find((r) => r.kind === KIND.SELECT)!;
  const refuse = (fields: Partial<TableRecord>) =>
    checkTable(encodeTable({ ...tableOf([select]), records: [{ ...select, out: 2 * INPUT_WORDS, ...fields }] })).check;
  expect(refuse({})).toBe(CHECK.OK);
  expect(refuse({ cols: 40 })).toBe(CHECK.CONDITION);
  expect(refuse({ format: FORMAT.ACC_WIDE })).toBe(CHECK.FORMAT);
  expect(refuse({ flags: FLAG.SUBTRACT })).toBe(CHECK.FORMAT);
});
