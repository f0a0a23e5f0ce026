import { writeNote } from './output.js';

const QUIET_SECONDS = 2;
const NOTE_SECONDS = 10;

/** How far long work has come: one line on a terminal, rewritten; elsewhere a line every ten seconds. Nothing at first. */
export class ProgressLine {
  private readonly start: number;
  private lastNote = 0;
  private shown = false;

  /** @param clock milliseconds */
  constructor(
    private readonly what: string,
    private readonly clock: () => number = () => performance.now(),
  ) {
    this.start = clock();
  }

  show(state: string): void {
    const seconds = (this.clock() - this.start) / 1000;
    if (seconds < QUIET_SECONDS) return;
    const text = `  ${this.what}  ${seconds.toFixed(0)} s, ${state}`;
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
