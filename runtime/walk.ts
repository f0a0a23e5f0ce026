import { step } from '../dispatch';
import * as F from './format.gen';

/** Runs all records of a table in order. */
export function walk(table: usize, arena: usize): void {
  const pool = table + load<u32>(table, F.HEADER_POOL_OFFSET);
  let record = table + load<u32>(table, F.HEADER_RECORDS_OFFSET);
  while (record < pool) record += step(record, arena, pool);
}
