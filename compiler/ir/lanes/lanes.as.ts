import { addGram } from '../linear-algebra/simd/gram.as';
import { denseRows } from './dense.as';
import { apply } from './functions.as';

/**
 * Graphs at 128 points at a time, by threads that share this memory: values, gradients, Jacobians and J^T J. A graph is a
 * tape of operations; a value is rows of 128 lanes. What a task writes depends on its number alone, and every sum has one
 * order, so results do not depend on how many threads there are. lanes-program.ts writes the tapes and jobs.ts the jobs.
 */

const ROW: usize = 1024;
const LANES: i32 = 128;

/** Words of an operation: kind, result, operands, sizes, addresses. Results and operands are offsets into a thread's rows. */
@unmanaged
class Operation {
  kind: i32;
  out: u32;
  a: u32;
  b: u32;
  rows: i32;
  cols: i32;
  weight: u32;
  bias: u32;
  fn: i32;
  order: i32;
}

const enum Kind {
  input = 0,
  constant = 1,
  product = 2,
  leaf = 3,
  scale = 4,
  map = 5,
  add = 6,
  subtract = 7,
  multiply = 8,
  copy = 9,
}

/** A matrix and its bias among the parameters: rows of the transposed Jacobian. */
@unmanaged
class Site {
  x: u32;
  /** Of the rows of the matrix, and of all rows that the bias has. */
  out: u32;
  biasOut: u32;
  rows: i32;
  cols: i32;
  height: i32;
  /** First rows of the Jacobian, negative for what is no parameter. */
  at: i32;
  biasAt: i32;
  /** Whether another site has written there before. */
  more: i32;
  biasMore: i32;
}

const enum Task {
  outputs = 0,
  jacobian = 1,
  gram = 2,
  dense = 3,
}

@unmanaged
class Job {
  generation: i32;
  /** Tasks that are left, and those that are done. */
  left: i32;
  done: i32;
  task: i32;
  tape: u32;
  operations: i32;
  /** Rows of thread 0: values, then as many for gradients; `rowBytes` in all. */
  rows: u32;
  rowBytes: u32;
  points: u32;
  inputs: i32;
  count: i32;
  /** Row-major [points x outputs]. */
  out: u32;
  outputs: i32;
  output: u32;
  /** Blocks of the transposed Jacobian [size x 128] of a group, `components` for every block of points. */
  jacobians: u32;
  size: i32;
  first: i32;
  blocks: i32;
  /** Row-major [points x outputs]: what rows of the Jacobian are multiplied by, and the residuals times their roots of weights. */
  factors: u32;
  errors: u32;
  gram: u32;
  gradient: u32;
  sites: u32;
  siteCount: i32;
  clear: i32;
  rowsPerTask: i32;
}

/** Works at tasks of the job at `at` until none is left. */
export function work(at: usize, thread: i32): void {
  const job = changetype<Job>(at);
  for (;;) {
    const left = atomic.sub<i32>(at + offsetof<Job>('left'), 1);
    if (left <= 0) return;
    if (job.task === Task.outputs) outputsOf(job, left - 1, thread);
    else if (job.task === Task.jacobian) jacobianOf(job, left - 1, thread);
    else if (job.task === Task.gram) gramOf(job, left - 1);
    else denseOf(job, left - 1);
    atomic.add<i32>(at + offsetof<Job>('done'), 1);
  }
}

/** Derivative `order` of a function, for rows of values: what tests look at. */
export function mapRows(x: usize, out: usize, rows: i32, fn: i32, order: i32): void {
  const end = <usize>rows * ROW;
  for (let p: usize = 0; p < end; p += 16) v128.store(out + p, apply(fn, order, v128.load(x + p)));
}

function rowsOf(job: Job, thread: i32): usize {
  return <usize>job.rows + <usize>thread * <usize>job.rowBytes;
}

function outputsOf(job: Job, block: i32, thread: i32): void {
  const values = rowsOf(job, thread);
  forward(job, values, block);
  const first = block * LANES;
  const count = min(LANES, job.count - first);
  for (let k = 0; k < job.outputs; k++) {
    const from = values + <usize>job.output + <usize>k * ROW;
    for (let p = 0; p < count; p++) {
      store<f64>(<usize>job.out + ((<usize>(first + p) * job.outputs + k) << 3), load<f64>(from + (<usize>p << 3)));
    }
  }
}

function forward(job: Job, values: usize, block: i32): void {
  for (let n = 0; n < job.operations; n++) {
    const op = changetype<Operation>(<usize>job.tape + <usize>n * offsetof<Operation>());
    const out = values + <usize>op.out;
    const a = values + <usize>op.a;
    const b = values + <usize>op.b;
    switch (op.kind) {
      case Kind.input: {
        for (let p = 0; p < LANES; p++) {
          const point = min(block * LANES + p, job.count - 1);
          store<f64>(out + (<usize>p << 3), load<f64>(<usize>job.points + ((<usize>point * job.inputs + op.rows) << 3)));
        }
        break;
      }
      case Kind.constant: {
        for (let r = 0; r < op.rows; r++) {
          const c = v128.load64_splat(<usize>op.weight + (<usize>r << 3));
          for (let p: usize = 0; p < ROW; p += 16) v128.store(out + <usize>r * ROW + p, c);
        }
        break;
      }
      case Kind.product: {
        multiplyAdd(out, op.weight, op.rows, op.cols, <usize>op.cols << 3, 8, a, op.bias, false);
        break;
      }
      case Kind.leaf: {
        multiplyAdd(out, op.weight, op.rows, op.cols, <usize>op.cols << 3, 8, a, 0, true);
        break;
      }
      case Kind.scale: {
        for (let r = 0; r < op.rows; r++) {
          const s = v128.load64_splat(<usize>op.weight + (<usize>r << 3));
          const t = v128.load64_splat(<usize>op.bias + (<usize>r << 3));
          const x = a + <usize>r * op.cols;
          const y = out + <usize>r * ROW;
          for (let p: usize = 0; p < ROW; p += 16) v128.store(y + p, f64x2.add(f64x2.mul(s, v128.load(x + p)), t));
        }
        break;
      }
      case Kind.map: {
        mapRows(a, out, op.rows, op.fn, op.order);
        break;
      }
      case Kind.copy: {
        memory.copy(out, a, <usize>op.rows * ROW);
        break;
      }
      default: {
        for (let r = 0; r < op.rows; r++) {
          const x = a + <usize>r * op.cols;
          const y = b + <usize>r * op.order;
          const z = out + <usize>r * ROW;
          for (let p: usize = 0; p < ROW; p += 16) {
            const u = v128.load(x + p);
            const v = v128.load(y + p);
            v128.store(
              z + p,
              op.kind === Kind.add ? f64x2.add(u, v) : op.kind === Kind.subtract ? f64x2.sub(u, v) : f64x2.mul(u, v),
            );
          }
        }
      }
    }
  }
}

/**
 * out[i] = sum over k of m[i si + k sk] x[k], plus what is there (`more`) or bias[i], if any; two rows by eight points at
 * a time, all sums in registers. Products are summed before anything is added to them.
 */
function multiplyAdd(
  out: usize,
  m: usize,
  rows: i32,
  cols: i32,
  si: usize,
  sk: usize,
  x: usize,
  bias: usize,
  more: bool,
): void {
  let i = 0;
  for (; i + 2 <= rows; i += 2) {
    const m0 = m + <usize>i * si;
    const o0 = out + <usize>i * ROW;
    const o1 = o0 + ROW;
    const b0 = bias ? v128.load64_splat(bias + (<usize>i << 3)) : f64x2.splat(0);
    const b1 = bias ? v128.load64_splat(bias + (<usize>i << 3), 8) : f64x2.splat(0);
    for (let p: usize = 0; p < ROW; p += 64) {
      let s0 = f64x2.splat(0);
      let s1 = s0;
      let s2 = s0;
      let s3 = s0;
      let t0 = s0;
      let t1 = s0;
      let t2 = s0;
      let t3 = s0;
      let at = x + p;
      let w = m0;
      for (let k = 0; k < cols; k++) {
        const u = v128.load64_splat(w);
        const v = v128.load64_splat(w + si);
        const x0 = v128.load(at);
        s0 = f64x2.add(s0, f64x2.mul(u, x0));
        t0 = f64x2.add(t0, f64x2.mul(v, x0));
        const x1 = v128.load(at, 16);
        s1 = f64x2.add(s1, f64x2.mul(u, x1));
        t1 = f64x2.add(t1, f64x2.mul(v, x1));
        const x2 = v128.load(at, 32);
        s2 = f64x2.add(s2, f64x2.mul(u, x2));
        t2 = f64x2.add(t2, f64x2.mul(v, x2));
        const x3 = v128.load(at, 48);
        s3 = f64x2.add(s3, f64x2.mul(u, x3));
        t3 = f64x2.add(t3, f64x2.mul(v, x3));
        at += ROW;
        w += sk;
      }
      const y = o0 + p;
      const z = o1 + p;
      v128.store(y, f64x2.add(s0, more ? v128.load(y) : b0));
      v128.store(y, f64x2.add(s1, more ? v128.load(y, 16) : b0), 16);
      v128.store(y, f64x2.add(s2, more ? v128.load(y, 32) : b0), 32);
      v128.store(y, f64x2.add(s3, more ? v128.load(y, 48) : b0), 48);
      v128.store(z, f64x2.add(t0, more ? v128.load(z) : b1));
      v128.store(z, f64x2.add(t1, more ? v128.load(z, 16) : b1), 16);
      v128.store(z, f64x2.add(t2, more ? v128.load(z, 32) : b1), 32);
      v128.store(z, f64x2.add(t3, more ? v128.load(z, 48) : b1), 48);
    }
  }
  if (i === rows) return;
  const o = out + <usize>i * ROW;
  const b = bias ? v128.load64_splat(bias + (<usize>i << 3)) : f64x2.splat(0);
  for (let p: usize = 0; p < ROW; p += 64) {
    let s0 = f64x2.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let at = x + p;
    let w = m + <usize>i * si;
    for (let k = 0; k < cols; k++) {
      const u = v128.load64_splat(w);
      s0 = f64x2.add(s0, f64x2.mul(u, v128.load(at)));
      s1 = f64x2.add(s1, f64x2.mul(u, v128.load(at, 16)));
      s2 = f64x2.add(s2, f64x2.mul(u, v128.load(at, 32)));
      s3 = f64x2.add(s3, f64x2.mul(u, v128.load(at, 48)));
      at += ROW;
      w += sk;
    }
    const y = o + p;
    v128.store(y, f64x2.add(s0, more ? v128.load(y) : b));
    v128.store(y, f64x2.add(s1, more ? v128.load(y, 16) : b), 16);
    v128.store(y, f64x2.add(s2, more ? v128.load(y, 32) : b), 32);
    v128.store(y, f64x2.add(s3, more ? v128.load(y, 48) : b), 48);
  }
}

/** Rows of the Jacobian of a block of points, for every output: times their factors, which are seeds of the gradient. */
function jacobianOf(job: Job, task: i32, thread: i32): void {
  const block = job.first + task;
  const values = rowsOf(job, thread);
  const half = <usize>job.rowBytes >> 1;
  const gradients = values + half;
  forward(job, values, block);
  for (let k = 0; k < job.outputs; k++) {
    memory.fill(gradients, 0, half);
    const seed = gradients + <usize>job.output + <usize>k * ROW;
    const first = block * LANES;
    const count = min(LANES, job.count - first);
    for (let p = 0; p < count; p++) {
      store<f64>(
        seed + (<usize>p << 3),
        load<f64>(<usize>job.factors + ((<usize>(first + p) * job.outputs + k) << 3)),
      );
    }
    backward(job, values, gradients);
    const jt = <usize>job.jacobians + <usize>(task * job.outputs + k) * <usize>job.size * ROW;
    if (job.clear) memory.fill(jt, 0, <usize>job.size * ROW);
    for (let s = 0; s < job.siteCount; s++) {
      fillSite(changetype<Site>(<usize>job.sites + <usize>s * offsetof<Site>()), jt, values, gradients);
    }
  }
}

function backward(job: Job, values: usize, gradients: usize): void {
  for (let n = job.operations - 1; n >= 0; n--) {
    const op = changetype<Operation>(<usize>job.tape + <usize>n * offsetof<Operation>());
    const g = gradients + <usize>op.out;
    const ga = gradients + <usize>op.a;
    switch (op.kind) {
      case Kind.input:
      case Kind.constant:
        break;
      case Kind.product:
      case Kind.leaf: {
        multiplyAdd(ga, op.weight, op.cols, op.rows, 8, <usize>op.cols << 3, g, 0, true);
        break;
      }
      case Kind.scale: {
        for (let r = 0; r < op.rows; r++) {
          const s = v128.load64_splat(<usize>op.weight + (<usize>r << 3));
          addProducts(ga + <usize>r * op.cols, g + <usize>r * ROW, s);
        }
        break;
      }
      case Kind.map: {
        const x = values + <usize>op.a;
        const end = <usize>op.rows * ROW;
        for (let p: usize = 0; p < end; p += 16) {
          const slope = apply(op.fn, op.order + 1, v128.load(x + p));
          v128.store(ga + p, f64x2.add(v128.load(ga + p), f64x2.mul(v128.load(g + p), slope)));
        }
        break;
      }
      case Kind.copy: {
        for (let r = 0; r < op.rows; r++) addProducts(ga + <usize>r * ROW, g + <usize>r * ROW, f64x2.splat(1));
        break;
      }
      default: {
        const gb = gradients + <usize>op.b;
        for (let r = 0; r < op.rows; r++) {
          const from = g + <usize>r * ROW;
          const x = <usize>r * op.cols;
          const y = <usize>r * op.order;
          if (op.kind === Kind.multiply) {
            addRows(ga + x, from, values + <usize>op.b + y);
            addRows(gb + y, from, values + <usize>op.a + x);
          } else {
            addProducts(ga + x, from, f64x2.splat(1));
            addProducts(gb + y, from, f64x2.splat(op.kind === Kind.add ? 1 : -1));
          }
        }
      }
    }
  }
}

/** to += from times a number. */
function addProducts(to: usize, from: usize, factor: v128): void {
  for (let p: usize = 0; p < ROW; p += 16) {
    v128.store(to + p, f64x2.add(v128.load(to + p), f64x2.mul(v128.load(from + p), factor)));
  }
}

/** to += from times other, lane by lane. */
function addRows(to: usize, from: usize, other: usize): void {
  for (let p: usize = 0; p < ROW; p += 16) {
    v128.store(to + p, f64x2.add(v128.load(to + p), f64x2.mul(v128.load(from + p), v128.load(other + p))));
  }
}

function setRows(to: usize, from: usize, other: usize): void {
  for (let p: usize = 0; p < ROW; p += 16) v128.store(to + p, f64x2.mul(v128.load(from + p), v128.load(other + p)));
}

function fillSite(site: Site, jt: usize, values: usize, gradients: usize): void {
  if (site.at >= 0) {
    let to = jt + <usize>site.at * ROW;
    for (let r = 0; r < site.rows; r++) {
      const g = gradients + <usize>site.out + <usize>r * ROW;
      for (let c = 0; c < site.cols; c++) {
        const x = values + <usize>site.x + <usize>c * ROW;
        if (site.more) addRows(to, g, x);
        else setRows(to, g, x);
        to += ROW;
      }
    }
  }
  if (site.biasAt < 0) return;
  const to = jt + <usize>site.biasAt * ROW;
  const g = gradients + <usize>site.biasOut;
  if (!site.biasMore) memory.copy(to, g, <usize>site.height * ROW);
  else for (let r = 0; r < site.height; r++) addProducts(to + <usize>r * ROW, g + <usize>r * ROW, f64x2.splat(1));
}

/** Rows of J^T J and of the gradient, over the blocks of a group in their order. */
function gramOf(job: Job, task: i32): void {
  const from = task * job.rowsPerTask;
  const to = min(job.size, from + job.rowsPerTask);
  const count = job.blocks * job.outputs;
  for (let b = 0; b < count; b++) {
    const jt = <usize>job.jacobians + <usize>b * <usize>job.size * ROW;
    addGram(jt, from, to, ROW, job.gram, <usize>job.size << 3);
    const first = (job.first + b / job.outputs) * LANES;
    const k = b % job.outputs;
    const lanes = min(LANES, job.count - first);
    for (let r = from; r < to; r++) {
      let sum: f64 = 0;
      for (let p = 0; p < lanes; p++) {
        const error = load<f64>(<usize>job.errors + ((<usize>(first + p) * job.outputs + k) << 3));
        sum += load<f64>(jt + <usize>r * ROW + (<usize>p << 3)) * error;
      }
      const at = <usize>job.gradient + (<usize>r << 3);
      store<f64>(at, load<f64>(at) + sum);
    }
  }
}

/** Points of a dense step that a task takes. */
const DENSE_POINTS: i32 = 32;

/** One matrix at row-major points: `tape` is the matrix, `gradient` the bias, `clear` whether products are added to `out`. */
function denseOf(job: Job, task: i32): void {
  const first = task * DENSE_POINTS;
  const last = min(job.count, first + DENSE_POINTS);
  denseRows(job.tape, job.gradient, job.points, job.out, first, last, job.outputs, job.inputs, job.clear !== 0);
}
