import { describe, expect, it } from 'vitest';
import { createEngine } from '../../compiler/engines/create.js';
import type { EngineName } from '../../compiler/engines/types.js';
import { disassemble } from '../../compiler/format/disassemble.js';
import { FLAG, KIND } from '../../compiler/format/spec.js';
import { decodeTable, type TableRecord } from '../../compiler/format/table.js';
import { moduleOf } from '../helpers/modules.js';
import { randomTable, randomWords } from '../helpers/random-table.js';

/** Kernel by kernel, every engine gives the integers of the oracle: all formats, odd lengths, shifts, saturation. */

const POINTS = 400;

describe.each([1, 2, 3])('random records, seed %i', (seed) => {
  it('give the same integers in the oracle, V8 and both builds of wasm3', async () => {
    const table = randomTable(seed);
    const runnable = await moduleOf(table);
    const words = randomWords(seed + 100, POINTS);
    const wanted = (await createEngine('oracle', runnable)).run(words).outputs;
    for (const [name, tailCalls] of [
      ['v8', true],
      ['wasm3', true],
      ['wasm3', false],
    ] as [EngineName, boolean][]) {
      const engine = await createEngine(name, { ...runnable, wasm3: { ...runnable.wasm3, tailCalls } });
      const { outputs } = engine.run(words);
      const width = table.outputs.length;
      const at = outputs.findIndex((word, i) => word !== wanted[i]);
      const where = at < 0 ? '' : describeMismatch(runnable.table, table.inputs.length + (at % width));
      expect(where, `${name}: ${outputs[at]}, oracle: ${wanted[at]}`).toBe('');
      engine.dispose?.();
    }
    // The test means nothing if the outputs do not vary.
    expect(new Set(wanted).size).toBeGreaterThan(POINTS * 20);
  });
});

/** Tables of a few records have a call for each (codegen/dispatch.ts): all kernels again, with literals. */
describe('records with code of their own', () => {
  it('give the same integers in the oracle, V8 and wasm3', async () => {
    const whole = randomTable(7, 1);
    const words = randomWords(8, 60);
    for (const records of partsOf(whole.records)) {
      const runnable = await moduleOf({ ...whole, records });
      const wanted = (await createEngine('oracle', runnable)).run(words).outputs;
      for (const name of ['v8', 'wasm3'] as const) {
        const engine = await createEngine(name, runnable);
        const { outputs } = engine.run(words);
        const at = outputs.findIndex((word, i) => word !== wanted[i]);
        const where = at < 0 ? '' : describeMismatch(runnable.table, whole.inputs.length + (at % whole.outputs.length));
        expect(where, `${name}: ${outputs[at]}, oracle: ${wanted[at]}`).toBe('');
        engine.dispose?.();
      }
    }
  }, 300_000);
});

/** Runs of at most 30 records that do not end within a matrix of blocks or between fused records. */
function partsOf(records: readonly TableRecord[]): TableRecord[][] {
  const parts: TableRecord[][] = [[]];
  records.forEach((record, i) => {
    const before = records[i - 1];
    const goesOn = record.kind === KIND.BLOCK && !(record.flags & FLAG.FIRST);
    const isFused = before?.kind === KIND.LANES && (before.flags & FLAG.FUSED) !== 0;
    if (parts[parts.length - 1].length >= 26 && !goesOn && !isFused) parts.push([]);
    parts[parts.length - 1].push(record);
  });
  expect(Math.max(...parts.map((part) => part.length))).toBeLessThanOrEqual(30);
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
