import {
  HAS_BINARY,
  HAS_BLOCK,
  HAS_LANES,
  HAS_MAP,
  HAS_MAP_SLOPES,
  HAS_SCALE,
  HAS_SELECT,
  isLinked,
} from '../dispatch';
import { CRC_SCRATCH_BYTES, crc32 } from './crc32';
import * as F from './format.gen';

/**
 * The numbered checks of a block table, the same and in the same order as compiler/format/check.ts. A table that
 * passes can only be read inside itself and only write inside its arena, whatever its contents.
 */

/**
 * Number of the first check that fails, 0 when all pass. The end of the arena serves as scratch memory: the compiler
 * makes it large enough, past the input words, which may be set already.
 */
export function check(table: usize, tableBytes: u32, arena: usize, arenaCapacity: u32): u32 {
  if (load<u32>(table, F.HEADER_MAGIC) != F.MAGIC) return F.CHECK_MAGIC;
  if (load<u16>(table, F.HEADER_VERSION) != F.FORMAT_VERSION) return F.CHECK_VERSION;
  if (load<u32>(table, F.HEADER_TOTAL_BYTES) != tableBytes) return F.CHECK_SIZE;
  const crcStart = table + F.HEADER_CRC + 4;
  if (load<u32>(table, F.HEADER_CRC) != crc32(crcStart, table + tableBytes, arena + arenaCapacity - CRC_SCRATCH_BYTES)) return F.CHECK_CRC;
  // In stages, each a round of a loop: where operations nest on the native stack, every round starts afresh.
  let failed: u32 = F.CHECK_OK;
  let record = table + load<u32>(table, F.HEADER_RECORDS_OFFSET);
  const end = table + load<u32>(table, F.HEADER_POOL_OFFSET);
  let stage: u32 = 0;
  do {
    if (stage == 0) {
      failed = checkLayout(table, tableBytes, arenaCapacity);
      stage = 1;
      continue;
    }
    if (record >= end) break;
    if (stage == 1) {
      failed = checkOperands(record, table);
      stage = 2;
      continue;
    }
    failed = checkParameters(record, table);
    record += F.RECORD_BYTES;
    stage = 1;
  } while (failed == F.CHECK_OK);
  return failed;
}

function checkLayout(table: usize, tableBytes: u32, arenaCapacity: u32): u32 {
  const inputs: u32 = load<u16>(table, F.HEADER_INPUT_COUNT);
  const outputs: u32 = load<u16>(table, F.HEADER_OUTPUT_COUNT);
  const records: u32 = load<u16>(table, F.HEADER_RECORD_COUNT);
  const recordsOffset = F.HEADER_BYTES + inputs * F.INPUT_BYTES + outputs * F.OUTPUT_BYTES;
  const poolOffset = recordsOffset + records * F.RECORD_BYTES;
  const poolBytes = load<u32>(table, F.HEADER_POOL_BYTES);
  const laidOut =
    load<u16>(table, F.HEADER_HEADER_BYTES) == F.HEADER_BYTES &&
    load<u16>(table, F.HEADER_RESERVED) == 0 &&
    inputs > 0 &&
    outputs > 0 &&
    load<u32>(table, F.HEADER_RECORDS_OFFSET) == recordsOffset &&
    load<u32>(table, F.HEADER_POOL_OFFSET) == poolOffset &&
    (poolBytes & 3) == 0 &&
    poolOffset <= tableBytes &&
    poolBytes == tableBytes - poolOffset;
  if (!laidOut) return F.CHECK_LAYOUT;
  const arenaBytes = load<u32>(table, F.HEADER_ARENA_BYTES);
  if (arenaBytes < 4 * (inputs + outputs) || arenaBytes > arenaCapacity || arenaBytes & 3) return F.CHECK_ARENA;
  for (let entry = table + F.HEADER_BYTES, i: u32 = 0; i < inputs; i++, entry += F.INPUT_BYTES) {
    if (load<i32>(entry, F.INPUT_MIN) > load<i32>(entry, F.INPUT_MAX)) return F.CHECK_INPUTS;
  }
  return F.CHECK_OK;
}

/** True when `count` elements of `bytes` bytes at offset `at` are aligned and lie within `size`. */
function inside(at: u32, count: u32, bytes: u32, size: u32): bool {
  return at % bytes == 0 && (at as u64) + (count as u64) * (bytes as u64) <= (size as u64);
}

/** What a record is, and where in the arena it reads and writes. */
function checkOperands(r: usize, table: usize): u32 {
  const kind: u32 = load<u8>(r, F.RECORD_KIND);
  const format: u32 = load<u8>(r, F.RECORD_FORMAT);
  const flags: u32 = load<u8>(r, F.RECORD_FLAGS);
  const rows: u32 = load<u16>(r, F.RECORD_ROWS);
  const cols: u32 = load<u16>(r, F.RECORD_COLS);
  // The last kinds are for the native engines: known, and never linked here.
  if (kind < F.KIND_DENSE || kind > F.KIND_MAP_HORNER) return F.CHECK_KIND;
  if (!isLinked(r) || rows == 0 || flags & ~allowedFlags(kind)) return F.CHECK_FORMAT;
  const arenaBytes = load<u32>(table, F.HEADER_ARENA_BYTES);
  const isBlock = HAS_BLOCK && kind == F.KIND_BLOCK;
  const isLanes = HAS_LANES && kind == F.KIND_LANES;
  const isMatrix = kind == F.KIND_DENSE || isBlock || isLanes;
  const aBytes: u32 = format & F.FORMAT_A_WIDE ? 4 : 2;
  const aCount = isMatrix ? cols : flags & F.FLAG_BROADCAST_A ? 1 : rows;
  if (!inside((load<u16>(r, F.RECORD_A) as u32) << 1, aCount, aBytes, arenaBytes)) return F.CHECK_OPERAND_A;
  const isBinary = HAS_BINARY && (kind == F.KIND_ADD || kind == F.KIND_MUL || (kind >= F.KIND_MIN && kind <= F.KIND_SELECT));
  if (isBinary || isBlock || isLanes) {
    const accBytes: u32 = format & F.FORMAT_ACC_WIDE ? 8 : 4;
    const bBytes: u32 = isLanes ? 8 : isBlock ? accBytes : format & F.FORMAT_B_WIDE ? 4 : 2;
    const isCarried = isBlock || (isLanes && lanesPasses(r) > 1);
    const bCount = isCarried ? rows : isBinary ? (flags & F.FLAG_BROADCAST_B ? 1 : rows) : 0;
    if (!inside((load<u16>(r, F.RECORD_B) as u32) << 1, bCount, bBytes, arenaBytes)) return F.CHECK_OPERAND_B;
  } else if (((load<u16>(r, F.RECORD_B) as u32) << 1) > arenaBytes) {
    return F.CHECK_OPERAND_B;
  }
  // Results may not overwrite the input words, so that a run can be repeated.
  const outBytes: u32 = format & F.FORMAT_OUT_WIDE ? 4 : 2;
  const out = (load<u16>(r, F.RECORD_OUT) as u32) << 1;
  if (!inside(out, rows, outBytes, arenaBytes) || out < firstResult(table)) return F.CHECK_RESULT;
  if (HAS_SELECT && kind == F.KIND_SELECT) {
    const conditionBytes: u32 = (format & F.FORMAT_WEIGHT_MASK) == F.FORMAT_WEIGHT_16 ? 2 : 4;
    const count: u32 = flags & F.FLAG_BROADCAST_CONDITION ? 1 : rows;
    if (!inside(cols << 1, count, conditionBytes, arenaBytes)) return F.CHECK_CONDITION;
  }
  return F.CHECK_OK;
}

/** Where results may start: behind the input words. */
function firstResult(table: usize): u32 {
  return (load<u16>(table, F.HEADER_INPUT_COUNT) as u32) << 2;
}

/** Shifts, and what a record reads from the pool. */
function checkParameters(r: usize, table: usize): u32 {
  const kind: u32 = load<u8>(r, F.RECORD_KIND);
  const format: u32 = load<u8>(r, F.RECORD_FORMAT);
  const flags: u32 = load<u8>(r, F.RECORD_FLAGS);
  const rows: u32 = load<u16>(r, F.RECORD_ROWS);
  const pool = table + load<u32>(table, F.HEADER_POOL_OFFSET);
  const poolBytes = load<u32>(table, F.HEADER_POOL_BYTES);
  if (HAS_MAP && (kind == F.KIND_MAP_LINEAR || kind == F.KIND_MAP_POLYNOMIAL)) {
    return checkMap(r, kind == F.KIND_MAP_LINEAR, format & F.FORMAT_OUT_WIDE ? 4 : 2, poolBytes);
  }
  if (HAS_MAP_SLOPES && kind == F.KIND_MAP_SLOPES) return checkSlopes(r, poolBytes);
  const isBlock = HAS_BLOCK && kind == F.KIND_BLOCK;
  const isLanes = HAS_LANES && kind == F.KIND_LANES;
  const isDense = kind == F.KIND_DENSE || isBlock;
  const isWeighted = isDense || isLanes || (HAS_SCALE && kind == F.KIND_SCALE);
  const maxShift: u32 =
    format & F.FORMAT_ACC_WIDE ? F.LIMIT_MAX_SHIFT_64 : isLanes ? maxLaneShift(r) : F.LIMIT_MAX_SHIFT_32;
  const shiftA: u32 = load<u8>(r, F.RECORD_SHIFT_A);
  const minShift: u32 = isWeighted ? max<u32>(1, shiftA) : 0;
  const shift: u32 = load<u8>(r, F.RECORD_SHIFT);
  if (shift < minShift || shift > maxShift || shiftA > 31 || load<u8>(r, F.RECORD_SHIFT_B) > 31) return F.CHECK_SHIFT;
  if (!isWeighted) return F.CHECK_OK;
  const passes: u32 = isLanes ? lanesPasses(r) : 1;
  const weightBytes: u32 = isLanes ? 4 : (1 as u32) << min<u32>((format & F.FORMAT_WEIGHT_MASK) >> 4, 2);
  const weightCount = isLanes ? passes * rows * lanesRowWords(r) : isDense ? rows * (load<u16>(r, F.RECORD_COLS) as u32) : rows;
  if (!inside(load<u32>(r, F.RECORD_WEIGHTS), weightCount, weightBytes, poolBytes)) return F.CHECK_WEIGHTS;
  const hasBias = !isLanes && (!isBlock || flags & F.FLAG_FIRST);
  if (hasBias && !inside(load<u32>(r, F.RECORD_BIAS), rows, 4, poolBytes)) return F.CHECK_BIAS;
  // Sums between passes are written like results.
  if (passes > 1 && ((load<u16>(r, F.RECORD_B) as u32) << 1) < firstResult(table)) return F.CHECK_LANES;
  if (isBlock) return checkBlock(r, rows, flags, maxShift, firstResult(table), pool, poolBytes);
  if (flags & F.FLAG_ROW_SHIFTS) {
    const shifts = load<u32>(r, F.RECORD_ROW_SHIFTS);
    if (!inside(shifts, rows, 1, poolBytes)) return F.CHECK_ROW_SHIFTS;
    for (let i: u32 = 0; i < rows; i++) {
      const rowShift: u32 = load<u8>(pool + shifts + i);
      if (rowShift < minShift || rowShift > maxShift) return F.CHECK_ROW_SHIFTS;
    }
  }
  if (isLanes && flags & F.FLAG_FUSED && !isTableOf(r, pool)) return F.CHECK_LANES;
  return F.CHECK_OK;
}

/** Accumulators are written like results; products are shifted left within their accumulator. */
function checkBlock(
  r: usize,
  rows: u32,
  flags: u32,
  maxShift: u32,
  firstResult: u32,
  pool: usize,
  poolBytes: u32,
): u32 {
  if ((load<u16>(r, F.RECORD_B) as u32) << 1 < firstResult || load<u8>(r, F.RECORD_SHIFT_B) > maxShift) {
    return F.CHECK_BLOCK;
  }
  if (!(flags & F.FLAG_ROW_SHIFTS)) return F.CHECK_OK;
  const shifts = load<u32>(r, F.RECORD_ROW_SHIFTS);
  if (!inside(shifts, rows, 1, poolBytes)) return F.CHECK_ROW_SHIFTS;
  for (let i: u32 = 0; i < rows; i++) if (load<u8>(pool + shifts + i) > maxShift) return F.CHECK_BLOCK;
  return F.CHECK_OK;
}

function allowedFlags(kind: u32): u32 {
  if (kind == F.KIND_DENSE) return F.FLAG_WRAP | F.FLAG_ROW_SHIFTS;
  if (kind == F.KIND_LANES) return F.FLAG_WRAP | F.FLAG_ROW_SHIFTS | F.FLAG_FUSED;
  if (kind == F.KIND_SCALE) return F.FLAG_WRAP | F.FLAG_ROW_SHIFTS | F.FLAG_BROADCAST_A;
  if (kind == F.KIND_MAP_LINEAR) return F.FLAG_PERIODIC;
  if (kind == F.KIND_MAP_POLYNOMIAL) return F.FLAG_PERIODIC | F.FLAG_OCTAVES | F.FLAG_MIRRORED;
  if (kind == F.KIND_BLOCK) return F.FLAG_WRAP | F.FLAG_ROW_SHIFTS | F.FLAG_FIRST | F.FLAG_LAST;
  if (kind == F.KIND_ADD) return F.FLAG_SUBTRACT | F.FLAG_BROADCAST_A | F.FLAG_BROADCAST_B;
  if (kind == F.KIND_SELECT) return F.FLAG_BROADCAST_A | F.FLAG_BROADCAST_B | F.FLAG_BROADCAST_CONDITION;
  if (kind == F.KIND_MUL || kind == F.KIND_MIN || kind == F.KIND_MAX) return F.FLAG_BROADCAST_A | F.FLAG_BROADCAST_B;
  return 0;
}

function checkMap(r: usize, linear: bool, outBytes: u32, poolBytes: u32): u32 {
  const flags: u32 = load<u8>(r, F.RECORD_FLAGS);
  const cols: u32 = load<u16>(r, F.RECORD_COLS);
  const shift: u32 = load<u8>(r, F.RECORD_SHIFT);
  const degree = load<u32>(r, F.RECORD_BIAS);
  const octaveBits = load<u32>(r, F.RECORD_ROW_SHIFTS);
  const turn: u32 = load<u8>(r, F.RECORD_SHIFT_A);
  if (shift < 1 || shift > 31 || turn > 31 || load<u8>(r, F.RECORD_SHIFT_B) > 31) return F.CHECK_SHIFT;
  if (cols < 1 || (!linear && (degree < 1 || degree > F.LIMIT_MAX_DEGREE))) return F.CHECK_TABLE;
  const reach = (cols as u64) << (shift as u64);
  if (flags & F.FLAG_PERIODIC) {
    if (reach != (1 as u64) << 32 || flags & F.FLAG_OCTAVES) return F.CHECK_TABLE;
  } else if (flags & F.FLAG_OCTAVES) {
    if (octaveBits > F.LIMIT_MAX_OCTAVE_BITS || cols & (((1 as u32) << octaveBits) - 1)) return F.CHECK_TABLE;
    if (shift + octaveBits + (cols >> octaveBits) - 1 > 31) return F.CHECK_TABLE;
  } else if (reach > (1 as u64) << 31) {
    return F.CHECK_TABLE;
  }
  const entries = linear ? cols + 1 : cols * (degree + 1);
  const fits = inside(load<u32>(r, F.RECORD_WEIGHTS), entries, linear ? outBytes : 4, poolBytes);
  return fits ? F.CHECK_OK : F.CHECK_TABLE;
}

// The kernel is linked, so that the bytes of the record's `bias` make sense: see LANES_FIELDS in compiler/format/spec.ts.

function lanesPasses(r: usize): u32 {
  return load<u16>(r, F.RECORD_COLS) / ((load<u8>(r, F.RECORD_BIAS) as u32) * (load<u8>(r + F.RECORD_BIAS + 1) as u32));
}

/** 32-bit words of a row in one pass. */
function lanesRowWords(r: usize): u32 {
  const words: u32 = load<u8>(r + F.RECORD_BIAS + 1);
  if (load<u8>(r, F.RECORD_BIAS) > 1) return 2 + 2 * words;
  const width = min<u32>((load<u8>(r, F.RECORD_FORMAT) & F.FORMAT_WEIGHT_MASK) >> 4, 2);
  return 2 + (((words << width) + 3) >> 2);
}

/** A sum that stays in its lane is shifted down together with the lane. */
function maxLaneShift(r: usize): u32 {
  return load<u8>(r, F.RECORD_BIAS) == 2 ? 30 : 20;
}

/** The argument's way to its segment must not leave int32. */
function checkSlopes(r: usize, poolBytes: u32): u32 {
  const cols: u32 = load<u16>(r, F.RECORD_COLS);
  const shift: u32 = load<u8>(r, F.RECORD_SHIFT);
  if (shift < 1 || shift > 31 || load<u8>(r, F.RECORD_SHIFT_B) > 31) return F.CHECK_SHIFT;
  const end = (load<i32>(r, F.RECORD_ORIGIN) as i64) + ((cols as i64) << (shift as i64));
  if (cols < 1 || end > (1 as i64) << 31) return F.CHECK_LANES;
  return inside(load<u32>(r, F.RECORD_WEIGHTS), 2 * cols, 4, poolBytes) ? F.CHECK_OK : F.CHECK_TABLE;
}

/** True when the record after a fused one is the table that its sums go to. */
function isTableOf(r: usize, pool: usize): bool {
  const next = r + F.RECORD_BYTES;
  if (next == pool) return false;
  const kindAndFormat = F.KIND_MAP_SLOPES | (F.FORMAT_A_WIDE << 8);
  const sameRows = load<u16>(next, F.RECORD_ROWS) == load<u16>(r, F.RECORD_ROWS);
  return sameRows && load<u16>(next) == kindAndFormat && load<u16>(next, F.RECORD_A) == load<u16>(r, F.RECORD_OUT);
}
