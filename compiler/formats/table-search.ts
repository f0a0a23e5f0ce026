import type { Range } from '../ir/ranges.js';
import { type FunctionTable, type Layout, tableBytes } from '../table/function-table.js';
import { fill, type TableRequest } from './table-fill.js';

/** The search for the cheapest function table within an error. */

const MAX_TABLE_BYTES = 24 * 1024;
const MAX_DEGREE = 5;

/** So many bytes for every degree. */
export function bytesPerDegree(bytes: number): readonly number[] {
  return Array.from({ length: MAX_DEGREE + 1 }, (_, degree) => bytes * degree);
}

const DEFAULT_DEGREE_BYTES = bytesPerDegree(160);
/** Bytes that octaves of several segments cost besides: it takes longer to find a segment. */
const OCTAVE_BYTES = 160;

/**
 * The cheapest table within `request.error`, or, where none is, the most accurate one that fits into 24 kB: its `error`
 * says what it reaches.
 */
export function buildTable(request: TableRequest): FunctionTable {
  let best: FunctionTable | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  const { degreeBytes = DEFAULT_DEGREE_BYTES } = request;
  let closest: FunctionTable | undefined;
  for (const candidate of candidates(request)) {
    const cost = (table: FunctionTable) =>
      tableBytes(table) + degreeBytes[table.degree] + (table.octaveBits ? OCTAVE_BYTES : 0);
    const table = candidate(bestCost);
    if (!table) continue;
    if (!closest || table.error < closest.error) closest = table;
    if (table.error <= request.error && cost(table) < bestCost) {
      best = table;
      bestCost = cost(table);
    }
  }
  const result = best ?? closest;
  if (!result) throw new Error('no table layout fits the request');
  return result;
}

type Candidate = (costLimit: number) => FunctionTable | undefined;

/** For each layout and degree: refine until the error is met, the table grows past the best so far, or is too large. */
function* candidates(request: TableRequest): Generator<Candidate> {
  for (let degree = 1; degree <= MAX_DEGREE; degree++) {
    if (request.periodic) {
      yield (limit) => refine(request, degree, limit, 'periodic', false, 0);
      continue;
    }
    yield (limit) => refine(request, degree, limit, 'uniform', false, 0);
    if (degree === 1) continue;
    for (const mirrored of [false, true]) {
      if (!steepAtOneEnd(request, mirrored)) continue;
      for (let octaveBits = 0; octaveBits <= 4; octaveBits++) {
        yield (limit) => refine(request, degree, limit, 'octaves', mirrored, octaveBits);
      }
    }
  }
}

/** True when the curvature near one end of the range is far larger than elsewhere, so that octaves pay. */
function steepAtOneEnd({ f, domain }: TableRequest, mirrored: boolean): boolean {
  const span = domain.max - domain.min;
  const at = (u: number) => f(mirrored ? domain.max - u * span : domain.min + u * span);
  const curvature = (u: number, h: number) => Math.abs(at(u) - 2 * at(u + h) + at(u + 2 * h)) / (h * h);
  const near = curvature(0, 1e-4);
  const middle = Math.max(curvature(0.25, 1e-2), curvature(0.5, 1e-2), curvature(0.9, 1e-2));
  return !(near < 30 * middle);
}

function refine(
  request: TableRequest,
  degree: number,
  costLimit: number,
  segmentation: FunctionTable['segmentation'],
  mirrored: boolean,
  octaveBits: number,
): FunctionTable | undefined {
  const { domain } = request;
  const finest = request.argumentExponent - 1;
  let closest: FunctionTable | undefined;
  const span = domain.max - domain.min;
  const { coarsest = -30 } = request;
  const first = segmentation === 'periodic' ? 2 : Math.max(coarsest, Math.min(finest, 1 - Math.ceil(Math.log2(span))));
  let worse = 0;
  for (let segmentBits = first; segmentBits <= finest; segmentBits++) {
    const layout = layOut(request, degree, segmentation, mirrored, segmentBits, octaveBits);
    if (layout.segments > 65535 || layoutBytes(layout, request) > Math.min(MAX_TABLE_BYTES, costLimit)) break;
    const table = fill(layout, request);
    if (!closest || table.error < closest.error) {
      closest = table;
      worse = 0;
    } else if (++worse === 3) {
      break;
    }
    if (table.error <= request.error) return table;
  }
  return closest;
}

function layOut(
  { domain }: TableRequest,
  degree: number,
  segmentation: FunctionTable['segmentation'],
  mirrored: boolean,
  segmentBits: number,
  octaveBits: number,
): Layout {
  const width = 2 ** -segmentBits;
  const common = { segmentation, mirrored, degree, segmentBits, octaveBits };
  if (segmentation === 'periodic') return { ...common, origin: 0, segments: 2 ** segmentBits };
  if (segmentation === 'uniform') {
    const origin = Math.floor(domain.min / width) * width;
    return { ...common, origin, segments: Math.max(1, Math.ceil((domain.max - origin) / width)) };
  }
  const span = domain.max - domain.min;
  const perOctave = 2 ** octaveBits;
  const octaves = Math.max(0, Math.ceil(Math.log2(span / (width * perOctave))));
  return { ...common, origin: mirrored ? domain.max : domain.min, segments: perOctave * (octaves + 1) };
}

function layoutBytes(layout: Layout, request: TableRequest): number {
  return layout.degree === 1 ? (layout.segments + 1) * (request.bits / 8) : layout.segments * (layout.degree + 1) * 4;
}

/**
 * The part of `range` outside which f stays within `error` of its value at the nearer end: beyond it the argument may
 * saturate. A saturating activation such as tanh needs its table, and its argument's bits, only there.
 */
export function usefulDomain(f: (x: number) => number, range: Range, error: number): Range {
  const steps = 4096;
  const at = (i: number) => range.min + ((range.max - range.min) * i) / steps;
  const first = f(range.min);
  const last = f(range.max);
  let low = 0;
  while (low < steps && Math.abs(f(at(low + 1)) - first) <= error) low++;
  let high = steps;
  while (high > low + 1 && Math.abs(f(at(high - 1)) - last) <= error) high--;
  return { min: at(low), max: at(Math.max(high, low + 1)) };
}
