import { parentPort, workerData } from 'node:worker_threads';
import { compressModel } from '../compress/compress.js';
import { PinnEdgeError } from '../diagnostics.js';
import type { SearchTask, SearchWord } from './search-thread.js';

/** A thread that searches for a smaller network. */

const { model, graph, allowances, options, stop } = workerData as SearchTask;
const say = (word: SearchWord) => parentPort!.postMessage(word);

compressModel(model, graph, allowances, {
  ...options,
  onAttempt: (attempt) => say({ attempt }),
  checkpoint: () => Promise.resolve(Atomics.load(stop, 0) !== 0),
}).then(
  (result) => say({ result }),
  (error: unknown) => {
    if (!(error instanceof PinnEdgeError)) throw error;
    const { code, values, exitCode } = error;
    say({ refused: { code, values, exitCode } });
  },
);
