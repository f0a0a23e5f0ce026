import { PinnEdgeError } from '../diagnostics.js';
import type { Analysis } from '../formats/search/analysis.js';
import type { Range, Ranges } from '../ir/ranges.js';
import type { Box } from '../model/box.js';
import { ordersFor } from './certify.js';
import { polynomialRange } from './prove/algebra.js';
import { Enclosure } from './prove/enclosure.js';
import { TableErrors } from './prove/table-errors.js';
import { readGraphProgram } from './read/graph.js';

/** Boxes that a proof of ranges may take: most networks need a few dozen. */
const BOXES = 400;
/** A range is near enough to what is attained when it is beyond it by no more than this part of its width. */
const NEAR = 1 / 200;

/**
 * The analysis with ranges that hold at every point of the input box, in place of sampled ones widened by a margin: where
 * the proved range is the narrower one, and where a value is attained beyond the widened one, which sampling has missed.
 * What cannot be enclosed keeps its range.
 */
export function withProvedRanges(analysis: Analysis): Analysis {
  const { graph, box, ranges } = analysis;
  try {
    const { program, ids } = readGraphProgram(graph, box.min.length);
    const proved = rangesOver(
      new Enclosure(program, box.min.length, ordersFor(box.min.length), new TableErrors()),
      box,
    );
    const sure: Ranges = new Map(
      graph.nodes.map((node) => {
        const isGiven = node.kind === 'input' || node.kind === 'constant';
        const known = ranges.get(node)!;
        const found = known.map((range, i) => (isGiven ? range : chosen(range, proved, ids.get(node)![i])));
        return [node, found];
      }),
    );
    return { ...analysis, ranges: sure };
  } catch (error) {
    // An operation that proofs do not cover: the certificate refuses it by name.
    if (error instanceof PinnEdgeError && error.code === 'PE4201') return analysis;
    throw error;
  }
}

/** Bounds of every element of a program over a box, and values that elements attain there, up to their enclosures. */
export interface ProvedRanges {
  low: Float64Array;
  high: Float64Array;
  /** Some element lies below `below` at some point, and above `above` at another. */
  below: Float64Array;
  above: Float64Array;
}

function chosen(range: Range, { low, high, below, above }: ProvedRanges, id: number): Range {
  // Ends that are attained at a corner are the same but for roundings.
  const slack = 1e-9 * (range.max - range.min);
  return {
    min: low[id] >= range.min || below[id] < range.min - slack ? low[id] : range.min,
    max: high[id] <= range.max || above[id] > range.max + slack ? high[id] : range.max,
  };
}

/** Splits the box until the ranges of all elements are near what is attained, or boxes are used up. */
export function rangesOver(enclosure: Enclosure, { min, max }: Box, mostBoxes = BOXES): ProvedRanges {
  const { size } = enclosure.program;
  const below = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
  const above = new Float64Array(size).fill(Number.NEGATIVE_INFINITY);
  const bound = (low: readonly number[], high: readonly number[]) => {
    const ends = { low: new Float64Array(size), high: new Float64Array(size) };
    const isBounded = enclosure.forward(low, high);
    for (let id = 0; id < size; id++) {
      if (!isBounded) [ends.low[id], ends.high[id]] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
      else {
        const off = enclosure.off[id];
        const { middle, radius } = polynomialRange(enclosure.al, enclosure.p, id * enclosure.al.size);
        const reach = (radius + off) * (1 + 2 ** -40) + 2 ** -50 * Math.abs(middle);
        [ends.low[id], ends.high[id]] = [middle - reach, middle + reach];
        const [least, most] = extremesAtCorners(enclosure, id);
        below[id] = Math.min(below[id], least + off);
        above[id] = Math.max(above[id], most - off);
      }
    }
    return { corner: [low, high] as const, ...ends };
  };
  let boxes = [bound([...min], [...max])];
  const ends = () => ({
    low: Float64Array.from({ length: size }, (_, id) => Math.min(...boxes.map(({ low }) => low[id]))),
    high: Float64Array.from({ length: size }, (_, id) => Math.max(...boxes.map(({ high }) => high[id]))),
  });
  for (;;) {
    const isFar = boxes.map(({ low, high }) =>
      low.some((value, id) => {
        const near = NEAR * Math.max(0, above[id] - below[id]);
        return value < below[id] - near || high[id] > above[id] + near;
      }),
    );
    const far = isFar.filter((value) => value).length;
    if (far === 0 || boxes.length + far > mostBoxes) return { ...ends(), below, above };
    boxes = boxes.flatMap((one, i) => {
      if (!isFar[i]) return [one];
      const [low, high] = one.corner;
      const parts = low.map((a, axis) => (high[axis] - a) / (max[axis] - min[axis]));
      const axis = parts.indexOf(Math.max(...parts));
      const middle = low[axis] + (high[axis] - low[axis]) / 2;
      const at = (x: readonly number[]) => x.map((value, k) => (k === axis ? middle : value));
      return [bound(low, at(high)), bound(at(low), high)];
    });
  }
}

/** Boxes of more corners are looked at in the middle alone. */
const MOST_CORNERS = 32;

/** The least and the largest that an element's polynomial is in the middle and at the corners of the box. */
function extremesAtCorners({ al, p }: Enclosure, id: number): [number, number] {
  const at = id * al.size;
  let [least, most] = [p[at], p[at]];
  const corners = 2 ** al.dimension;
  for (let corner = 0; corner < corners && corners <= MOST_CORNERS; corner++) {
    let sum = 0;
    al.exponents.forEach((exponents, c) => {
      const isNegative = exponents.reduce((odd, n, axis) => odd ^ ((corner >> axis) & n & 1), 0);
      sum += isNegative ? -p[at + c] : p[at + c];
    });
    least = Math.min(least, sum);
    most = Math.max(most, sum);
  }
  return [least, most];
}
