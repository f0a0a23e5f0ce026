import { evaluateIr, type IrValues, pullBackFrom } from '../ir/evaluate.js';
import { mapNodes } from '../ir/map-nodes.js';
import type { IrGraph, IrNode, SelectNode } from '../ir/types.js';
import type { Box } from '../model/box.js';
import { zerosOf } from './features.js';
import { concatPoints, coveringPoints } from './points/cover.js';

/**
 * Where a choice jumps: its two values differ where its condition changes its sign. No number format keeps a tolerance right
 * beside such a place, since the smallest error of the condition decides for the other value. Within a margin of the
 * condition the value of either side is therefore taken for right, and nothing else is; at an end of the input box, beyond
 * which the other side would lie, there is one right value.
 */

export interface Jump {
  /** Name of the node that chooses. */
  node: string;
  /** The output that jumps, by its index, and how far, in its unit. */
  output: number;
  size: number;
  /** A place of the jump. */
  at: number[];
  /** Either side is right where |condition| is at most this. */
  margin: number;
}

/** Starts from which a component's changes of sign are looked for. */
const STARTS = 24;
/** How far from the change its two sides are compared, as a share of the box: far beyond the rounding of float64. */
const STEP = 1e-9;
/** A jump larger than this share of what is allowed is one; smaller ones are errors like others. */
const LEAST = 0.1;
/** Share of the largest |condition| within which either side is right. */
const MARGIN = 2 ** -10;
/** Conditions of so many components at most are looked at one by one. */
const MOST_COMPONENTS = 512;

interface Choice {
  node: SelectNode;
  component: number;
  margin: number;
  /** The graph with this choice the other way round. */
  flipped?: IrGraph;
}

export class Jumps {
  /** The largest jump of every output at every choice. */
  readonly found: readonly Jump[];
  private readonly choices: readonly Choice[];

  /**
   * @param reference of the model, row-major [points x outputs]
   * @param allowances of every output, in its unit
   */
  constructor(
    private readonly graph: IrGraph,
    private readonly box: Box,
    reference: (points: Float64Array) => Float64Array,
    allowances: readonly number[],
  ) {
    const found: Jump[] = [];
    const choices: Choice[] = [];
    for (const node of graph.nodes) {
      if (node.kind !== 'select') continue;
      for (let component = 0; component < Math.min(MOST_COMPONENTS, node.condition.width); component++) {
        const jumps = jumpsOf(graph, box, node, component, reference, allowances);
        if (!jumps.length) continue;
        choices.push({ node, component, margin: jumps[0].margin });
        for (const jump of jumps) {
          const larger = found.findIndex((other) => other.node === jump.node && other.output === jump.output);
          if (larger < 0) found.push(jump);
          else if (found[larger].size < jump.size) found[larger] = jump;
        }
      }
    }
    this.found = found;
    this.choices = choices;
  }

  /**
   * What an answer is to be compared with, in the graph's units, row-major [points x outputs]: the reference or, beside a
   * jump, the value of its other side where the answer is nearer to that.
   */
  nearerSide(points: Float64Array, wanted: Float64Array, got: Float64Array): Float64Array {
    if (!this.choices.length) return wanted;
    const d = this.box.min.length;
    const width = this.graph.output.width;
    const nearer = wanted.slice();
    for (let start = 0; start < points.length / d; start += CHUNK) {
      const chunk = points.subarray(start * d, (start + CHUNK) * d);
      const values = evaluateIr(this.graph, chunk, d);
      for (const choice of this.choices) {
        const near = this.pointsBeside(choice, values, chunk);
        const theirs = near.flatMap((p) => Array.from(chunk.subarray(p * d, (p + 1) * d)));
        if (!near.length) continue;
        choice.flipped ??= flip(this.graph, choice);
        const other = evaluateIr(choice.flipped, Float64Array.from(theirs), d).get(choice.flipped.output)!;
        other.forEach((value, i) => {
          const at = (start + near[Math.floor(i / width)]) * width + (i % width);
          if (Math.abs(got[at] - value) < Math.abs(got[at] - nearer[at])) nearer[at] = value;
        });
      }
    }
    return nearer;
  }

  /** Points of a chunk within the margin; where the condition is zero, those that have both sides in the box. */
  private pointsBeside({ node, component, margin }: Choice, values: IrValues, chunk: Float64Array): number[] {
    const { graph, box } = this;
    const d = box.min.length;
    const { condition } = node;
    const c = values.get(condition)!;
    const near = Array.from({ length: chunk.length / d }, (_, p) => p).filter(
      (p) => Math.abs(c[p * condition.width + component]) <= margin,
    );
    const onIt = near.filter((p) => c[p * condition.width + component] === 0);
    if (!onIt.length) return near;
    const points = concatPoints(onIt.map((p) => chunk.subarray(p * d, (p + 1) * d)));
    const { below, above } = sidesOf(graph, box, condition, component, points);
    const oneSided = new Set(onIt.filter((_, i) => !(below.condition[i] < 0 && above.condition[i] > 0)));
    return near.filter((p) => !oneSided.has(p));
  }
}

/** Points a little way down and up the slope of a component, held to the box, and its values there. */
function sidesOf(graph: IrGraph, box: Box, condition: IrNode, component: number, points: Float64Array) {
  const d = box.min.length;
  const count = points.length / d;
  const seed = new Float64Array(count * condition.width);
  for (let p = 0; p < count; p++) seed[p * condition.width + component] = 1;
  const gradients = pullBackFrom(graph, evaluateIr(graph, points, d), count, new Map([[condition, seed]]));
  const side = (direction: number) => {
    const moved = points.slice();
    for (const input of graph.nodes) {
      if (input.kind !== 'input') continue;
      const { index } = input;
      const step = direction * STEP * (box.max[index] - box.min[index]);
      gradients.get(input)!.forEach((g, p) => {
        const x = points[p * d + index] + Math.sign(g) * step;
        moved[p * d + index] = Math.min(box.max[index], Math.max(box.min[index], x));
      });
    }
    const all = evaluateIr(graph, moved, d).get(condition)!;
    return { points: moved, condition: Array.from({ length: count }, (_, p) => all[p * condition.width + component]) };
  };
  return { below: side(-1), above: side(1) };
}

/** Added to a reversed condition, so that zero is on the other side as well. */
const BEYOND_ZERO = 1e-300;

/** The same graph with the sign of one component of a choice's condition reversed for that choice. */
function flip(graph: IrGraph, { node, component }: Choice): IrGraph {
  return mapNodes(graph, (read, original) => {
    if (original !== node || read.kind !== 'select') return read;
    const { condition } = read;
    const scale = Float64Array.from({ length: condition.width }, (_, i) => (i === component ? -1 : 1));
    const shift = scale.map((sign) => (sign < 0 ? BEYOND_ZERO : 0));
    return {
      ...read,
      condition: { kind: 'scale', name: read.name, width: condition.width, x: condition, scale, shift },
    };
  });
}

const CHUNK = 512;
const RANGE_POINTS = 256;

/** The outputs that jump at one component of a choice, each where it jumps furthest. */
function jumpsOf(
  graph: IrGraph,
  box: Box,
  node: SelectNode,
  component: number,
  reference: (points: Float64Array) => Float64Array,
  allowances: readonly number[],
): Jump[] {
  const d = box.min.length;
  const { condition } = node;
  const zeros = zerosOf(graph, box, condition, component, STARTS);
  const count = zeros.length / d;
  const all = evaluateIr(graph, coveringPoints(box, RANGE_POINTS), d).get(condition)!;
  let largest = 0;
  for (let i = component; i < all.length; i += condition.width) largest = Math.max(largest, Math.abs(all[i]));
  const { below, above } = sidesOf(graph, box, condition, component, zeros);
  const [low, high] = [reference(below.points), reference(above.points)];
  const width = allowances.length;
  return allowances.flatMap((allowance, output) => {
    let best: Jump | undefined;
    for (let p = 0; p < count; p++) {
      const [down, up] = [below.condition[p], above.condition[p]];
      const crosses = down < 0 !== up < 0 || down > 0 !== up > 0;
      const size = Math.abs(high[p * width + output] - low[p * width + output]);
      if (!crosses || !(size > LEAST * allowance) || (best && size <= best.size)) continue;
      const at = Array.from(zeros.subarray(p * d, (p + 1) * d));
      best = { node: node.name, output, size, at, margin: MARGIN * largest };
    }
    return best ? [best] : [];
  });
}
