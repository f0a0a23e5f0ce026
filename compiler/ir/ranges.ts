import type { Box } from '../model/box.js';
import { FUNCTIONS, hasPole } from '../model/functions.js';
import { splineBounds } from '../model/spline.js';
import type { IrValues } from './evaluate.js';
import { type MapFunction, stepFunction } from './map-function.js';
import type { IrGraph, IrNode, SelectNode } from './types.js';

/**
 * Range analysis over the input box. Interval arithmetic gives bounds that always hold but grow with depth; sampling
 * gives tight ones that may miss a peak. The range of a value is the sampled one, widened by a margin, never beyond
 * the interval; at run time every value saturates, so a peak outside costs accuracy (which `verify` measures) and
 * nothing else.
 */

/** A closed interval. */
export interface Range {
  min: number;
  max: number;
}

/** Share of the sampled span that is added at either end. */
const MARGIN = 0.02;

/** Range of every component of every node: arrays of length width. */
export type Ranges = ReadonlyMap<IrNode, readonly Range[]>;

/**
 * @param values of every node at points that cover the box, row-major [points x width]
 * @returns ranges in the units of the graph
 */
export function analyzeRanges(graph: IrGraph, values: IrValues, box: Box): Ranges {
  const bounds = intervalBounds(graph, box);
  const ranges = new Map<IrNode, Range[]>();
  const restricted = restrictedArguments(graph);
  for (const node of graph.nodes) {
    const sampled = sampledRanges(values.get(node)!, node.width);
    const certain = bounds.get(node)!;
    if (node.kind === 'select') addUntaken(node, values, ranges, sampled);
    const exact = node.kind === 'input' || node.kind === 'constant';
    ranges.set(
      node,
      certain.map((bound, i) => (exact ? bound : restricted.has(node) ? sampled[i] : widenWithin(sampled[i], bound))),
    );
  }
  return ranges;
}

/**
 * A choice that no point has taken, such as the one at x = 0.5, is taken between the points: its range counts as well.
 */
function addUntaken(node: SelectNode, values: IrValues, ranges: Ranges, sampled: Range[]): void {
  const condition = values.get(node.condition)!;
  const { width } = node.condition;
  sampled.forEach((range, i) => {
    const at = width === 1 ? 0 : i;
    let [above, below] = [false, false];
    for (let k = at; k < condition.length; k += width) {
      if (condition[k] > 0) above = true;
      else below = true;
    }
    if (above && below) return;
    const other = ranges.get(above ? node.b : node.a)!;
    sampled[i] = unionRange([range, other[other.length === 1 ? 0 : i]]);
  });
}

/** Arguments of functions that do not exist everywhere (sqrt, 1/x): widening their range could leave the domain. */
function restrictedArguments(graph: IrGraph): Set<IrNode> {
  const restricted = new Set<IrNode>();
  for (const node of graph.nodes) {
    if (node.kind === 'map' && node.fn.steps.some((step) => stepFunction(step).domain)) restricted.add(node.x);
  }
  return restricted;
}

function widenWithin(sampled: Range, bound: Range): Range {
  const margin = MARGIN * (sampled.max - sampled.min) + 1e-12 * Math.max(Math.abs(sampled.min), Math.abs(sampled.max));
  return {
    min: Math.min(sampled.min, Math.max(bound.min, sampled.min - margin)),
    max: Math.max(sampled.max, Math.min(bound.max, sampled.max + margin)),
  };
}

/** The range of all components together. */
export function unionRange(ranges: readonly Range[]): Range {
  return {
    min: ranges.reduce((m, r) => Math.min(m, r.min), Number.POSITIVE_INFINITY),
    max: ranges.reduce((m, r) => Math.max(m, r.max), Number.NEGATIVE_INFINITY),
  };
}

function sampledRanges(values: Float64Array, width: number): Range[] {
  const ranges = Array.from({ length: width }, () => ({
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
  }));
  for (let at = 0; at < values.length; at += width) {
    for (let i = 0; i < width; i++) {
      const v = values[at + i];
      if (v < ranges[i].min) ranges[i].min = v;
      if (v > ranges[i].max) ranges[i].max = v;
    }
  }
  return ranges;
}

/** Bounds that every component of every node keeps over the box. */
export function intervalBounds(graph: Pick<IrGraph, 'nodes'>, box: Box): Map<IrNode, Range[]> {
  const bounds = new Map<IrNode, Range[]>();
  for (const node of graph.nodes) bounds.set(node, intervalOf(node, bounds, box));
  return bounds;
}

function intervalOf(node: IrNode, bounds: ReadonlyMap<IrNode, Range[]>, box: Box): Range[] {
  switch (node.kind) {
    case 'input':
      return [{ min: box.min[node.index], max: box.max[node.index] }];
    case 'constant':
      return Array.from(node.data, (v) => ({ min: v, max: v }));
    case 'affine': {
      const x = bounds.get(node.x)!;
      return Array.from({ length: node.width }, (_, r) => affineInterval(node.weight, r * x.length, x, node.bias[r]));
    }
    case 'blocks':
      return node.leaves.reduce(
        (sum, leaf) => {
          const x = bounds.get(leaf.x)!;
          for (let r = 0; r < leaf.rows; r++) {
            const { min, max } = affineInterval(leaf.weight, r * x.length, x, 0);
            const at = leaf.row + r;
            sum[at] = { min: sum[at].min + min, max: sum[at].max + max };
          }
          return sum;
        },
        Array.from(node.bias, (b): Range => ({ min: b, max: b })),
      );
    case 'scale': {
      const x = bounds.get(node.x)!;
      return Array.from({ length: node.width }, (_, i) =>
        affineInterval(node.scale, i, [x[x.length === 1 ? 0 : i]], node.shift[i]),
      );
    }
    case 'spline':
      return splineBounds(node);
    case 'map':
      return bounds.get(node.x)!.map((range) => mapInterval(node.fn, range));
    case 'add':
    case 'mul': {
      const [a, b] = [bounds.get(node.a)!, bounds.get(node.b)!];
      return Array.from({ length: node.width }, (_, i) => {
        const u = a[a.length === 1 ? 0 : i];
        const v = b[b.length === 1 ? 0 : i];
        if (node.kind === 'mul') return hull([u.min * v.min, u.min * v.max, u.max * v.min, u.max * v.max]);
        return node.subtract ? { min: u.min - v.max, max: u.max - v.min } : { min: u.min + v.min, max: u.max + v.max };
      });
    }
    case 'min':
    case 'max':
    case 'select': {
      const [a, b] = [bounds.get(node.a)!, bounds.get(node.b)!];
      return Array.from({ length: node.width }, (_, i) =>
        chosenInterval(node.kind, a[a.length === 1 ? 0 : i], b[b.length === 1 ? 0 : i]),
      );
    }
    case 'concat':
      return node.parts.flatMap((part) => bounds.get(part)!);
    case 'slice':
      return bounds.get(node.x)!.slice(node.start, node.start + node.width);
  }
}

function chosenInterval(kind: 'min' | 'max' | 'select', a: Range, b: Range): Range {
  if (kind === 'select') return unionRange([a, b]);
  const pick = kind === 'min' ? Math.min : Math.max;
  return { min: pick(a.min, b.min), max: pick(a.max, b.max) };
}

function hull(values: readonly number[]): Range {
  // 0 * infinity arises from an unbounded operand times an exact zero: the product is zero.
  const real = values.map((v) => (Number.isNaN(v) ? 0 : v));
  return { min: Math.min(...real), max: Math.max(...real) };
}

function affineInterval(weight: Float64Array, at: number, x: readonly Range[], bias: number): Range {
  let min = bias;
  let max = bias;
  for (let c = 0; c < x.length; c++) {
    const w = weight[at + c];
    if (w === 0) continue;
    min += w > 0 ? w * x[c].min : w * x[c].max;
    max += w > 0 ? w * x[c].max : w * x[c].min;
  }
  return { min, max };
}

const EVERYTHING: Range = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };

function mapInterval(fn: MapFunction, x: Range): Range {
  let range = fn.periodic ? EVERYTHING : x;
  for (const step of fn.steps) range = stepInterval(step, range);
  return range;
}

/** Image of an interval: monotone functions by their ends, bounded ones by their bounds, the rest unbounded. */
function stepInterval(step: MapFunction['steps'][number], x: Range): Range {
  const f = stepFunction(step).value;
  if (step.op === 'affine') {
    return step.scale === 0 ? { min: step.shift, max: step.shift } : hull([f(x.min), f(x.max)]);
  }
  if (step.op === 'power') return powerInterval(step.exponent, x);
  if (step.op === 'elu') return { min: f(x.min), max: f(x.max) };
  if (step.op === 'leakyRelu') return throughZero(hull([f(x.min), f(x.max)]), x);
  if (step.op === 'lookup') return hull([...step.values]);
  if (step.op === 'derivative') return EVERYTHING;
  switch (step.name) {
    case 'sin':
    case 'cos':
      return { min: -1, max: 1 };
    case 'tanh':
    case 'sinh':
    case 'asinh':
    case 'sigmoid':
    case 'softplus':
    case 'relu':
    case 'exp':
    case 'atan':
    case 'erf':
    case 'selu':
      return { min: f(x.min), max: f(x.max) };
    case 'asin':
      return { min: f(Math.max(-1, x.min)), max: f(Math.min(1, x.max)) };
    case 'acos':
      return { min: f(Math.min(1, x.max)), max: f(Math.max(-1, x.min)) };
    case 'acosh':
      return { min: f(Math.max(1, x.min)), max: f(Math.max(1, x.max)) };
    case 'atanh':
      return { min: f(Math.max(-1, x.min)), max: f(Math.min(1, x.max)) };
    case 'tan':
      return hasPole(FUNCTIONS.tan.domain, x.min, x.max) ? EVERYTHING : { min: f(x.min), max: f(x.max) };
    case 'cosh':
      return x.min < 0 && x.max > 0 ? { min: 1, max: Math.max(f(x.min), f(x.max)) } : hull([f(x.min), f(x.max)]);
    case 'sqrt':
      return { min: Math.sqrt(Math.max(0, x.min)), max: Math.sqrt(Math.max(0, x.max)) };
    case 'log':
      return { min: Math.log(Math.max(0, x.min)), max: Math.log(Math.max(0, x.max)) };
    case 'abs':
      return throughZero(hull([f(x.min), f(x.max)]), x);
    case 'mish':
      return valley(f, -1.1924312162888, x);
    case 'silu':
      return valley(f, -1.278464542761074, x);
    case 'gelu':
      return valley(f, -0.751791524693565, x);
    case 'geluTanh':
      return valley(f, -0.7524614220710162, x);
    case 'reciprocal':
      return x.min > 0 || x.max < 0 ? { min: 1 / x.max, max: 1 / x.min } : EVERYTHING;
  }
}

/** The image of a function that falls to its least value at `bottom` and rises from there, with limit 0 on the left. */
function valley(f: (x: number) => number, bottom: number, x: Range): Range {
  const at = (v: number) => (v === Number.NEGATIVE_INFINITY ? 0 : f(v));
  const ends = hull([at(x.min), at(x.max)]);
  // Near its bottom the function is flat: a bottom that is off in its last digits is as low to 1e-12.
  return x.min < bottom && x.max > bottom ? { min: f(bottom) - 1e-12, max: ends.max } : ends;
}

/** The image of a function with f(0) = 0 that is monotone on either side of 0, from its values at the ends. */
function throughZero(ends: Range, x: Range): Range {
  return x.min < 0 && x.max > 0 ? { min: Math.min(0, ends.min), max: Math.max(0, ends.max) } : ends;
}

function powerInterval(n: number, x: Range): Range {
  if (!Number.isInteger(n)) return hull([Math.max(0, x.min) ** n, Math.max(0, x.max) ** n]);
  if (n === 0) return { min: 1, max: 1 };
  if (n < 0) {
    if (x.min <= 0 && x.max >= 0) return EVERYTHING;
    return hull([x.min ** n, x.max ** n]);
  }
  const ends = hull([x.min ** n, x.max ** n]);
  return n % 2 === 0 && x.min < 0 && x.max > 0 ? { min: 0, max: ends.max } : ends;
}
