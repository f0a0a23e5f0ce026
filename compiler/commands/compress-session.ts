import type { CompressedModel, Compressor } from '../compress/compress.js';
import type { Attempt } from '../compress/search/one-method.js';
import { signalsDelivered } from '../host/signals.js';
import { cacheFile, readCache, writeCache } from '../pipeline/compression-cache.js';
import { attemptError } from './attempts-text.js';
import { Interrupt } from './interrupt.js';
import { bytes, writeNote } from './output.js';
import { isLarge, ProgressLine } from './progress-line.js';
import { searchAside } from './search-thread.js';

/**
 * What commands put around compression: a cache of finished searches, progress for those that take longer than a
 * second, and Ctrl-C, which ends the search with the best so far.
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
    const progress = onAttempt || cached ? undefined : new Progress(undefined, isLarge(model));
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
      const result = await searchAside(
        { model, graph, allowances, options },
        { onAttempt: tell, tick: () => progress?.goOn(), isStopped: () => interrupt.requested },
      );
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

  /** As {@link ProgressLine}. */
  constructor(clock?: () => number, early?: boolean) {
    this.line = new ProgressLine('compress', clock, early);
  }

  show(attempt: Attempt, best: Attempt | undefined): void {
    const soFar = best ? `best ${bytes(best.bytes)}, ${attemptError(best)}` : this.nothingYet(attempt);
    this.state = `${soFar}; ${attempt.what}: ${bytes(attempt.bytes)}, ${attemptError(attempt)}`;
    const { done = 0, left = 0 } = attempt.work ?? {};
    if (done > 0) this.line.expect(left / done);
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
