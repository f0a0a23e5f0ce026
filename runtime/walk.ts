import { step } from '../dispatch';
import * as F from './format.gen';

/** Runs all records of a checked table in order. */
export function walk(table: usize, arena: usize): void {
  const pool = table + load<u32>(table, F.HEADER_POOL_OFFSET);
  let record = table + load<u32>(table, F.HEADER_RECORDS_OFFSET);
  while (record < pool) record += step(record, arena, pool);
}

/** Holds every input word to its range; STATUS_CLAMPED when one had to be moved. */
export function clampInputs(table: usize, arena: usize): u32 {
  let status = F.STATUS_OK;
  const end = arena + ((load<u16>(table, F.HEADER_INPUT_COUNT) as usize) << 2);
  let entry = table + F.HEADER_BYTES;
  for (let word = arena; word < end; word += 4) {
    const value = load<i32>(word);
    const held = max(load<i32>(entry, F.INPUT_MIN), min(load<i32>(entry, F.INPUT_MAX), value));
    if (held != value) {
      store<i32>(word, held);
      status = F.STATUS_CLAMPED;
    }
    entry += F.INPUT_BYTES;
  }
  return status;
}
