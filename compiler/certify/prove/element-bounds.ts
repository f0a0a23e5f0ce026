import type { Op, Program } from '../read/program.js';
import { type Algebra, algebra } from './algebra.js';
import { UNIT } from './scalar.js';

/** Kinds of what an element may be off by, for reports. */
export const SOURCES = ['method', 'choice', 'inputs', 'rounding', 'tables', 'saturation'] as const;
export type Source = (typeof SOURCES)[number];

export function noShares(): Record<Source, number> {
  return { method: 0, choice: 0, inputs: 0, rounding: 0, tables: 0, saturation: 0 };
}

/**
 * Factor that covers the roundings of a sum of fewer than 4000 numbers that are not negative, and of a few products more.
 */
export const UP = 1 + 2 ** -40;

/** The orders of polynomials of values and of slopes. */
export interface Orders {
  value: number;
  slope: number;
}

/** What is known of every element over the box at hand; see {@link Enclosure} for what it means. */
export class State {
  readonly al: Algebra;
  /** Coefficients of a slope or adjoint: those of degree at most `orders.slope`. */
  readonly slopeSize: number;
  /** Coefficients of every element. */
  readonly p: Float64Array;
  /** Per element: the largest |v - p|. */
  readonly off: Float64Array;
  /** Per element: sum of magnitudes of its coefficients but the constant. */
  readonly spread: Float64Array;
  /** Per source and element. */
  readonly defects: Record<Source, Float64Array>;
  /** Per element: slope of the function that gave it, and how far off that is; share of the operand that was chosen. */
  readonly slope: Float64Array;
  readonly slopeRadius: Float64Array;
  /** Per element: whether it was stored where it may have been beyond an end, and has a slope. */
  readonly isHeld: Uint8Array;
  /** Per element: what it is off in the middle of the box, however small that is; for estimates, not for bounds. */
  readonly lasting: Float64Array;

  constructor(
    readonly program: Program,
    dimension: number,
    readonly orders: Orders,
  ) {
    const { size } = program;
    this.al = algebra(dimension, orders.value);
    this.slopeSize = this.al.upTo[orders.slope];
    this.p = new Float64Array(size * this.al.size);
    this.off = new Float64Array(size);
    this.spread = new Float64Array(size);
    this.defects = Object.fromEntries(SOURCES.map((s) => [s, new Float64Array(size)])) as Record<Source, Float64Array>;
    this.slope = new Float64Array(size * this.slopeSize);
    this.slopeRadius = new Float64Array(size);
    this.isHeld = new Uint8Array(size);
    this.lasting = new Float64Array(size);
  }

  /** The operation that defines an element. */
  opOf(id: number): Op {
    const { ops } = this.program;
    let [low, high] = [0, ops.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (ops[middle].out <= id) low = middle;
      else high = middle - 1;
    }
    return ops[low];
  }

  clear(): void {
    for (const source of SOURCES) this.defects[source].fill(0);
    this.slope.fill(0);
    this.slopeRadius.fill(0);
    this.lasting.fill(0);
  }

  /** low and high end of an element, deviations included. */
  range(id: number): [number, number] {
    const middle = this.p[id * this.al.size];
    const reach = (this.spread[id] + this.off[id]) * UP + UNIT * 4 * Math.abs(middle);
    return [middle - reach, middle + reach];
  }

  /** Adds to what an element is off. */
  add(source: Source, id: number, amount: number): void {
    this.defects[source][id] += amount;
    this.off[id] = (this.off[id] + amount) * UP;
  }

  copy(from: number, to: number): void {
    const C = this.al.size;
    this.p.copyWithin(to * C, from * C, (from + 1) * C);
    this.off[to] = this.off[from];
  }
}
