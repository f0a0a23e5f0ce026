import { evaluateIr, type IrValues, pullBackFrom } from '../ir/evaluate.js';
import { mapValue } from '../ir/map-function.js';
import { evaluationWork } from '../ir/parameters.js';
import type { InputNode, IrGraph, IrNode, MapNode } from '../ir/types.js';
import type { Box } from '../model/box.js';
import { concatPoints, coveringPoints } from './points/cover.js';
import { uniform } from './points/random.js';

/**
 * Where a graph has its features, however narrow: points at which a value is largest or smallest over the input box, at
 * which the argument of a function is where that bends, turns or is steepest, at which the operands of a choice are equal,
 * and at which several such things meet. They are found with exact gradients, by ascent and by Newton's steps, from a few
 * hundred points that cover the box: a peak that no grid meets has a slope, or a kink, that leads there.
 */

/** sum over the parts of sign times component; sought at `level`, or as large as can be where there is none. */
interface Target {
  readonly parts: readonly { readonly node: IrNode; readonly component: number; readonly sign: 1 | -1 }[];
  readonly level?: number;
}

/** A point and what it is moved towards: its targets in turn. */
interface Climber {
  readonly targets: readonly Target[];
  at: Float64Array;
  best: Float64Array;
  bestScore: number;
  /** Gradient at the best point of an ascent, in shares of the box; and how far to go along it. */
  slope: Float64Array;
  step: number;
}

/** Points that climbers start from, and rounds that they take. */
const STARTS = 512;
const ROUNDS = 20;
/** Multiply-adds that may be spent; a round costs about four evaluations of the graph. */
const WORK = 1.5e9;
const ROUND_COST = 4;
const MOST_CLIMBERS = 1536;
/** Points that are differentiated together: bounds memory. */
const CHUNK = 128;
/** First steps of an ascent, in shares of the box. */
const FIRST_STEP = 1 / 4;
/** Steps on a grid over a function's argument, on which its bends are looked for. */
const GRID = 2048;

/**
 * Row-major [count x inputs], inside the box; the same for the same graph, box and seed.
 * @param seed other seeds give other targets, where there are too many, and other starts
 */
export function featurePoints(graph: IrGraph, box: Box, seed = 0): Float64Array {
  const d = box.min.length;
  const random = uniform(seed + 17);
  const affordable = Math.floor(WORK / (ROUNDS * ROUND_COST * (evaluationWork(graph) + graph.nodes.length + 64)));
  const most = Math.max(16, Math.min(MOST_CLIMBERS, affordable));
  const starts = coveringPoints(box, STARTS, 1 + seed * STARTS);
  const values = evaluateIr(graph, starts, d);
  const extremes = shuffled(
    graph.nodes.flatMap((node) => (isComputed(node) ? extremesOf(node) : [])),
    random,
  )
    .slice(0, most >> 1)
    .map((target) => climberAt([target], nearestStart([target], values, starts.length / d), starts, d));
  climb(graph, box, extremes);
  // Arguments reach further at the extremes than at the starts, and so may levels.
  const found = concatPoints([starts, ...extremes.map(({ best }) => best)]);
  const meetings = chooseMeetings(graph, found, evaluateIr(graph, found, d), d, most - extremes.length, random);
  climb(graph, box, meetings);
  return concatPoints([...extremes, ...meetings].map(({ best }) => best));
}

/**
 * Points at which component `component` of a value is as near to zero as it gets, from `count` starts over the box.
 * @returns row-major [count x inputs]
 */
export function zerosOf(graph: IrGraph, box: Box, node: IrNode, component: number, count: number): Float64Array {
  const d = box.min.length;
  const starts = coveringPoints(box, STARTS);
  const every = Math.max(1, Math.floor(starts.length / d / count));
  const target: Target = { parts: [{ node, component, sign: 1 }], level: 0 };
  const climbers = Array.from({ length: count }, (_, i) => climberAt([target], i * every, starts, d));
  climb(graph, box, climbers);
  return concatPoints(climbers.map(({ best }) => best));
}

function climb(graph: IrGraph, box: Box, climbers: readonly Climber[]): void {
  for (let round = 0; round < ROUNDS; round++) {
    for (let at = 0; at < climbers.length; at += CHUNK) advance(graph, box, climbers.slice(at, at + CHUNK), round);
  }
}

/** Every level once, as far as there is room for it, then meetings of several. */
function chooseMeetings(
  graph: IrGraph,
  starts: Float64Array,
  values: IrValues,
  d: number,
  most: number,
  random: () => number,
): Climber[] {
  const count = starts.length / d;
  const levels = shuffled(
    graph.nodes.flatMap((node) => levelsOf(node, values)),
    random,
  );
  const climbers = levels
    .slice(0, Math.ceil((2 / 3) * most))
    .map((target) => climberAt([target], nearestStart([target], values, count), starts, d));
  if (levels.length < 2) return climbers;
  const meetings = Math.min(most - climbers.length, 8 * levels.length);
  for (let m = 0; m < meetings; m++) {
    const together = 2 + Math.floor(random() * (Math.min(d, 4) - 1));
    const targets = Array.from({ length: together }, () => levels[Math.floor(random() * levels.length)]);
    const start = m & 1 ? nearestStart(targets, values, count) : Math.floor(random() * count);
    climbers.push(climberAt(targets, start, starts, d));
  }
  return climbers;
}

function climberAt(targets: readonly Target[], start: number, starts: Float64Array, d: number): Climber {
  const at = starts.slice(start * d, (start + 1) * d);
  return { targets, at, best: at, bestScore: Number.NEGATIVE_INFINITY, slope: new Float64Array(d), step: FIRST_STEP };
}

function isComputed({ kind }: IrNode): boolean {
  return kind !== 'input' && kind !== 'constant' && kind !== 'concat' && kind !== 'slice';
}

function extremesOf(node: IrNode): Target[] {
  return Array.from({ length: 2 * node.width }, (_, i) => ({
    parts: [{ node, component: i >> 1, sign: i & 1 ? 1 : -1 } as const],
  }));
}

function levelsOf(node: IrNode, values: IrValues): Target[] {
  if (node.kind === 'map') {
    return Array.from({ length: node.x.width }, (_, component) => component).flatMap((component) =>
      notableArguments(node, component, values).map((level) => ({
        parts: [{ node: node.x, component, sign: 1 } as const],
        level,
      })),
    );
  }
  if (node.kind === 'min' || node.kind === 'max') {
    return Array.from({ length: node.width }, (_, i) => ({
      parts: [
        { node: node.a, component: node.a.width === 1 ? 0 : i, sign: 1 } as const,
        { node: node.b, component: node.b.width === 1 ? 0 : i, sign: -1 } as const,
      ],
      level: 0,
    }));
  }
  if (node.kind !== 'select') return [];
  return Array.from({ length: node.condition.width }, (_, component) => ({
    parts: [{ node: node.condition, component, sign: 1 } as const],
    level: 0,
  }));
}

/** Arguments, within the sampled range, where the function turns, is steepest, or bends most. */
function notableArguments({ fn, x }: MapNode, component: number, values: IrValues): number[] {
  const v = values.get(x)!;
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let at = component; at < v.length; at += x.width) {
    min = Math.min(min, v[at]);
    max = Math.max(max, v[at]);
  }
  if (!(max > min) || !Number.isFinite(max - min)) return [];
  const f = mapValue(fn);
  const y = Float64Array.from({ length: GRID + 1 }, (_, i) => f(min + ((max - min) * i) / GRID));
  const steepest = largestAt(GRID, (i) => Math.abs(y[i + 1] - y[i]));
  const bend = (i: number) => Math.abs(y[i + 2] - 2 * y[i + 1] + y[i]);
  const sharpest = largestAt(GRID - 1, bend);
  const turns: number[] = [];
  for (let i = 1; i < GRID && turns.length < 4; i++) {
    if ((y[i] - y[i - 1]) * (y[i + 1] - y[i]) < 0) turns.push(i);
  }
  const argument = (i: number) => min + ((max - min) * i) / GRID;
  const step = (max - min) / GRID;
  return [argument(steepest + 0.5), ...[sharpest + 1, ...turns].map((i) => sharpen(f, argument(i), step))];
}

/** A kink between points of the grid, to a thousandth of its step: where the function bends most. */
function sharpen(f: (x: number) => number, at: number, step: number): number {
  let centre = at;
  for (let h = step / 2; h > step / 1024; h /= 2) {
    const moves = [0, -h, h];
    const bend = (i: number) => {
      const x = centre + moves[i];
      return Math.abs(f(x + h) - 2 * f(x) + f(x - h));
    };
    centre += moves[largestAt(moves.length, bend)];
  }
  return centre;
}

function largestAt(count: number, value: (i: number) => number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (value(i) > value(best)) best = i;
  return best;
}

function nearestStart(targets: readonly Target[], values: IrValues, count: number): number {
  return largestAt(count, (p) => targets.reduce((score, target) => score + scoreOf(target, values, p), 0));
}

/** What a climber wants large: the value, or how near it is to its level. */
function scoreOf(target: Target, values: IrValues, p: number): number {
  const value = targetValue(target, values, p);
  return target.level === undefined ? value : -Math.abs(value - target.level);
}

function targetValue({ parts }: Target, values: IrValues, p: number): number {
  return parts.reduce(
    (sum, { node, component, sign }) => sum + sign * values.get(node)![p * node.width + component],
    0,
  );
}

/** One round: a Newton step onto the level of the target whose turn it is, or a step uphill from the best point so far. */
function advance(graph: IrGraph, box: Box, climbers: readonly Climber[], round: number): void {
  const d = box.min.length;
  const count = climbers.length;
  const values = evaluateIr(graph, concatPoints(climbers.map(({ at }) => at)), d);
  const seeds = new Map<IrNode, Float64Array>();
  climbers.forEach(({ targets }, p) => {
    for (const { node, component, sign } of targets[round % targets.length].parts) {
      if (!seeds.has(node)) seeds.set(node, new Float64Array(count * node.width));
      seeds.get(node)![p * node.width + component] += sign;
    }
  });
  const gradients = pullBackFrom(graph, values, count, seeds);
  const inputs = graph.nodes.filter((node): node is InputNode => node.kind === 'input');
  climbers.forEach((climber, p) => {
    const slope = new Float64Array(d);
    for (const node of inputs) {
      const g = gradients.get(node)![p] * (box.max[node.index] - box.min[node.index]);
      slope[node.index] = Number.isFinite(g) ? g : 0;
    }
    const score = climber.targets.reduce((sum, target) => sum + scoreOf(target, values, p), 0);
    const better = score > climber.bestScore;
    if (better) Object.assign(climber, { bestScore: score, best: climber.at, slope });
    const target = climber.targets[round % climber.targets.length];
    if (target.level !== undefined) {
      climber.at = towardsLevel(climber.at, slope, target.level - targetValue(target, values, p), box);
      return;
    }
    if (!better) climber.step /= 2;
    climber.at = uphill(climber, box, round);
  });
}

/** Along the gradient or, every other round, towards the corner that it points to. */
function uphill({ best, slope, step }: Climber, box: Box, round: number): Float64Array {
  const longest = slope.reduce((m, g) => Math.max(m, Math.abs(g)), 0);
  if (longest === 0) return best;
  return within(best, round & 1 ? slope.map((g) => step * Math.sign(g)) : slope.map((g) => (step * g) / longest), box);
}

/** Newton's step; axes at their end that would leave the box do not help. */
function towardsLevel(at: Float64Array, slope: Float64Array, missing: number, box: Box): Float64Array {
  const free = slope.map((g, k) => {
    const outwards = g * missing;
    return (outwards > 0 && at[k] >= box.max[k]) || (outwards < 0 && at[k] <= box.min[k]) ? 0 : g;
  });
  const square = free.reduce((sum, g) => sum + g * g, 0);
  if (square === 0) return at;
  return within(
    at,
    free.map((g) => (g * missing) / square),
    box,
  );
}

/** `at` moved by shares of the box, and held to it. */
function within(at: Float64Array, move: Float64Array, { min, max }: Box): Float64Array {
  return at.map((x, k) => {
    const next = x + move[k] * (max[k] - min[k]);
    return Number.isFinite(next) ? Math.min(max[k], Math.max(min[k], next)) : x;
  });
}

function shuffled<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j], items[i]];
  }
  return items;
}
