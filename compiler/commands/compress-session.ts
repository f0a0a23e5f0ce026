import { setImmediate } from 'node:timers/promises';
import { type CompressedModel, type Compressor, compressModel } from '../compress/compress.js';
import type { Attempt } from '../compress/search/one-method.js';
import { signalsDelivered } from '../host/signals.js';
import { cacheFile, readCache, writeCache } from '../pipeline/compression-cache.js';
import { attemptError } from './attempts-text.js';
import { Interrupt } from './interrupt.js';
import { bytes, writeNote } from './output.js';
import { ProgressLine } from './progress-line.js';

/**
 * What commands put around compression: a cache of finished searches, progress for those that take longer than two
 * seconds, and Ctrl-C, which ends the search with the best so far.
 */

export interface SessionOptions {
  cache: boolean;
  /** Called for every attempt with the best that keeps the tolerance so far; the default shows progress on stderr. */
  onAttempt?: (attempt: Attempt, best: Attempt | undefined) => void;
  /** Called where an earlier search is the answer, before `onAttempt` for each of its attempts. */
  onCached?: () => void;
}

export function compressionSession({ cache, onAttempt, onCached }: SessionOptions): Compressor {
  return async (model, graph, allowances, options) => {
    const file = cacheFile(model, allowances, options);
    const cached = cache ? readCache(file) : undefined;
    const progress = onAttempt || cached ? undefined : new Progress();
    const tried: Attempt[] = [];
    let best: Attempt | undefined;
    const tell = (attempt: Attempt) => {
      tried.push(attempt);
      if (attempt.kept) best = attempt;
      onAttempt?.(attempt, best);
      progress?.show(attempt, best);
    };
    if (cached) {
      onCached?.();
      cached.tried.forEach(tell);
      return cached.result;
    }
    const interrupt = new Interrupt();
    try {
      const result = await compressModel(model, graph, allowances, {
        ...options,
        onAttempt: tell,
        checkpoint: async () => {
          await setImmediate();
          progress?.goOn();
          return interrupt.requested;
        },
      });
      if (cache && !interrupt.requested) {
        writeCache(file, { result, tried }, writeNote);
        // What comes after this may take long.
        await signalsDelivered();
      }
      return result;
    } finally {
      interrupt.dispose();
      progress?.clear();
    }
  };
}

/** What is tried and the best so far, also while a single network takes longer than between two lines. */
export class Progress {
  private readonly line: ProgressLine;
  private within = false;
  private state = 'nothing tried to its end yet';

  /** @param clock milliseconds */
  constructor(clock?: () => number) {
    this.line = new ProgressLine('compress', clock);
  }

  show(attempt: Attempt, best: Attempt | undefined): void {
    const soFar = best ? `best ${bytes(best.bytes)}, ${attemptError(best)}` : this.nothingYet(attempt);
    this.state = `${soFar}; ${attempt.what}: ${bytes(attempt.bytes)}, ${attemptError(attempt)}`;
    this.goOn();
  }

  private nothingYet({ within }: Attempt): string {
    this.within ||= within;
    return this.within ? 'nothing smaller within the tolerance yet' : 'nothing within the tolerance yet';
  }

  goOn(): void {
    this.line.show(this.state);
  }

  clear(): void {
    this.line.clear();
  }
}

/** Such as `134.1 kB as float32 -> 732 B (183x)`. */
export function sizeText({ bytes: { before, after } }: CompressedModel): string {
  return `${bytes(before)} as float32 -> ${bytes(after)} (${(before / after).toPrecision(3)}x smaller)`;
}
