import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type CompressedModel, compressModel } from '../compress/compress.js';
import type { CompressOptions } from '../compress/compress-options.js';
import type { Attempt } from '../compress/search/one-method.js';
import { PinnEdgeError } from '../diagnostics.js';
import type { IrGraph } from '../ir/types.js';
import type { Model } from '../model/types.js';

/** Searches on a thread of their own, so that signals and progress have their turn whatever a single step takes. */

export interface SearchTask {
  model: Model;
  graph: IrGraph;
  allowances: readonly number[];
  options: Partial<CompressOptions>;
  /** One word: not 0 asks for the best so far. */
  stop: Int32Array;
}

/** What the thread says, the last one but attempts. */
export type SearchWord =
  | { attempt: Attempt }
  | { result: CompressedModel }
  | { refused: Pick<PinnEdgeError, 'code' | 'values' | 'exitCode'> };

export interface SearchWatch {
  onAttempt(attempt: Attempt): void;
  /** Called several times a second. */
  tick(): void;
  /** Whether to end with the best so far. */
  isStopped(): boolean;
}

/** Worker threads can run from compiled sources only. */
const CAN_THREAD = import.meta.url.endsWith('.js');
const TICK_MS = 100;

export async function searchAside(task: Omit<SearchTask, 'stop'>, watch: SearchWatch): Promise<CompressedModel> {
  if (!CAN_THREAD) {
    const checkpoint = async () => {
      await setImmediate();
      watch.tick();
      return watch.isStopped();
    };
    const options = { ...task.options, onAttempt: watch.onAttempt, checkpoint };
    return compressModel(task.model, task.graph, task.allowances, options);
  }
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const file = fileURLToPath(new URL('./search-worker.js', import.meta.url));
  const worker = new Worker(file, { workerData: { ...task, stop } });
  const timer = setInterval(() => {
    watch.tick();
    if (watch.isStopped()) Atomics.store(stop, 0, 1);
  }, TICK_MS);
  try {
    return await new Promise((resolve, reject) => {
      worker.on('message', (word: SearchWord) => {
        if ('attempt' in word) watch.onAttempt(word.attempt);
        else if ('result' in word) resolve(word.result);
        else reject(new PinnEdgeError(word.refused.code, word.refused.values, word.refused.exitCode));
      });
      worker.on('error', reject);
      worker.on('exit', () => reject(new Error('the search ended without a result')));
    });
  } finally {
    clearInterval(timer);
    await worker.terminate();
  }
}
