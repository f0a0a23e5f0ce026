import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { LANES_MODULE } from './lanes.gen.js';

/**
 * One memory for all, the kernels of lanes.as.ts on it, and threads that help with their tasks. Results do not depend on
 * how many help. Threads start once there has been work for them, and do not keep a process from ending.
 */

/** V8's WebAssembly, which Node's type library leaves out. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Memory: new (limits: {
    initial: number;
    maximum: number;
    shared: true;
  }) => { buffer: SharedArrayBuffer; grow(pages: number): number };
  Instance: new (module: object, imports: object) => { exports: Record<string, unknown> };
};

const PAGE_BYTES = 65536;
const INITIAL_PAGES = 16;
/** 2 GiB, as the module says; what is not used is no more than addresses. */
const MOST_PAGES = 32768;
/** Where the record of the job is; below is room for the module. */
export const JOB_AT = 1024;
/** Words of the job that threads wait for and count in. */
const [GENERATION, LEFT, DONE] = [0, 1, 2];
/** Multiply-adds before other threads are started: less is over before they are. */
const WORTH_THREADS = 5e8;
/** Each has rows of its own in memory; jobs have not many more tasks than this to give. */
const MOST_THREADS = 8;

const HELPER = `
const { module, memory, at, thread } = require('node:worker_threads').workerData;
const { work } = new WebAssembly.Instance(module, { env: { memory, sin: Math.sin, cos: Math.cos } }).exports;
const words = new Int32Array(memory.buffer, at, 3);
for (let seen = 0; ; ) {
  Atomics.wait(words, 0, seen);
  seen = Atomics.load(words, 0);
  work(at, thread);
  Atomics.notify(words, 2);
}`;

export class Threads {
  private readonly module = new WebAssembly.Module(Buffer.from(LANES_MODULE, 'base64'));
  private readonly memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MOST_PAGES, shared: true });
  private readonly instance = new WebAssembly.Instance(this.module, {
    env: { memory: this.memory, sin: Math.sin, cos: Math.cos },
  });
  private helpers = 0;
  private done = 0;

  /**
   * @param most threads in all
   * @param worth multiply-adds before they are started
   */
  constructor(
    private readonly most = Math.min(MOST_THREADS, availableParallelism()),
    private readonly worth = WORTH_THREADS,
  ) {}

  /** How many threads there may be: each has rows of its own. */
  get count(): number {
    return this.most;
  }

  /** The memory, at least so large; views of it that were made before stay true. */
  bufferOf(bytes: number): SharedArrayBuffer {
    const more = Math.ceil((bytes - this.memory.buffer.byteLength) / PAGE_BYTES);
    if (more > 0) this.memory.grow(more);
    return this.memory.buffer;
  }

  /** Whether so many bytes can be had. */
  fits(bytes: number): boolean {
    return bytes <= MOST_PAGES * PAGE_BYTES;
  }

  /**
   * Has the tasks of the job whose record is in memory done.
   * @param work multiply-adds, about
   */
  run(tasks: number, work: number): void {
    const words = new Int32Array(this.memory.buffer, JOB_AT, 3);
    this.done += work;
    if (this.done > this.worth && tasks > 1) this.startHelpers();
    Atomics.store(words, DONE, 0);
    Atomics.store(words, LEFT, tasks);
    if (this.helpers) {
      Atomics.add(words, GENERATION, 1);
      Atomics.notify(words, GENERATION);
    }
    (this.instance.exports.work as (at: number, thread: number) => void)(JOB_AT, 0);
    for (let done = Atomics.load(words, DONE); done < tasks; done = Atomics.load(words, DONE))
      Atomics.wait(words, DONE, done, 1);
  }

  /** Derivative `order` of function `fn` of lanes.as.ts: what tests look at. */
  mapRows(x: Float64Array, fn: number, order: number): Float64Array {
    const rows = Math.ceil(x.length / 128);
    const values = new Float64Array(this.bufferOf(2 * JOB_AT + 8 * 128 * rows), 2 * JOB_AT, 128 * rows);
    values.set(x);
    (this.instance.exports.mapRows as (...a: number[]) => void)(2 * JOB_AT, 2 * JOB_AT, rows, fn, order);
    return values.slice(0, x.length);
  }

  private startHelpers(): void {
    while (this.helpers < this.most - 1) {
      const workerData = { module: this.module, memory: this.memory, at: JOB_AT, thread: ++this.helpers };
      new Worker(HELPER, { eval: true, workerData, stdin: false }).unref();
    }
  }
}
