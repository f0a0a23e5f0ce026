import { PinnEdgeError } from '../../diagnostics.js';
import type { JumpName } from '../../model/functions.js';

/**
 * A straight-line program over real numbers, one element at a time: what a model defines, or what the integers of a block
 * table stand for. Both are read into this form (model.ts, table.ts); prover and checker enclose it each in its own way.
 *
 * Every element is a number with an id; an operation names the ids it reads and the first of those it defines, which
 * follow one another. In a table's program the unit of an element is one step of its integer.
 */

interface Elements {
  /** Id of the first element that is defined, and their number. */
  readonly out: number;
  readonly count: number;
}

/** Functions of one real variable that programs are made of. */
export type ElementaryName = 'exp' | 'log' | 'sin' | 'cos' | 'tanh' | 'atan' | 'erf' | 'power';

/** y_i = f(x_i), of the argument times 2 pi, exactly, where `turns` is set. */
export interface FunctionOp extends Elements {
  readonly kind: 'function';
  readonly name: ElementaryName;
  /** Of `power`: -1 or no whole number. */
  readonly exponent: number;
  readonly x: Int32Array;
  readonly turns: boolean;
}

/** y = W x + b, W row-major [rows x x.length]. */
export interface AffineOp extends Elements {
  readonly kind: 'affine';
  readonly x: Int32Array;
  readonly rows: number;
  readonly weights: Float64Array;
  readonly bias: Float64Array;
}

/** y_i = wa_i a_i + wb_i b_i + bias_i; without b, wa_i a_i + bias_i. */
export interface LinearOp extends Elements {
  readonly kind: 'linear';
  readonly a: Int32Array;
  readonly b?: Int32Array;
  readonly wa: Float64Array;
  readonly wb: Float64Array;
  readonly bias: Float64Array;
}

/** y_i = a_i b_i. */
export interface MultiplyOp extends Elements {
  readonly kind: 'multiply';
  readonly a: Int32Array;
  readonly b: Int32Array;
}

/**
 * y_i = f(x_i), f a polynomial between points and beyond the first and the last: piece j of x - points[max(0, j - 1)],
 * constant term first. Coefficients may be off what they stand for by 2^-51 of themselves, which enclosures allow for.
 */
export interface PiecewiseOp extends Elements, Pieces {
  readonly kind: 'piecewise';
  readonly x: Int32Array;
}

export interface Pieces {
  readonly points: Float64Array;
  /** One more than points, all of one length. */
  readonly pieces: readonly Float64Array[];
}

/** y_i is x_i taken to a whole number. */
export interface JumpOp extends Elements {
  readonly kind: 'jump';
  readonly name: JumpName;
  readonly x: Int32Array;
}

/** y_i is x_i, off by at most `error`, held to low .. high. */
export interface StoreOp extends Elements {
  readonly kind: 'store';
  readonly x: Int32Array;
  readonly error: number;
  readonly low: number;
  readonly high: number;
  readonly source: 'input' | 'value' | 'output';
}

/** What a store makes of values beyond its ends, which it has. */
export function held({ low, high }: StoreOp): Pieces {
  return {
    points: Float64Array.of(low, high),
    pieces: [Float64Array.of(low, 0), Float64Array.of(low, 1), Float64Array.of(high, 0)],
  };
}

/** y_i is f_i, off by what a function table of the argument x_i is off. */
export interface TableOp extends Elements {
  readonly kind: 'table';
  readonly x: Int32Array;
  readonly f: Int32Array;
  readonly table: TableSpec;
}

export interface InputOp extends Elements {
  readonly kind: 'input';
  readonly index: number;
}

export type Op = InputOp | AffineOp | LinearOp | FunctionOp | MultiplyOp | PiecewiseOp | JumpOp | StoreOp | TableOp;

export interface Program {
  readonly ops: readonly Op[];
  /** Number of elements. */
  readonly size: number;
  readonly inputCount: number;
  /** Id of each output. */
  readonly outputs: Int32Array;
}

/**
 * What a map record computes, exactly: for u = direction (q - origin) of an integer argument q, held to 0 .. reach - 1
 * (periodic: q 2^shift + origin mod 2^32), the polynomial of the segment of u, off by at most `rounding`.
 */
export interface TableSpec {
  /** Of the record, for messages. */
  readonly record: number;
  readonly periodic: boolean;
  readonly origin: number;
  readonly direction: 1 | -1;
  readonly reach: number;
  /** Per segment: where it starts and how wide it is, in u. */
  readonly starts: Float64Array;
  readonly widths: Float64Array;
  /** Per segment, degree + 1 coefficients of t = (u - start) / width, constant term first, in steps of the result. */
  readonly coefficients: Float64Array;
  readonly degree: number;
  /** Largest difference between the polynomial and the stored integer, before it is held to low .. high. */
  readonly rounding: number;
  readonly low: number;
  readonly high: number;
  /** The function that it stands for, of u: one input, one output; claimed by the build, proved or refuted here. */
  readonly claim: Program;
}

/** Collects the operations of a program. */
export class ProgramBuilder {
  readonly ops: Op[] = [];
  size = 0;

  /** Adds an operation that defines `count` elements and gives their ids. */
  add<T extends Op>(count: number, op: Omit<T, keyof Elements>): Int32Array {
    const out = this.size;
    this.size += count;
    this.ops.push({ ...op, out, count } as unknown as Op);
    return Int32Array.from({ length: count }, (_, i) => out + i);
  }

  input(index: number): Int32Array {
    return this.add<InputOp>(1, { kind: 'input', index });
  }

  affine(x: Int32Array, weights: Float64Array, bias: Float64Array): Int32Array {
    return this.add<AffineOp>(bias.length, { kind: 'affine', x, rows: bias.length, weights, bias });
  }

  /** wa a + wb b + bias; numbers hold for all elements, operands of one element are repeated. */
  linear(
    a: Int32Array,
    wa: ArrayLike<number> | number,
    bias: ArrayLike<number> | number = 0,
    b?: Int32Array,
    wb: ArrayLike<number> | number = 0,
  ): Int32Array {
    const lengths = [a, b, wa, wb, bias].map((v) => (typeof v === 'object' && v ? v.length : 1));
    const count = Math.max(...lengths);
    const spread = (v: ArrayLike<number> | number) => {
      if (typeof v === 'number') return new Float64Array(count).fill(v);
      return Float64Array.from({ length: count }, (_, i) => v[v.length === 1 ? 0 : i]);
    };
    return this.add<LinearOp>(count, {
      kind: 'linear',
      a: repeat(a, count),
      b: b && repeat(b, count),
      wa: spread(wa),
      wb: spread(wb),
      bias: spread(bias),
    });
  }

  multiply(a: Int32Array, b: Int32Array, factor = 1): Int32Array {
    const count = Math.max(a.length, b.length);
    return this.scaled(
      this.add<MultiplyOp>(count, { kind: 'multiply', a: repeat(a, count), b: repeat(b, count) }),
      factor,
    );
  }

  /** factor f(scale x + shift); in turns, where that is set, all of it. */
  elementary(
    name: ElementaryName,
    x: Int32Array,
    { exponent = 0, scale = 1, shift = 0, factor = 1, turns = false } = {},
  ): Int32Array {
    const argument = this.scaled(x, scale, shift);
    return this.scaled(
      this.add<FunctionOp>(x.length, { kind: 'function', name, x: argument, exponent, turns }),
      factor,
    );
  }

  private scaled(x: Int32Array, scale: number, shift = 0): Int32Array {
    return scale === 1 && shift === 0 ? x : this.linear(x, scale, shift);
  }

  pieces(x: Int32Array, points: ArrayLike<number>, pieces: readonly Float64Array[]): Int32Array {
    return this.add<PiecewiseOp>(x.length, { kind: 'piecewise', x, points: Float64Array.from(points), pieces });
  }

  /** Linear between (points, values), of slopes `left` and `right` beyond the ends. */
  piecewise(x: Int32Array, points: number[], values: number[], left: number, right: number): Int32Array {
    const slopes = points.slice(1).map((point, i) => (values[i + 1] - values[i]) / (point - points[i]));
    const pieces = [left, ...slopes, right].map((slope, j) => Float64Array.of(values[Math.max(0, j - 1)], slope));
    return this.pieces(x, points, pieces);
  }

  jump(name: JumpName, x: Int32Array): Int32Array {
    return this.add<JumpOp>(x.length, { kind: 'jump', name, x });
  }

  /** Numbers that do not depend on the inputs. */
  constants(values: ArrayLike<number>): Int32Array {
    return this.affine(new Int32Array(0), new Float64Array(0), Float64Array.from(values));
  }

  /** a_i where condition_i > 0, else b_i. */
  select(condition: Int32Array, a: Int32Array, b: Int32Array): Int32Array {
    const isAbove = this.pieces(condition, [0], [Float64Array.of(0), Float64Array.of(1)]);
    return this.linear(b, 1, 0, this.multiply(isAbove, this.linear(a, 1, 0, b, -1)), 1);
  }

  /** The smaller or the larger of two, by the positive part of their difference. */
  extremum(kind: 'min' | 'max', a: Int32Array, b: Int32Array): Int32Array {
    const above = this.piecewise(this.linear(a, 1, 0, b, -1), [0], [0], 0, 1);
    return kind === 'max' ? this.linear(b, 1, 0, above, 1) : this.linear(a, 1, 0, above, -1);
  }

  finish(inputCount: number, outputs: Int32Array): Program {
    return { ops: this.ops, size: this.size, inputCount, outputs };
  }
}

function repeat(x: Int32Array, count: number): Int32Array {
  if (x.length === count) return x;
  return new Int32Array(count).fill(x[0]);
}

/** What no bound can be proved for, and the one next step. */
export function cannotProve(reason: string): PinnEdgeError {
  return new PinnEdgeError('PE4201', { reason });
}
