import { Worker } from 'node:worker_threads';
import { NOTE_SECONDS, QUIET_SECONDS } from './progress-line.js';

/**
 * How long a stage has taken so far, on stderr, while the stage itself leaves this thread no time to say so: a thread of its
 * own writes it, as {@link ProgressLine} does.
 */

export const STAGES = ['ir', 'compress', 'quantize', 'tables', 'compile', 'package', 'certify'] as const;
export type Stage = (typeof STAGES)[number];

/** Words: the number of the stage or QUIET, and whether there is something to clear from the terminal's line. */
const QUIET = -1;

const CLOCK = `
const { writeSync } = require('node:fs');
const { words, names, terminal, quiet, first, step } = require('node:worker_threads').workerData;
let shown = -1;
let start = 0;
let last = 0;
const write = (text) => { try { writeSync(2, text); } catch {} };
for (;;) {
  const stage = Atomics.load(words, 0);
  if (stage !== shown) {
    if (shown >= 0 && terminal && last) write('\\r\\x1b[K');
    shown = stage;
    start = performance.now();
    last = 0;
    Atomics.store(words, 1, stage);
    Atomics.notify(words, 1);
  }
  const seconds = (performance.now() - start) / 1000;
  const due = terminal ? seconds >= quiet : seconds >= (last ? last + step : first);
  if (stage >= 0 && due) {
    last = seconds;
    const text = '  ' + names[stage] + '  ' + seconds.toFixed(0) + ' s';
    write(terminal ? '\\r\\x1b[K' + text : text + '\\n');
  }
  Atomics.wait(words, 0, stage, stage < 0 ? 60000 : 250);
}`;

/** Longest wait for the thread to have cleared its line. */
const CLEAR_MS = 200;

export class StageClock {
  private readonly words = new Int32Array(new SharedArrayBuffer(8)).fill(QUIET);
  private readonly worker: Worker;

  /** @param early whether the first second is told where there is no terminal, too */
  constructor(early: boolean) {
    const terminal = process.stderr.isTTY === true;
    const first = early ? QUIET_SECONDS : NOTE_SECONDS;
    const times = { quiet: QUIET_SECONDS, first, step: NOTE_SECONDS };
    this.worker = new Worker(CLOCK, {
      eval: true,
      workerData: { words: this.words, names: STAGES, terminal, ...times },
    });
    this.worker.unref();
  }

  /** From now on it is this stage that takes time; none: others may write. */
  show(stage?: Stage): void {
    const next = stage === undefined ? QUIET : STAGES.indexOf(stage);
    Atomics.store(this.words, 0, next);
    Atomics.notify(this.words, 0);
    const seen = Atomics.load(this.words, 1);
    if (process.stderr.isTTY && seen !== next) Atomics.wait(this.words, 1, seen, CLEAR_MS);
  }

  stop(): Promise<number> {
    this.show();
    return this.worker.terminate();
  }
}
