import type { BoxResult, Shares } from './pair.js';

/** Bounds boxes, in the order in which they are given. */
export interface Evaluator {
  bound(boxes: readonly Box[]): Promise<BoxResult[]>;
}

export interface Box {
  low: readonly number[];
  high: readonly number[];
}

/** A node of the tree of boxes: split in the middle of an axis, or not. */
interface Node extends Box {
  index: number;
  depth: number;
  result: BoxResult;
  /** To split. */
  axis: number;
  parent?: Node;
  children?: [Node, Node];
}

export interface SearchOptions {
  min: readonly number[];
  max: readonly number[];
  /** Per output: a bound that is small enough. Default: go on until splitting gains no more than a twentieth. */
  enough?: readonly number[];
  /** Whether to end as soon as some place shows that `enough` is out of reach. */
  isTrial?: boolean;
  mostBoxes: number;
  /** Asked between rounds. */
  stop?: () => boolean;
  onProgress?: (progress: Progress) => void;
}

export interface Progress {
  boxes: number;
  /** Proved so far, per output. */
  bounds: number[];
}

export interface SearchResult {
  /** Per output: what holds all over the box, infinite where there is no bound yet. */
  bounds: number[];
  /** Per output: the box where the bound is largest, and what it is made of there. */
  worst: { box: Box; shares?: Shares }[];
  /** Per output: about what no bound can be below, as the middles of boxes say. */
  least: number[];
  /** Per output: the largest bound away from the jumps of conditions. */
  elsewhere: number[];
  /** Boxes in preorder: the axis of a split in base 36, or a dot. */
  splits: string;
  boxes: number;
  ended: 'tight' | 'boxes' | 'stopped' | 'stuck' | 'hopeless';
}

/** Boxes split in a round; the same on every machine, so that the tree is. */
const ROUND = 96;
/** Splitting ends where it could gain no more than this. */
const GAIN = 1.05;
/** Boxes of this depth are not split further: what is left there is a jump, or the end of a domain. */
const DEEPEST = 60;
/** From this depth on, boxes across a jump are not split further. */
const JUMP_DEPTH = 20;

/**
 * Splits the input box until bounds are tight: in each round the boxes that are furthest above what can be reached, in
 * the middle of the axis that counts most. The same inputs give the same tree, however many threads there are.
 */
export async function searchBoxes(evaluator: Evaluator, options: SearchOptions): Promise<SearchResult> {
  const { min, max, mostBoxes } = options;
  const whole: Box = { low: min, high: max };
  const [result] = await evaluator.bound([whole]);
  const root: Node = { ...whole, index: 0, depth: 0, result, axis: result.axis };
  let leaves: Node[] = [root];
  let made = 1;
  let ended: SearchResult['ended'] = 'tight';
  for (;;) {
    const targets = targetsOf(leaves, options);
    const excess = (node: Node) => {
      const { outputs } = node.result;
      if (!outputs || !targets.length) return Number.POSITIVE_INFINITY;
      return outputs.reduce((m, { bound }, k) => Math.max(m, bound / targets[k]), 0);
    };
    const wanted = leaves.filter((node) => excess(node) > 1);
    if (!wanted.length) break;
    const open = wanted.filter((node) => node.depth < DEEPEST && canSplit(node) && !isJump(node));
    if (!open.length) {
      ended = 'stuck';
      break;
    }
    if (options.isTrial && isHopeless(leaves, options)) {
      ended = 'hopeless';
      break;
    }
    if (options.stop?.()) {
      ended = 'stopped';
      break;
    }
    if (leaves.length >= mostBoxes) {
      ended = 'boxes';
      break;
    }
    const keys = new Map(open.map((node) => [node, excess(node)]));
    open.sort((p, q) => compareKeys(keys.get(q)!, keys.get(p)!) || p.depth - q.depth || p.index - q.index);
    const chosen = open.slice(0, ROUND);
    const halves = chosen.flatMap((node) => halvesOf(node));
    const results = await evaluator.bound(halves);
    chosen.forEach((node, i) => {
      node.children = [0, 1].map((side): Node => {
        const at = 2 * i + side;
        const result = results[at];
        const child = { ...halves[at], index: made++, depth: node.depth + 1, result, axis: result.axis, parent: node };
        return { ...child, axis: axisOf(child, options) };
      }) as [Node, Node];
    });
    const split = new Set(chosen);
    leaves = [...leaves.filter((node) => !split.has(node)), ...chosen.flatMap((node) => node.children!)];
    options.onProgress?.({ boxes: leaves.length, bounds: boundsOf(leaves, targets.length) });
  }
  return summarize(root, leaves, ended);
}

/** Whether there are bounds everywhere, and the middle of some box says that none as small as is wanted can hold. */
function isHopeless(leaves: readonly Node[], { enough }: SearchOptions): boolean {
  if (!enough || leaves.some(({ result }) => !result.outputs)) return false;
  return leaves.some(({ result }) => result.outputs!.some(({ least }, k) => least > enough[k]));
}

function compareKeys(p: number, q: number): number {
  return p === q ? 0 : p < q ? -1 : 1;
}

/** Per output: what is small enough. */
function targetsOf(leaves: readonly Node[], { enough }: SearchOptions): number[] {
  const known = leaves.find(({ result }) => result.outputs)?.result.outputs;
  if (!known) return [];
  return known.map((_, k) => {
    const least = leaves.reduce((m, node) => Math.max(m, limitOf(node, k)), 0);
    return Math.max(GAIN * least, enough?.[k] ?? 0, Number.MIN_VALUE);
  });
}

/**
 * About what a box's bound can come down to: what the middle of the box says, or what remains of what lasts when a further
 * split of all axes gains as much as the last one did: little, once it has settled.
 */
function limitOf(node: Node, k: number): number {
  const outputs = node.result.outputs;
  if (!outputs) return 0;
  const before = ancestor(node, node.low.length);
  const { least, settled } = outputs[k];
  const earlier = before?.result.outputs?.[k].settled ?? 0;
  // Where it has grown the boxes before were too wide to tell.
  return Math.max(least, earlier >= settled ? 2 * settled - earlier : 0);
}

/** Whether a box lies across a jump: a condition counts, and one split per axis has made its bounds hardly smaller. */
function isJump(node: Node): boolean {
  const { outputs } = node.result;
  if (node.depth < JUMP_DEPTH || !outputs?.some(({ shares }) => shares.choice > 0)) return false;
  const before = ancestor(node, node.low.length)?.result.outputs;
  return before !== undefined && outputs.every(({ bound }, k) => bound > 0.97 * before[k].bound);
}

function ancestor(node: Node, levels: number): Node | undefined {
  let before: Node | undefined = node;
  for (let n = 0; n < levels && before; n++) before = before.parent;
  return before;
}

/** Two splits of one axis in a row have to take this off a bound. */
const TAKEN = 1 / 32;
const SHORT = 2 ** -24;

/** The axis of which most is expected; where it has been split twice to no avail, the longest of the others. */
function axisOf({ axis, result, parent, low, high }: Node, { min, max }: SearchOptions): number {
  const before = parent?.parent;
  if (low.length < 2 || before?.axis !== axis || parent?.axis !== axis) return axis;
  const isLess = result.outputs?.some(({ bound }, k) => {
    return bound < (1 - TAKEN) * (before.result.outputs?.[k].bound ?? Number.POSITIVE_INFINITY);
  });
  if (isLess) return axis;
  const lengths = low.map((a, i) => (high[i] - a) / (max[i] - min[i]));
  const longest = Math.max(...lengths.filter((_, i) => i !== axis));
  // The end of a domain may take boxes that are much shorter along one axis before anything can be said.
  if (!result.outputs && lengths[axis] > SHORT * longest) return axis;
  return lengths.findIndex((length, i) => i !== axis && length === longest);
}

function canSplit({ low, high, axis }: Node): boolean {
  const middle = middleOf(low[axis], high[axis]);
  return middle > low[axis] && middle < high[axis];
}

/** Where a box is split; prover and checker agree on it. */
function middleOf(low: number, high: number): number {
  return low + (high - low) / 2;
}

function halvesOf({ low, high, axis }: Node): [Box, Box] {
  const middle = middleOf(low[axis], high[axis]);
  const put = (x: readonly number[]) => x.map((v, i) => (i === axis ? middle : v));
  return [
    { low, high: put(high) },
    { low: put(low), high },
  ];
}

function boundsOf(leaves: readonly Node[], outputs: number): number[] {
  return Array.from({ length: outputs }, (_, k) =>
    leaves.reduce((m, { result }) => Math.max(m, result.outputs?.[k].bound ?? Number.POSITIVE_INFINITY), 0),
  );
}

function summarize(root: Node, leaves: readonly Node[], ended: SearchResult['ended']): SearchResult {
  const count = leaves.find(({ result }) => result.outputs)?.result.outputs?.length ?? 1;
  const bounds = boundsOf(leaves, count);
  const worst = bounds.map((bound, k) => {
    const { low, high, result } = leaves.find(
      ({ result }) => (result.outputs?.[k].bound ?? Number.POSITIVE_INFINITY) === bound,
    )!;
    return { box: { low, high }, shares: result.outputs?.[k].shares };
  });
  const smooth = leaves.filter(({ result }) => result.outputs?.every(({ shares }) => shares.choice === 0));
  const least = bounds.map((_, k) => leaves.reduce((m, { result }) => Math.max(m, result.outputs?.[k].least ?? 0), 0));
  return {
    bounds,
    worst,
    least,
    elsewhere: boundsOf(smooth, count),
    splits: preorder(root),
    boxes: leaves.length,
    ended,
  };
}

function preorder(node: Node): string {
  const parts: string[] = [];
  const stack = [node];
  for (let next = stack.pop(); next; next = stack.pop()) {
    parts.push(next.children ? next.axis.toString(36) : '.');
    if (next.children) stack.push(next.children[1], next.children[0]);
  }
  return parts.join('');
}
