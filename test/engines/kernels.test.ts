import { describe, expect, it } from 'vitest';
import { createEngine } from '../../compiler/engines/create.js';
import type { EngineName } from '../../compiler/engines/types.js';
import { disassemble } from '../../compiler/format/disassemble.js';
import { decodeTable } from '../../compiler/format/table.js';
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

/** The record that writes output word `word` of the arena. */
function describeMismatch(bytes: Uint8Array, word: number): string {
  const table = decodeTable(bytes);
  let index = 0;
  table.records.forEach((record, i) => {
    if (record.out <= 2 * word) index = i;
  });
  return disassemble({ ...table, inputs: [], outputs: [], records: [table.records[index]] });
}
