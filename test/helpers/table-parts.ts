import { FLAG, KIND } from '../../compiler/table/specification.js';
import type { BlockTable, TableRecord } from '../../compiler/table/table.js';
import { INPUT_WORDS } from './random-table.js';

/**
 * A table of unrelated records, as randomTable and dualTable make them, as several with so many records each (the leaves of
 * a block stay together): for boards that have no memory for all of their results at once.
 */
export function tableParts(table: BlockTable, count: number): BlockTable[] {
  const parts: TableRecord[][] = [];
  for (const record of table.records) {
    const part = parts.at(-1);
    const continues = record.kind === KIND.BLOCK && !(record.flags & FLAG.FIRST);
    if (part && (part.length < count || continues)) part.push(record);
    else parts.push([record]);
  }
  return parts.map((records) => partOf(table, records));
}

/** Results and accumulators lie one after the other behind the input words: those of a part move down to these. */
function partOf(table: BlockTable, records: readonly TableRecord[]): BlockTable {
  // What they keep in the arena besides their results lies at `b`.
  const keeps = ({ kind }: TableRecord) => kind === KIND.BLOCK || kind === KIND.SPLINE;
  const first = Math.min(...records.map((record) => (keeps(record) ? Math.min(record.b, record.out) : record.out)));
  // By whole 8 bytes, so that what was aligned stays so.
  const down = Math.floor((first - 2 * INPUT_WORDS) / 4) * 4;
  const moved = records.map((record) => ({
    ...record,
    out: record.out - down,
    b: keeps(record) ? record.b - down : record.b,
  }));
  const end = Math.max(...moved.map(({ out, rows }) => 2 * out + 4 * rows));
  const outputs = Math.ceil(end / 4) - INPUT_WORDS;
  return {
    ...table,
    records: moved,
    outputs: Array.from({ length: outputs }, () => ({ exponent: 0 })),
    arenaBytes: 4 * (INPUT_WORDS + outputs),
  };
}
