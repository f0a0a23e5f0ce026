import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { MapClaim } from '../../ir/map-function.js';
import type { Model } from '../../model/types.js';
import { requireValidTable } from '../../table/check.js';
import { type OutputScale, readTableProgram } from '../read/block-table.js';
import { readModelProgram } from '../read/model.js';
import type { Orders } from './element-bounds.js';
import { type BoxResult, Pair } from './pair.js';
import type { Box, Evaluator } from './search.js';

/** What is compared: a block table and the model that it was made from. Can be sent to a thread. */
export interface Subject {
  model: Model;
  table: Uint8Array;
  claims: readonly (MapClaim | null)[];
  scales: readonly OutputScale[];
}

/** @throws PE4201 for what is not covered */
export function pairOf({ model, table, claims, scales }: Subject, orders: Orders): Pair {
  const whole = { min: model.inputs.map(({ min }) => min), max: model.inputs.map(({ max }) => max) };
  return new Pair(readTableProgram(requireValidTable(table), claims, scales), readModelProgram(model), whole, orders);
}

export function boundBox(pair: Pair, { low, high }: Box): BoxResult {
  return pair.bound(low, high);
}

/** An evaluator of this thread. */
export function localEvaluator(pair: Pair): Evaluator {
  return {
    async bound(boxes) {
      const results: BoxResult[] = [];
      for (const box of boxes) results.push(boundBox(pair, box));
      // Signals and timers have their turn.
      await new Promise((resolve) => setImmediate(resolve));
      return results;
    },
  };
}

/** Boxes that a thread takes at a time. */
const SHARE = 4;

export interface Pool extends Evaluator {
  close(): Promise<void>;
}

/** Whether worker threads can run: from compiled sources only. */
export const CAN_THREAD = import.meta.url.endsWith('.js');

/** An evaluator of so many threads; results are in the order of the boxes, whichever thread made them. */
export function threadPool(subject: Subject, orders: Orders, threads: number): Pool {
  const file = fileURLToPath(new URL('./worker.js', import.meta.url));
  const workers = Array.from({ length: threads }, () => new Worker(file, { workerData: { subject, orders } }));
  return {
    async bound(boxes) {
      const results = new Array<BoxResult>(boxes.length);
      let next = 0;
      const serve = async (worker: Worker) => {
        while (next < boxes.length) {
          const from = next;
          next += SHARE;
          const part = await ask(worker, boxes.slice(from, from + SHARE));
          part.forEach((result, i) => {
            results[from + i] = result;
          });
        }
      };
      await Promise.all(workers.map(serve));
      return results;
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

function ask(worker: Worker, boxes: readonly Box[]): Promise<BoxResult[]> {
  return new Promise((resolve, reject) => {
    const done = (results: BoxResult[]) => {
      worker.off('error', fail);
      resolve(results);
    };
    const fail = (error: Error) => {
      worker.off('message', done);
      reject(error);
    };
    worker.once('message', done);
    worker.once('error', fail);
    worker.postMessage(boxes);
  });
}
