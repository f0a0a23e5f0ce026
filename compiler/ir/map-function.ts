import {
  derivativeOf,
  elu,
  FUNCTIONS,
  type FunctionName,
  leakyRelu,
  lookup,
  power,
  type ScalarFunction,
} from '../model/functions.js';
import { affine, compose, type Series, variable } from '../model/series.js';

/**
 * A function of one variable made of steps applied in order, so that chains of elementwise operations become one table.
 * A periodic function takes its argument in turns: its period is 1.
 */

export type MapStep =
  | { readonly op: 'function'; readonly name: FunctionName }
  | { readonly op: 'power'; readonly exponent: number }
  | { readonly op: 'elu'; readonly alpha: number }
  | { readonly op: 'leakyRelu'; readonly slope: number }
  /** Linear interpolation between values at 0, 1, 2, ...; constant beyond the ends. */
  | { readonly op: 'lookup'; readonly values: readonly number[] }
  | { readonly op: 'affine'; readonly scale: number; readonly shift: number }
  /** The derivative of the steps, one after the other, of an order from 1 on: exact, not that of a table. */
  | { readonly op: 'derivative'; readonly steps: readonly MapStep[]; readonly order: number };

export interface MapFunction {
  readonly steps: readonly MapStep[];
  readonly periodic: boolean;
  /** Added to the argument of a periodic function, in turns, so that sine and cosine share a table. */
  readonly phase: number;
}

/** What the function table of a record stands for: a function between the integers of its argument and its result. */
export interface MapClaim {
  readonly steps: readonly MapStep[];
  readonly periodic: boolean;
  /** argument = integer 2^-argumentExponent; integer of the result = value 2^resultExponent. */
  readonly argumentExponent: number;
  readonly resultExponent: number;
}

/** The steps in order, not periodic. */
export function functionOf(...steps: MapStep[]): MapFunction {
  return { steps, periodic: false, phase: 0 };
}

/** f followed by `steps`. */
export function followedBy(f: MapFunction, ...steps: MapStep[]): MapFunction {
  return { ...f, steps: mergeAffine([...f.steps, ...steps]) };
}

/** `steps` followed by f, which must not be periodic. */
export function precededBy(f: MapFunction, ...steps: MapStep[]): MapFunction {
  return { ...f, steps: mergeAffine([...steps, ...f.steps]) };
}

function mergeAffine(steps: readonly MapStep[]): MapStep[] {
  const merged: MapStep[] = [];
  for (const step of steps) {
    const last = merged.at(-1);
    if (step.op === 'affine' && last?.op === 'affine') {
      const scale = last.scale * step.scale;
      merged[merged.length - 1] = { op: 'affine', scale, shift: last.shift * step.scale + step.shift };
    } else {
      merged.push(step);
    }
  }
  return merged;
}

/**
 * Where a step's slope jumps, if anywhere: at 0 or at the integers of its argument. Segments of a table end there, as
 * long as nothing shifts the argument, so such steps come first in a function.
 */
export function kinksOf(step: MapStep): 'zero' | 'integers' | undefined {
  if (step.op === 'lookup') return 'integers';
  if (step.op === 'elu' || step.op === 'leakyRelu') return 'zero';
  if (step.op === 'derivative') return kinksOf(step.steps[0]);
  if (step.op === 'function' && KINKED_AT_ZERO.includes(step.name)) return 'zero';
  return undefined;
}

const KINKED_AT_ZERO: readonly FunctionName[] = ['relu', 'abs', 'selu'];

/** A step as a function of one number. */
export function stepFunction(step: MapStep): ScalarFunction {
  if (step.op === 'function') return FUNCTIONS[step.name];
  if (step.op === 'power') return power(step.exponent);
  if (step.op === 'elu') return elu(step.alpha);
  if (step.op === 'leakyRelu') return leakyRelu(step.slope);
  if (step.op === 'lookup') return lookup(Array.from(step.values.keys()), step.values);
  if (step.op === 'derivative') return derivedStep(step.steps, step.order);
  const { scale, shift } = step;
  return { value: (x) => scale * x + shift, derivative: () => scale, series: (s) => affine(s, scale, shift) };
}

function derivedStep(steps: readonly MapStep[], order: number): ScalarFunction {
  const parts = steps.map(stepFunction);
  const chain = { series: (s: Series) => parts.reduce((v, part) => part.series(v), s) };
  const series = (s: Series) => {
    const given = chain.series(variable(s[0], order + s.length - 1));
    // f^(order) about s_0: coefficient k of it is (k + order)! / k! times coefficient k + order of f.
    const about = s.map((_, k) => {
      let factor = 1;
      for (let i = 1; i <= order; i++) factor *= k + i;
      return factor * given[k + order];
    });
    return compose(about, s);
  };
  return {
    value: derivativeOf(chain, order),
    derivative: derivativeOf(chain, order + 1),
    series,
    domain: parts[0].domain,
  };
}

/** f(x); for a periodic f, x is in turns and the phase is included. */
export function mapValue(f: MapFunction): (x: number) => number {
  const parts = f.steps.map((step) => stepFunction(step).value);
  if (parts.length === 1 && f.phase === 0) return parts[0];
  return (x) => parts.reduce((v, part) => part(v), x + f.phase);
}

/** df/dx by the chain rule. */
export function mapDerivative(f: MapFunction): (x: number) => number {
  const parts = f.steps.map(stepFunction);
  return (x) => {
    let v = x + f.phase;
    let slope = 1;
    for (const part of parts) {
      slope *= part.derivative(v);
      v = part.value(v);
    }
    return slope;
  };
}

/** Equal for functions that can share a table: everything but the phase. */
export function tableKey(f: MapFunction): string {
  return `${f.periodic ? 'turns ' : ''}${describeSteps(f)}`;
}

/** Readable form such as `tanh` or `0.5x+1, exp`. */
export function describeSteps(f: Pick<MapFunction, 'steps'>): string {
  return f.steps
    .map((step) => {
      if (step.op === 'function') return step.name;
      if (step.op === 'power') return `pow${step.exponent}`;
      if (step.op === 'elu') return `elu(${step.alpha})`;
      if (step.op === 'leakyRelu') return `leakyRelu(${step.slope})`;
      if (step.op === 'lookup') return `lookup(${step.values.join(' ')})`;
      if (step.op === 'derivative') return `d${step.order}(${describeSteps({ steps: step.steps })})`;
      return `${step.scale}x${step.shift < 0 ? '' : '+'}${step.shift}`;
    })
    .join(', ');
}
