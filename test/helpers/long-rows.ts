import { PoolBuilder } from '../../compiler/table/lower/pool.js';
import { FLAG, FORMAT } from '../../compiler/table/specification.js';
import type { BlockTable } from '../../compiler/table/table.js';
import {
  type Draft,
  fusedToo,
  INPUT_WORDS,
  lanesDraft,
  lanesFormats,
  layOut,
  tableRandom,
  wide,
} from './random-table.js';

/** Matrices of lanes that read all input words, with one row and with two. */
export function longRowsTable(seed: number): BlockTable {
  const random = tableRandom(seed);
  const pool = new PoolBuilder();
  const drafts = lanesFormats().flatMap(({ lanes, format }): Draft[] => {
    const passWords = (4 * INPUT_WORDS) / wide(format, FORMAT.A_WIDE) / lanes;
    const isSplit = lanes > 1 && format & FORMAT.ACC_WIDE;
    return [1, 2].flatMap((rows) =>
      [0, 12].flatMap((hopWords) => {
        const splitWords = isSplit ? [1, 4, 5, 12][random.int(0, 3)] : lanes > 1 ? passWords : 0;
        const flags = random.flag(FLAG.WRAP) | random.flag(FLAG.ROW_SHIFTS);
        const draft = lanesDraft(random, pool, { lanes, passWords, splitWords, hopWords }, 1, rows, format, flags);
        return [draft, ...fusedToo(random, pool, draft)];
      }),
    );
  });
  return layOut(random, drafts, pool.bytes());
}
