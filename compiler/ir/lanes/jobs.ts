import { type DenseKernel, useDenseKernel } from '../dense-step.js';
import type { ParameterLayout } from '../parameters.js';
import type { IrGraph } from '../types.js';
import { LANES, type Program, programOf, ROW } from './lanes-program.js';
import { JOB_AT, Threads } from './threads.js';

/** Jobs for lanes.as.ts: outputs of graphs at points, normal equations, single matrices. Each puts all that it needs into memory. */

const TASK = { outputs: 0, jacobian: 1, gram: 2, dense: 3 } as const;
/** Bytes of the blocks of the Jacobian that are made before they are summed. */
const GROUP_BYTES = 24e6;
/** Rows of a tile of J^T J, and tasks that it is cut into at least. */
const TILE = 3;
const GRAM_TASKS = 24;

/** Fields of the job after `done`, in the order of lanes.as.ts. */
const FIELDS = [
  'task',
  'tape',
  'operations',
  'rows',
  'rowBytes',
  'points',
  'inputs',
  'count',
  'out',
  'outputs',
  'output',
  'jacobians',
  'size',
  'first',
  'blocks',
  'factors',
  'errors',
  'gram',
  'gradient',
  'sites',
  'siteCount',
  'clear',
  'rowsPerTask',
] as const;
type Field = (typeof FIELDS)[number];
const FIRST_FIELD = 3;

let shared: Threads | undefined;

function sharedThreads(): Threads {
  shared ??= new Threads();
  return shared;
}

/** Addresses are given out first, then memory grows to hold them, then what they hold is written. */
class Layout {
  private at = JOB_AT + 4 * (FIRST_FIELD + FIELDS.length + 1);
  private readonly writes: ((buffer: SharedArrayBuffer) => void)[] = [];
  private readonly known = new Map<Float64Array, number>();

  take(bytes: number): number {
    const at = Math.ceil(this.at / 64) * 64;
    this.at = at + bytes;
    return at;
  }

  values(values: Float64Array): number {
    const known = this.known.get(values) ?? this.take(8 * values.length);
    if (!this.known.has(values))
      this.writes.push((buffer) => new Float64Array(buffer, known, values.length).set(values));
    this.known.set(values, known);
    return known;
  }

  words(words: readonly number[]): number {
    const at = this.take(4 * words.length);
    this.writes.push((buffer) => new Uint32Array(buffer, at, words.length).set(words));
    return at;
  }

  get bytes(): number {
    return this.at;
  }

  write(threads: Threads): SharedArrayBuffer {
    const buffer = threads.bufferOf(this.at);
    for (const write of this.writes) write(buffer);
    return buffer;
  }
}

function tapeOf({ operations }: Program, memory: Layout): number {
  return memory.words(
    operations.flatMap(({ kind, out, a, b, rows, cols, weight, bias, fn, order }) => {
      const isMatrix = kind === 2 || kind === 3;
      const isPair = kind >= 6 && kind <= 8;
      return [
        kind,
        out * ROW,
        a * ROW,
        b * ROW,
        rows,
        isMatrix ? cols : cols * ROW,
        weight ? memory.values(weight) : 0,
        bias ? memory.values(bias) : 0,
        fn,
        isPair ? order * ROW : order,
      ];
    }),
  );
}

function setFields(buffer: SharedArrayBuffer, fields: Partial<Record<Field, number>>): void {
  const words = new Uint32Array(buffer, JOB_AT + 4 * FIRST_FIELD, FIELDS.length);
  FIELDS.forEach((name, i) => {
    const value = fields[name];
    if (value !== undefined) words[i] = value;
  });
}

/** What every job has: the tape, the points, rows for every thread. */
function common(program: Program, points: Float64Array, inputs: number, memory: Layout, threads: Threads) {
  const rowBytes = 2 * ROW * program.rows;
  return {
    tape: tapeOf(program, memory),
    operations: program.operations.length,
    rowBytes,
    rows: memory.take(rowBytes * threads.count),
    points: memory.values(points),
    inputs,
    count: points.length / inputs,
    outputs: program.outputs,
    output: program.output * ROW,
  };
}

/**
 * Outputs of a graph, row-major [count x outputs].
 * @returns undefined where the graph has no lanes
 */
export function laneOutputs(
  graph: IrGraph,
  points: Float64Array,
  inputCount: number,
  threads = sharedThreads(),
): Float64Array | undefined {
  const program = programOf(graph);
  if (!program) return undefined;
  const memory = new Layout();
  const fields = common(program, points, inputCount, memory, threads);
  const length = fields.count * fields.outputs;
  const out = memory.take(8 * length);
  if (!threads.fits(memory.bytes)) return undefined;
  const buffer = memory.write(threads);
  setFields(buffer, { ...fields, out, task: TASK.outputs });
  threads.run(Math.ceil(fields.count / LANES), fields.count * (program.products + program.rows));
  return new Float64Array(buffer, out, length).slice();
}

export interface LaneEquations {
  /** J^T J, lower triangle, row-major [size x size]; size is that of the parameters, rounded up to whole tiles. */
  sum: Float64Array;
  size: number;
  gradient: Float64Array;
}

/**
 * J^T J and J^T e of Jacobians whose rows are multiplied by factors.
 * @param factors row-major [points x outputs]
 * @param errors the same, of rows so multiplied
 * @returns undefined where the graph has no lanes; until the next job
 */
export function laneEquations(
  graph: IrGraph,
  points: Float64Array,
  inputCount: number,
  layout: ParameterLayout,
  factors: Float64Array,
  errors: Float64Array,
  threads = sharedThreads(),
): LaneEquations | undefined {
  const program = programOf(graph);
  if (!program) return undefined;
  const memory = new Layout();
  const fields = common(program, points, inputCount, memory, threads);
  const { count, outputs } = fields;
  const size = TILE * Math.ceil(layout.size / TILE);
  const blocks = Math.ceil(count / LANES);
  const group = Math.max(1, Math.min(blocks, Math.floor(GROUP_BYTES / (ROW * size * outputs))));
  const sites = program.sites(layout);
  const covered = sites.reduce((n, { at, rows, cols, more, biasAt, biasMore, height }) => {
    return n + (at >= 0 && !more ? rows * cols : 0) + (biasAt >= 0 && !biasMore ? height : 0);
  }, 0);
  const places = {
    sites: memory.words(
      sites.flatMap(({ x, out, biasOut, rows, cols, height, at, biasAt, more, biasMore }) => {
        return [x * ROW, out * ROW, biasOut * ROW, rows, cols, height, at, biasAt, more ? 1 : 0, biasMore ? 1 : 0];
      }),
    ),
    factors: memory.values(factors),
    errors: memory.values(errors),
    jacobians: memory.take(ROW * size * outputs * group),
    gram: memory.take(8 * size * size),
    gradient: memory.take(8 * size),
  };
  if (!threads.fits(memory.bytes)) return undefined;
  const buffer = memory.write(threads);
  const sum = new Float64Array(buffer, places.gram, size * size).fill(0);
  const gradient = new Float64Array(buffer, places.gradient, size).fill(0);
  const rowsPerTask = TILE * Math.ceil(size / (TILE * GRAM_TASKS));
  const more = { size, siteCount: sites.length, clear: covered < size ? 1 : 0, rowsPerTask };
  setFields(buffer, { ...fields, ...places, ...more });
  for (let first = 0; first < blocks; first += group) {
    const taken = Math.min(group, blocks - first);
    const rows = taken * LANES * outputs;
    setFields(buffer, { first, blocks: taken, task: TASK.jacobian });
    threads.run(taken, rows * (2 * program.products + 2 * program.rows + size));
    setFields(buffer, { task: TASK.gram });
    threads.run(Math.ceil(size / rowsPerTask), (rows * size * size) / 2);
  }
  return { sum, size, gradient };
}

/** Rows of sums that are made at a time, and points that a task takes. */
const DENSE_ROWS = 8;
const DENSE_POINTS = 32;

const laneDense: DenseKernel = (matrix, isTransposed, bias, x, out, size, height, length) => {
  const threads = sharedThreads();
  const padded = DENSE_ROWS * Math.ceil(height / DENSE_ROWS);
  const memory = new Layout();
  const tape = memory.take(8 * padded * length);
  const gradient = memory.take(8 * padded);
  const points = memory.take(8 * size * length);
  const outAt = memory.take(8 * size * padded);
  if (!threads.fits(memory.bytes)) return false;
  const buffer = memory.write(threads);
  const m = new Float64Array(buffer, tape, padded * length);
  if (isTransposed) {
    for (let r = 0; r < height; r++) for (let k = 0; k < length; k++) m[k * padded + r] = matrix[r * length + k];
  } else for (let k = 0; k < length; k++) m.set(matrix.subarray(k * height, (k + 1) * height), k * padded);
  const isMore = bias === 'more';
  if (!isMore) {
    const shifts = new Float64Array(buffer, gradient, padded).fill(0);
    if (bias) shifts.set(bias);
  }
  new Float64Array(buffer, points, size * length).set(x.subarray(0, size * length));
  const sums = new Float64Array(buffer, outAt, size * padded);
  if (isMore) for (let p = 0; p < size; p++) sums.set(out.subarray(p * height, (p + 1) * height), p * padded);
  const fields = { points, inputs: length, outputs: padded, count: size, out: outAt, tape };
  setFields(buffer, { ...fields, task: TASK.dense, gradient: isMore ? 0 : gradient, clear: isMore ? 1 : 0 });
  threads.run(Math.ceil(size / DENSE_POINTS), size * height * length);
  for (let p = 0; p < size; p++) out.set(sums.subarray(p * padded, p * padded + height), p * height);
  return true;
};

// Whoever evaluates graphs by jobs has them for single matrices, too.
useDenseKernel(laneDense);
