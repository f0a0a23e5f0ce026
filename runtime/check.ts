import { crc32 } from './crc32';
import {
  CHECK_CRC,
  CHECK_FORMAT,
  CHECK_LAYOUT,
  CHECK_MAGIC,
  CHECK_OK,
  CHECK_SIZE,
  CHECK_VERSION,
  FORMAT_VERSION,
  HEADER_BYTES,
  HEADER_CRC,
  HEADER_HEADER_BYTES,
  HEADER_MAGIC,
  HEADER_TOTAL_BYTES,
  HEADER_VERSION,
  MAGIC,
} from './format.gen';

/**
 * Number of the first check that fails, 0 when the block table is the one that this module's code was made for: its
 * header, its CRC-32, and that this is `identity`. What the records of that table say was checked by the compiler
 * (compiler/table/check.ts, by the same numbers), so its kernels read only inside it and write only inside its arena;
 * any other table is one without kernels here.
 */
export function check(table: usize, tableBytes: u32, identity: u32, scratch: usize): u32 {
  if (load<u32>(table, HEADER_MAGIC) != MAGIC) return CHECK_MAGIC;
  if (load<u16>(table, HEADER_VERSION) != FORMAT_VERSION) return CHECK_VERSION;
  if (load<u32>(table, HEADER_TOTAL_BYTES) != tableBytes) return CHECK_SIZE;
  const crc = crc32(table + HEADER_CRC + 4, table + tableBytes, scratch);
  if (load<u32>(table, HEADER_CRC) != crc) return CHECK_CRC;
  // The CRC covers what follows it.
  if (load<u16>(table, HEADER_HEADER_BYTES) != HEADER_BYTES) return CHECK_LAYOUT;
  return crc == identity ? CHECK_OK : CHECK_FORMAT;
}
