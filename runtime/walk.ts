import { step } from '../dispatch';
import * as F from './format.gen';

/** Runs all records of a table in order. */
export function walk(table: usize, arena: usize): void {
  const pool = table + load<u32>(table, F.HEADER_POOL_OFFSET);
  let record = table + load<u32>(table, F.HEADER_RECORDS_OFFSET);
  while (record < pool) record += step(record, arena, pool);
}

/** Runs the records from number `first` on, up to the one before `end`. */
export function walkPart(table: usize, arena: usize, first: u32, end: u32): void {
  const pool = table + load<u32>(table, F.HEADER_POOL_OFFSET);
  const records = table + load<u32>(table, F.HEADER_RECORDS_OFFSET);
  const last = records + F.RECORD_BYTES * end;
  let record = records + F.RECORD_BYTES * first;
  while (record < last) record += step(record, arena, pool);
}
