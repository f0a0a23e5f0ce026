import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import envPaths from 'env-paths';
import { type CompressedModel, type CompressOptions, type Compressor, compressModel } from '../compress/compress.js';
import type { Attempt } from '../compress/single.js';
import { VERSION } from '../host/package-root.js';
import { writeFileWhole } from '../host/write-file.js';
import { loadModel, modelToJson } from '../model/load.js';
import type { Model } from '../model/types.js';
import { modelHash } from '../package/report.js';
import { bytes, writeNote } from './output.js';

/**
 * What commands put around compression: a cache of finished searches, progress for those that take longer than two
 * seconds, and Ctrl-C, which ends the search with the best so far.
 */
export interface SessionOptions {
  cache: boolean;
  /** Called for every attempt with the best that keeps the tolerance so far; the default shows progress on stderr. */
  onAttempt?: (attempt: Attempt, best: Attempt | undefined) => void;
}

export function compressionSession({ cache, onAttempt }: SessionOptions): Compressor {
  return async (model, graph, allowances, options) => {
    const file = cacheFile(model, allowances, options);
    const cached = cache ? readCache(file) : undefined;
    if (cached) return cached;
    const progress = onAttempt ? undefined : new Progress();
    let best: Attempt | undefined;
    const interrupt = new Interrupt();
    try {
      const result = await compressModel(model, graph, allowances, {
        ...options,
        onAttempt: (attempt) => {
          if (attempt.kept) best = attempt;
          (onAttempt ?? ((tried, soFar) => progress?.show(tried, soFar)))(attempt, best);
        },
        checkpoint: async () => {
          await setImmediate();
          progress?.goOn();
          return interrupt.requested;
        },
      });
      if (cache && !interrupt.requested) writeCache(file, result);
      return result;
    } finally {
      interrupt.dispose();
      progress?.clear();
    }
  };
}

/** The first Ctrl-C asks for the best so far; what Ctrl-C does otherwise waits until then. */
class Interrupt {
  requested = false;
  private readonly others = process.listeners('SIGINT');
  private readonly listener = () => {
    this.requested = true;
    writeNote('\nstopping: the best so far is kept; once more to end at once');
    this.dispose();
  };

  constructor() {
    for (const other of this.others) process.removeListener('SIGINT', other);
    process.on('SIGINT', this.listener);
  }

  dispose(): void {
    if (!process.listeners('SIGINT').includes(this.listener)) return;
    process.removeListener('SIGINT', this.listener);
    for (const other of this.others) process.on('SIGINT', other);
  }
}

const QUIET_SECONDS = 2;
const NOTE_SECONDS = 10;

/** One line on a terminal, rewritten; elsewhere a line every ten seconds, also while a single network takes longer. */
export class Progress {
  private readonly start: number;
  private lastNote = 0;
  private shown = false;
  private state = 'nothing tried to its end yet';

  /** @param clock milliseconds */
  constructor(private readonly clock: () => number = () => performance.now()) {
    this.start = clock();
  }

  show(attempt: Attempt, best: Attempt | undefined): void {
    const share = ({ error }: Attempt) => `${(100 * error).toFixed(0)} % of the tolerance`;
    const soFar = best ? `best ${bytes(best.bytes)}, ${share(best)}` : 'nothing within the tolerance yet';
    this.state = `${soFar}; ${attempt.what}: ${bytes(attempt.bytes)}, ${share(attempt)}`;
    this.goOn();
  }

  goOn(): void {
    const seconds = (this.clock() - this.start) / 1000;
    if (seconds < QUIET_SECONDS) return;
    const text = `  compress  ${seconds.toFixed(0)} s, ${this.state}`;
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[K${text}`);
      this.shown = true;
    } else if (seconds - this.lastNote >= NOTE_SECONDS) {
      this.lastNote = seconds;
      writeNote(text);
    }
  }

  clear(): void {
    if (this.shown) process.stderr.write('\r\x1b[K');
  }
}

/** The XDG (or the system's) cache folder, one file per model, options and version. */
function cacheFile(model: Model, allowances: readonly number[], options: Partial<CompressOptions>): string {
  const { onAttempt: _, checkpoint: __, ...settings } = options;
  const key = createHash('sha256')
    .update(JSON.stringify([VERSION, modelHash(model), allowances, settings]))
    .digest('hex');
  return join(envPaths('pinn-edge', { suffix: '' }).cache, 'compress', `${key}.json`);
}

interface CacheEntry {
  facts: Omit<CompressedModel, 'model'>;
  model?: object;
}

function writeCache(file: string, { model, ...facts }: CompressedModel): void {
  const entry: CacheEntry = { facts, model: model && inlineModel(model) };
  try {
    writeFileWhole(file, JSON.stringify(entry));
  } catch (error) {
    writeNote(`note: the result is not cached: ${(error as Error).message}`);
  }
}

/** A cache file that cannot be read, for whatever reason, is as good as none. */
function readCache(file: string): CompressedModel | undefined {
  try {
    const { facts, model } = JSON.parse(readFileSync(file, 'utf8')) as CacheEntry;
    if (!model) return facts;
    const text = new TextEncoder().encode(JSON.stringify(model));
    return { ...facts, model: loadModel(file, { read: () => text, beside: (_file, name) => name }) };
  } catch {
    return undefined;
  }
}

/** The model as one JSON object, its tensors inline. */
function inlineModel(model: Model): object {
  const tensors = Object.fromEntries(
    [...model.tensors].map(([name, { shape, data }]) => [name, { shape, data: Array.from(data) }]),
  );
  return { ...modelToJson(model, ''), weights: undefined, tensors };
}

/** Such as `134.1 kB as float32 -> 732 B (183x)`. */
export function sizeText({ bytes: { before, after } }: CompressedModel): string {
  return `${bytes(before)} as float32 -> ${bytes(after)} (${(before / after).toPrecision(3)}x smaller)`;
}
