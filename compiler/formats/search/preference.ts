import type { InterpreterPrices } from '../../code/cost/instructions.js';
import { type NativePrices, nativeInstructions } from '../../code/cost/native-instructions.js';
import { nativeTable } from '../../table/layout/native.js';
import type { LoweredModel } from '../../table/lower/lower.js';
import { FEW_BYTES, FOR_LANES, type Plan, type PlanRules, WIDE_VALUE_BYTES } from '../plan.js';
import type { LaneFormats, QuantizeOptions } from '../quantize.js';
import { bytesPerDegree } from '../table-search.js';
import { BYTES_PER_INSTRUCTION, EXCESS_PRICE, weightBytesOf } from './matrix-widths.js';

/** What a search for formats prefers; nothing given: few bytes. */
export interface Preference {
  /** Formats of the interpreter's packed kernels; the noise model's plans are taken as they are. */
  lanes?: LaneFormats;
  /** With `lanes`: prices by which function tables are chosen. */
  interpreter?: InterpreterPrices;
  /** Few instructions of the native kernels, at these prices. */
  native?: NativePrices;
  /** With `native`: bytes that weights are not to exceed for little time; beyond, they count far more. */
  mostWeightBytes?: number;
}

/** As {@link BYTES_PER_INSTRUCTION} under the interpreter, whose answers take some twenty times as many. */
const BYTES_PER_INTERPRETED_INSTRUCTION = 1 / 4;

/** The preference in the noise model's terms. */
export function planRules({ lanes, native }: Preference): PlanRules {
  if (lanes) return FOR_LANES;
  return native ? { ...FEW_BYTES, wideArguments: true, leastWeightBits: cheapestNarrow(native) } : FEW_BYTES;
}

/** The width of weights whose products with 16-bit inputs cost least, memory included. */
function cheapestNarrow(prices: NativePrices): 8 | 16 {
  return prices['dual64.product'] + 2 / BYTES_PER_INSTRUCTION < prices['dense8.product'] + 1 / BYTES_PER_INSTRUCTION
    ? 16
    : 8;
}

/** What a search holds down: bytes of the table and what its wide values cost besides, or instructions and their bytes. */
export function costOf(lowered: LoweredModel, tableBytes: number, plan: Plan, prefer: Preference): number {
  const { native, mostWeightBytes = Number.POSITIVE_INFINITY } = prefer;
  if (native) {
    const { table, peaks } = lowered;
    const instructions = nativeInstructions(nativeTable(table, peaks), native);
    return (
      instructions +
      tableBytes / BYTES_PER_INSTRUCTION +
      EXCESS_PRICE * Math.max(0, weightBytesOf(plan) - mostWeightBytes)
    );
  }
  const wide = plan.groups.flat().reduce((n, leaf) => n + (plan.bits.get(leaf) === 32 ? leaf.width : 0), 0);
  return tableBytes + WIDE_VALUE_BYTES * wide;
}

/** What a degree of a function table costs for so many elements; undefined: what bytes alone say. */
export function degreePrices({ native, interpreter }: Preference): QuantizeOptions['degreeBytes'] {
  if (interpreter) return (elements) => degreeBytes(elements, interpreter, BYTES_PER_INTERPRETED_INSTRUCTION);
  if (native) return (elements) => degreeBytes(elements, native, BYTES_PER_INSTRUCTION);
  return undefined;
}

type MapPrices = Record<'linear.element' | 'polynomial.element' | 'polynomial.degree', number>;

/** Bytes that the degrees of a function table are worth; the first is interpolated linearly. */
function degreeBytes(elements: number, prices: MapPrices, bytesPerInstruction: number): readonly number[] {
  const polynomial = bytesPerDegree(prices['polynomial.degree']).map((cost) => prices['polynomial.element'] + cost);
  polynomial[1] = prices['linear.element'];
  return polynomial.map((instructions) => bytesPerInstruction * elements * instructions);
}
