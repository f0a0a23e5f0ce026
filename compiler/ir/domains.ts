import { PinnEdgeError } from '../diagnostics.js';
import { hasPole } from '../model/functions.js';
import type { IrValues } from './evaluate.js';
import { type MapFunction, stepFunction } from './map-function.js';
import type { IrGraph, SplineNode } from './types.js';

/** Refuses functions whose arguments leave their domain somewhere in the input box: sqrt below 0, 1/x through 0. */
export function checkDomains(graph: IrGraph, values: IrValues, file: string): void {
  for (const node of graph.nodes) {
    if (node.kind === 'spline') {
      const reason = rangeFault(node, values.get(node.x)!);
      if (reason) throw new PinnEdgeError('PE2002', { file, node: node.name, op: 'spline', reason });
    }
    if (node.kind !== 'map') continue;
    const reason = domainFault(node.fn, values.get(node.x)!);
    if (reason) throw new PinnEdgeError('PE2002', { file, node: node.name, op: describe(node.fn), reason });
  }
}

/** Of the range of an axis: arguments that leave it by less do so by rounding. */
const RANGE_SLACK = 1e-9;

function rangeFault({ axes }: SplineNode, x: Float64Array): string | undefined {
  for (const [k, { min, max }] of axes.entries()) {
    const slack = RANGE_SLACK * (max - min);
    let [least, most] = [min, max];
    for (let i = k; i < x.length; i += axes.length) {
      least = Math.min(least, x[i]);
      most = Math.max(most, x[i]);
    }
    if (least >= min - slack && most <= max + slack) continue;
    const span = `argument ${k + 1} runs from ${least.toPrecision(4)} to ${most.toPrecision(4)}`;
    return `${span}, beyond the range ${min} .. ${max} of its axis; narrow the input ranges or widen "ranges"`;
  }
  return undefined;
}

function describe(fn: MapFunction): string {
  return fn.steps.map((step) => (step.op === 'function' ? step.name : step.op)).join(', ');
}

/** No table of int32 arguments over a span beyond this says anything of a function. */
const LARGEST_ARGUMENT = 2 ** 47;

function domainFault(fn: MapFunction, x: Float64Array): string | undefined {
  let argument = fn.phase ? x.map((v) => v + fn.phase) : x;
  const largest = x.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  if (largest > LARGEST_ARGUMENT) {
    return `its argument reaches ${largest.toPrecision(4)}, too large for fixed point; look for an outlier among the weights before it`;
  }
  for (const step of fn.steps) {
    const f = stepFunction(step);
    const min = argument.reduce((m, v) => Math.min(m, v), Number.POSITIVE_INFINITY);
    const max = argument.reduce((m, v) => Math.max(m, v), Number.NEGATIVE_INFINITY);
    const span = `its argument runs from ${min.toPrecision(4)} to ${max.toPrecision(4)}`;
    if (hasPole(f.domain, min, max)) {
      const every = f.domain?.polePeriod ? ` (and every ${f.domain.polePeriod})` : '';
      return `${span}, through the pole at ${f.domain?.pole}${every}; narrow the input ranges`;
    }
    if (f.domain?.min !== undefined && (min < f.domain.min || (f.domain.open && min === f.domain.min))) {
      return `${span}, ${min < f.domain.min ? 'below' : 'down to'} ${f.domain.min}; narrow the input ranges`;
    }
    if (f.domain?.max !== undefined && (max > f.domain.max || (f.domain.open && max === f.domain.max))) {
      return `${span}, ${max > f.domain.max ? 'above' : 'up to'} ${f.domain.max}; narrow the input ranges`;
    }
    if (!Number.isFinite(min) || !Number.isFinite(max)) return `${span}; narrow the input ranges`;
    argument = argument.map(f.value);
  }
  return argument.every(Number.isFinite) ? undefined : 'its value is not finite; narrow the input ranges';
}
