import { FLAG, FORMAT, LANE_START } from './specification.js';
import type { TableRecord } from './table.js';

/** How the kernel of a LANES record goes through its rows: the bytes of its `bias` field (see LANES_FIELDS). */
export interface LanesShape {
  /** Products in one 64-bit multiply. */
  lanes: number;
  /** 64-bit words of a row that are held in locals while all rows are streamed. */
  passWords: number;
  /** Words after which lanes are split. */
  splitWords: number;
  /** Words after which the loop goes round, so that a native stack unwinds; 0: once per row. */
  hopWords: number;
}

/** The way through the rows, from the `bias` field of a LANES record. */
export function lanesShape(record: Pick<TableRecord, 'bias'>): LanesShape {
  const byte = (n: number) => (record.bias >>> (8 * n)) & 0xff;
  return { lanes: byte(0), passWords: byte(1), splitWords: byte(2), hopWords: byte(3) };
}

/** The `bias` field of a LANES record. */
export function lanesField({ lanes, passWords, splitWords, hopWords }: LanesShape): number {
  return lanes + 2 ** 8 * passWords + 2 ** 16 * splitWords + 2 ** 24 * hopWords;
}

/** Words of a whole row, and how many passes they take. */
export function rowWords(record: TableRecord): { words: number; passes: number } {
  const { lanes, passWords } = lanesShape(record);
  const words = record.cols / lanes;
  return { words, passes: words / passWords };
}

/** Bytes of one weight where there is one product per multiply, else of a word of lanes. */
export function wordBytes(record: Pick<TableRecord, 'format' | 'bias'>): 1 | 2 | 4 | 8 {
  if (lanesShape(record).lanes > 1) return 8;
  return ({ [FORMAT.WEIGHT_8]: 1, [FORMAT.WEIGHT_16]: 2 }[record.format & FORMAT.WEIGHT_MASK] ?? 4) as 1 | 2 | 4;
}

/** Bytes of a row in one pass: its int64 and its words. */
export function passRowBytes(record: Pick<TableRecord, 'format' | 'bias'>): number {
  return 8 + Math.ceil((lanesShape(record).passWords * wordBytes(record)) / 4) * 4;
}

/** Bytes of all rows of all passes. */
export function lanesBytes(record: TableRecord): number {
  return rowWords(record).passes * record.rows * passRowBytes(record);
}

/** False where fields contradict each other, so that no kernel could be generated from them. */
export function lanesShapeIsKnown(record: TableRecord): boolean {
  const { lanes, passWords, splitWords, hopWords } = lanesShape(record);
  if (lanes < 1 || lanes >= LANE_START.length || passWords === 0) return false;
  const { words, passes } = rowWords(record);
  if (record.flags & FLAG.FUSED && !(record.flags & FLAG.WRAP && record.format & FORMAT.OUT_WIDE)) return false;
  if (!Number.isInteger(words) || !Number.isInteger(passes) || words === 0 || hopWords > passWords) return false;
  const wide = (record.format & FORMAT.ACC_WIDE) !== 0;
  if (lanes === 1) return wide && splitWords === 0;
  if ((record.format & (FORMAT.A_WIDE | FORMAT.WEIGHT_MASK)) !== 0) return false;
  return wide ? splitWords > 0 && splitWords <= passWords : splitWords === words && passes === 1;
}

/** What selects the generated kernel of a LANES record, beside kind and format. */
export function lanesVariant(record: TableRecord): string {
  return `${record.bias}:${record.cols}:${record.flags}`;
}
