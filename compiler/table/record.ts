import { lanesBytes, lanesVariant, rowWords } from './lanes.js';
import { FLAG, FORMAT, KIND } from './specification.js';
import type { TableRecord } from './table.js';

/** What a record reads and writes, derived from its fields: shared by the checker, the disassembler and the oracle. */

export const KIND_NAMES = Object.fromEntries(Object.entries(KIND).map(([name, value]) => [value, name])) as Record<
  number,
  keyof typeof KIND
>;

export interface RecordShape {
  aBytes: 2 | 4;
  bBytes: 2 | 4 | 8;
  outBytes: 2 | 4;
  weightBytes: 1 | 2 | 4;
  accBits: 32 | 64;
  /** Elements read from a and b, and written; b of a block or of lanes are accumulators, one per row, b of a spline words. */
  aCount: number;
  bCount: number;
  outCount: number;
  /** SELECT: elements of the condition, and their width. */
  conditionCount: number;
  conditionBytes: 2 | 4;
  /** Elements of weights (dense, scale), 32-bit words of lanes, or entries of the table (maps); none for splines. */
  weightCount: number;
  weightEntryBytes: 1 | 2 | 4;
  hasBias: boolean;
  /** Of the biases, or of starts. */
  biasBytes: 4 | 8;
}

const TWO_OPERANDS: readonly number[] = [KIND.ADD, KIND.MUL, KIND.MIN, KIND.MAX, KIND.SELECT];

export function isMap(record: TableRecord): boolean {
  return record.kind === KIND.MAP_LINEAR || isPolynomial(record) || record.kind === KIND.MAP_SLOPES;
}

export function isPolynomial({ kind }: TableRecord): boolean {
  return kind === KIND.MAP_POLYNOMIAL || kind === KIND.MAP_HORNER;
}

export function isDense(record: TableRecord): boolean {
  return record.kind === KIND.DENSE || hasStarts(record);
}

/** Whether its accumulators start with what lies in the pool, as wide as they are. */
export function hasStarts({ kind }: TableRecord): boolean {
  return kind === KIND.DENSE_DUAL || kind === KIND.DENSE_STARTS;
}

/** Whether it multiplies a row-major matrix, or part of one, by operand a. */
export function isMatrix(record: TableRecord): boolean {
  return isDense(record) || record.kind === KIND.BLOCK;
}

/** Widths and counts of what a record reads and writes, from its kind, format and flags. */
export function recordShape(record: TableRecord): RecordShape {
  const { format, flags, kind, rows, cols } = record;
  const weightBytes = ({ [FORMAT.WEIGHT_8]: 1, [FORMAT.WEIGHT_16]: 2 }[format & FORMAT.WEIGHT_MASK] ?? 4) as 1 | 2 | 4;
  const outBytes = format & FORMAT.OUT_WIDE ? 4 : 2;
  const broadcastA = (flags & FLAG.BROADCAST_A) !== 0;
  const twoOperands = TWO_OPERANDS.includes(kind);
  let weightCount = 0;
  let weightEntryBytes: 1 | 2 | 4 = weightBytes;
  const hasMatrix = isMatrix(record);
  const accBits = format & FORMAT.ACC_WIDE ? 64 : 32;
  if (hasMatrix) weightCount = rows * cols;
  if (kind === KIND.SCALE) weightCount = rows;
  if (kind === KIND.MAP_LINEAR) {
    weightCount = cols + 1;
    weightEntryBytes = outBytes;
  }
  if (kind === KIND.MAP_SLOPES) {
    weightCount = 2 * cols;
    weightEntryBytes = 4;
  }
  const isLanes = kind === KIND.LANES;
  const isSpline = kind === KIND.SPLINE;
  if (isLanes) {
    weightCount = lanesBytes(record) / 4;
    weightEntryBytes = 4;
  }
  if (isPolynomial(record)) {
    weightCount = cols * (record.bias + 1);
    weightEntryBytes = 4;
  }
  return {
    aBytes: format & FORMAT.A_WIDE ? 4 : 2,
    bBytes: isSpline
      ? 4
      : isLanes
        ? 8
        : kind === KIND.BLOCK
          ? accBits === 64
            ? 8
            : 4
          : format & FORMAT.B_WIDE
            ? 4
            : 2,
    outBytes,
    weightBytes,
    accBits,
    aCount: hasMatrix || isLanes || isSpline ? cols : broadcastA ? 1 : rows,
    bCount:
      kind === KIND.BLOCK || (isLanes && rowWords(record).passes > 1)
        ? rows
        : isSpline
          ? cols * (record.shiftA + 1)
          : twoOperands
            ? flags & FLAG.BROADCAST_B
              ? 1
              : rows
            : 0,
    outCount: rows,
    conditionCount: kind !== KIND.SELECT ? 0 : flags & FLAG.BROADCAST_CONDITION ? 1 : rows,
    conditionBytes: weightBytes === 4 ? 4 : 2,
    weightCount,
    weightEntryBytes,
    biasBytes: hasStarts(record) && accBits === 64 ? 8 : 4,
    hasBias: isDense(record) || kind === KIND.SCALE || (kind === KIND.BLOCK && (flags & FLAG.FIRST) !== 0),
  };
}

/** Kernel that a record needs: kind and the format bits that select its number formats. */
export function kernelKey(record: TableRecord): number {
  return record.kind | (record.format << 8);
}

/** The same, told apart further where kernels are generated for one shape. */
export function kernelIdentity(record: TableRecord): string {
  const key = String(kernelKey(record));
  return record.kind === KIND.LANES ? `${key}:${lanesVariant(record)}` : key;
}
