import { describe, expect, it } from 'vitest';
import { createEngine } from '../../compiler/code/engines/create.js';
import type { EngineName } from '../../compiler/code/engines/engine.js';
import { disassemble } from '../../compiler/table/disassemble.js';
import { FLAG, KIND } from '../../compiler/table/specification.js';
import { type BlockTable, decodeTable, type TableRecord } from '../../compiler/table/table.js';
import { longRowsTable } from '../helpers/long-rows.js';
import { moduleOf } from '../helpers/modules.js';
import { randomTable, randomWords } from '../helpers/random-table.js';

/** Kernel by kernel, every engine gives the integers of the oracle: all formats, odd lengths, shifts, saturation. */

const POINTS = 400;

/** Records of a table that is walked, and of one with a call for each (code/dispatch.ts). */
const WALKED = 80;
const CALLED = 26;

async function expectSame(table: BlockTable, words: Int32Array, engines: readonly [EngineName, boolean][]) {
  const runnable = await moduleOf(table);
  const wanted = (await createEngine('oracle', runnable)).run(words).outputs;
  for (const [name, tailCalls] of engines) {
    const engine = await createEngine(name, { ...runnable, wasm3: { ...runnable.wasm3, tailCalls } });
    const { outputs } = engine.run(words);
    const at = outputs.findIndex((word, i) => word !== wanted[i]);
    const where = at < 0 ? '' : describeMismatch(runnable.table, table.inputs.length + (at % table.outputs.length));
    expect(where, `${name}: ${outputs[at]}, oracle: ${wanted[at]}`).toBe('');
    engine.dispose?.();
  }
  return new Set(wanted).size;
}

describe.each([1, 2, 3])('random records, seed %i', (seed) => {
  it('give the same integers in the oracle, V8 and both builds of wasm3', async () => {
    const table = randomTable(seed);
    const words = randomWords(seed + 100, POINTS);
    let values = 0;
    for (const records of partsOf(table.records, WALKED)) {
      values += await expectSame({ ...table, records }, words, [
        ['v8', true],
        ['wasm3', true],
        ['wasm3', false],
      ]);
    }
    // The test means nothing if the outputs do not vary.
    expect(values).toBeGreaterThan(POINTS * 20);
  });
});

describe('records with code of their own', () => {
  it('give the same integers in the oracle, V8 and wasm3', async () => {
    const words = randomWords(8, 60);
    for (const table of [randomTable(7, 1), longRowsTable(9)]) {
      for (const records of partsOf(table.records, CALLED)) {
        await expectSame({ ...table, records }, words, [
          ['v8', true],
          ['wasm3', true],
        ]);
      }
    }
  }, 300_000);
});

/** Runs of about `most` records that do not end within a matrix of blocks or between fused records. */
function partsOf(records: readonly TableRecord[], most: number): TableRecord[][] {
  const parts: TableRecord[][] = [[]];
  records.forEach((record, i) => {
    const before = records[i - 1];
    const goesOn = record.kind === KIND.BLOCK && !(record.flags & FLAG.FIRST);
    const isFused = before?.kind === KIND.LANES && (before.flags & FLAG.FUSED) !== 0;
    if (parts[parts.length - 1].length >= most && !goesOn && !isFused) parts.push([]);
    parts[parts.length - 1].push(record);
  });
  return parts;
}

/** The record that writes output word `word` of the arena. */
function describeMismatch(bytes: Uint8Array, word: number): string {
  const table = decodeTable(bytes);
  let index = 0;
  table.records.forEach((record, i) => {
    if (record.out <= 2 * word) index = i;
  });
  return disassemble({ ...table, inputs: [], outputs: [], records: [table.records[index]] });
}
