import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createEngine } from '../../compiler/code/engines/create.js';
import { congruential } from '../../compiler/judge/points/random.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { checkTable } from '../../compiler/table/check.js';
import { CHECK, STATUS } from '../../compiler/table/specification.js';
import { decodeTable, encodeTable, HEADER_BYTES, RECORD_BYTES, sealTable } from '../../compiler/table/table.js';
import { driftedFiles } from '../../tools/generate.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { moduleOf } from '../helpers/modules.js';
import { randomTable } from '../helpers/random-table.js';
import { instantiator } from '../helpers/webassembly.js';

describe('the block table format', () => {
  it('agrees with the generated AssemblyScript and C constants', () => {
    expect(driftedFiles()).toEqual([]);
  });

  it('survives encoding and decoding', () => {
    const table = randomTable(7);
    const again = decodeTable(encodeTable(table));
    expect(again.records).toEqual(table.records);
    expect(again.inputs).toEqual(table.inputs);
    expect(encodeTable(again)).toEqual(encodeTable(table));
  });

  it('has sizes that the C compiler agrees with', () => {
    const source = '#include "pe_format.gen.h"\nint main(void) { return PE_RECORD_BYTES == 32u ? 0 : 1; }\n';
    execFileSync(
      process.env.CC ?? 'cc',
      ['-std=c99', '-Wall', '-Wextra', '-Werror', '-Itargets/common', '-fsyntax-only', '-xc', '-'],
      {
        input: source,
      },
    );
  });
});

/** What a corrupted image looks like to the device: the module's own memory with its table replaced. */
const TABLE_ADDRESS = 8;

describe('a corrupt block table', () => {
  const small = async () => {
    const compiled = await compile(modelFrom(perceptron([2, 3, 1])), { tolerance: 1e-3 });
    return { wasm: compiled.wasm, table: compiled.table };
  };

  it('with any single bit flipped is refused by the compiler and by the module', async () => {
    const { wasm, table } = await small();
    const instantiate = instantiator(wasm);
    for (let bit = 0; bit < table.length * 8; bit++) {
      const flipped = table.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      const { check } = checkTable(flipped);
      expect(check, `bit ${bit}`).not.toBe(CHECK.OK);
      const exports = instantiate();
      new Uint8Array(exports.memory.buffer).set(flipped, TABLE_ADDRESS);
      expect(exports.run(), `bit ${bit}`).toBe(STATUS.REFUSED + check);
    }
  });

  it('with a flipped bit and a matching CRC is refused as a table that the module has no code for', async () => {
    const { wasm, table } = await small();
    const instantiate = instantiator(wasm);
    const arena = TABLE_ADDRESS + Math.ceil(table.length / 8) * 8;
    const arenaBytes = decodeTable(table).arenaBytes;
    for (let bit = 0; bit < table.length * 8; bit++) {
      const flipped = table.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      sealTable(flipped);
      const { check } = checkTable(flipped);
      const exports = instantiate();
      const memory = new Uint8Array(exports.memory.buffer);
      memory.set(flipped, TABLE_ADDRESS);
      memory.fill(0xa5, arena + arenaBytes);
      const before = memory.slice();
      const status = exports.run();
      // Where the bit is one that the CRC does not cover, the check that comes before it refuses.
      const isSame = Buffer.compare(flipped, table) === 0;
      const expected = isSame ? [STATUS.OK] : [STATUS.REFUSED + check, STATUS.REFUSED + CHECK.FORMAT];
      expect(expected, `bit ${bit}`).toContain(status);
      const after = memory.slice();
      after.fill(0, arena, arena + arenaBytes);
      before.fill(0, arena, arena + arenaBytes);
      // Two globals (checked, status) are not in memory, and scratch memory lies in the arena: nothing else may change.
      expect(Buffer.compare(after, before), `bit ${bit} wrote outside the arena`).toBe(0);
    }
  });

  it('is refused by the module, and by the compiler with the number of what is wrong, for random damage', async () => {
    const table = randomTable(11, 1);
    const runnable = await moduleOf(table);
    const instantiate = instantiator(runnable.wasm);
    const random = congruential(12345);
    const next = (n: number) => (random() * 2 ** 32) % n;
    const recordsAt = HEADER_BYTES + table.inputs.length * 12 + table.outputs.length * 4;
    const seen = new Set<number>();
    for (let trial = 0; trial < 3000; trial++) {
      const damaged = runnable.table.slice();
      const at = recordsAt + next(table.records.length * RECORD_BYTES);
      damaged[at] = next(256);
      sealTable(damaged);
      const { check } = checkTable(damaged);
      const exports = instantiate();
      new Uint8Array(exports.memory.buffer).set(damaged, TABLE_ADDRESS);
      const isSame = Buffer.compare(damaged, runnable.table) === 0;
      expect(exports.run()).toBe(isSame ? STATUS.OK : STATUS.REFUSED + CHECK.FORMAT);
      seen.add(check);
    }
    for (const check of [CHECK.OPERAND_A, CHECK.RESULT, CHECK.SHIFT, CHECK.WEIGHTS, CHECK.TABLE, CHECK.KIND]) {
      expect(seen).toContain(check);
    }
  });

  it('is refused by the engines with one sentence', async () => {
    const runnable = await moduleOf(randomTable(3, 1));
    const damaged = runnable.table.slice();
    damaged[60] ^= 4;
    await expect(createEngine('oracle', { ...runnable, table: damaged })).rejects.toThrow(
      'block table is corrupt: check 4',
    );
  });
});
