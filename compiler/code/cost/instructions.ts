import { readPackageJson } from '../../host/package-root.js';
import { lanesShape, rowWords } from '../../table/lanes.js';
import { FLAG, FORMAT, KIND } from '../../table/specification.js';
import type { BlockTable, TableRecord } from '../../table/table.js';
import { knownIsas, nearestMeasured } from './nearest.js';
import { WINDOWED_ISAS, windowedPrices } from './windowed.js';

/**
 * The cost model of the interpreter: instructions per answer as a sum over what the records of a table make it do, each
 * at the price that `npm run calibrate` measured on the emulated board of that instruction set
 * (compiler/code/cost/instructions.json).
 */

/** What has a price. `lanes.word`: one multiply-add of a packed word, so half or a third of that per product. */
export const FEATURES = [
  'answer',
  'record',
  'lanes.word',
  'lanes.single',
  'lanes.row',
  'lanes.split',
  'lanes.fill',
  'lanes.hop',
  'lanes.shift',
  'lanes.table',
  'dense.product',
  'dense64.product',
  'dense.row',
  'slopes.element',
  'linear.element',
  'polynomial.element',
  'polynomial.degree',
  'scale.element',
  'combine.element',
  'spline.function',
  'spline.product',
] as const;
export type Feature = (typeof FEATURES)[number];
export type Counts = Partial<Record<Feature, number>>;

/** How often one answer of the table takes what each feature prices. */
export function countFeatures(table: BlockTable): Counts {
  const counts: Counts = { answer: 1 };
  const add = (feature: Feature, times: number) => {
    counts[feature] = (counts[feature] ?? 0) + times;
  };
  table.records.forEach((record, i) => {
    const before = table.records[i - 1];
    const isFused = before?.kind === KIND.LANES && (before.flags & FLAG.FUSED) !== 0;
    if (isFused) {
      add('lanes.table', record.rows);
    } else {
      add('record', 1);
      countRecord(record, add);
    }
  });
  return counts;
}

function countRecord(record: TableRecord, add: (feature: Feature, times: number) => void): void {
  const { kind, rows, cols, flags, format } = record;
  switch (kind) {
    case KIND.LANES: {
      const { lanes, passWords, splitWords, hopWords } = lanesShape(record);
      const { words, passes } = rowWords(record);
      add(lanes === 1 ? 'lanes.single' : 'lanes.word', rows * words);
      add('lanes.row', rows * passes);
      add('lanes.fill', words * lanes);
      if (format & FORMAT.ACC_WIDE && lanes > 1) add('lanes.split', rows * passes * Math.ceil(passWords / splitWords));
      if (hopWords) add('lanes.hop', rows * passes * Math.ceil(passWords / hopWords));
      if (flags & FLAG.ROW_SHIFTS) add('lanes.shift', rows);
      return;
    }
    case KIND.DENSE:
    case KIND.BLOCK:
      add(format & FORMAT.ACC_WIDE ? 'dense64.product' : 'dense.product', rows * cols);
      add('dense.row', rows);
      return;
    case KIND.MAP_SLOPES:
      add('slopes.element', rows);
      return;
    case KIND.MAP_LINEAR:
      add('linear.element', rows);
      return;
    case KIND.MAP_POLYNOMIAL:
      add('polynomial.element', rows);
      add('polynomial.degree', rows * record.bias);
      return;
    case KIND.SCALE:
      add('scale.element', rows);
      return;
    case KIND.SPLINE: {
      const degree = record.shiftA;
      add('spline.function', cols * degree * (degree + 1));
      add('spline.product', rows * (degree + 1) ** cols);
      return;
    }
    default:
      add('combine.element', rows);
  }
}

export type InterpreterPrices = Record<Feature, number>;

/** As measured, and for windowed cores what follows from that. */
function measuredPrices(): Record<string, InterpreterPrices> {
  const { isas } = readPackageJson('compiler/code/cost/instructions.json') as {
    isas: Record<string, InterpreterPrices>;
  };
  const windowed = windowedPrices(isas['xtensa-lx106']);
  return { ...isas, ...Object.fromEntries(WINDOWED_ISAS.map((isa) => [isa, windowed])) };
}

/** Instruction sets that have prices, of their own or of the nearest one. */
export function pricedIsas(): string[] {
  return knownIsas(measuredPrices());
}

/** The prices of an instruction set, or of the nearest one that was measured, for choices that need some. */
export function interpreterPrices(isa: string): InterpreterPrices {
  return nearestMeasured(measuredPrices(), isa).measured;
}

/** What one answer takes, and the instruction set whose prices that is by. */
export interface PredictedInstructions {
  instructions: number;
  /** The one that was asked for, or the nearest of which a board is emulated. */
  isa: string;
}

/** Instructions of one answer under wasm3. */
export function predictInstructions(table: BlockTable, isa: string): PredictedInstructions {
  const { isa: measuredIsa, measured: prices } = nearestMeasured(measuredPrices(), isa);
  const counts = countFeatures(table);
  const instructions = FEATURES.reduce((sum, feature) => {
    const times = counts[feature];
    return times ? sum + times * prices[feature] : sum;
  }, 0);
  return { instructions: Math.round(instructions), isa: measuredIsa };
}
