import { type Model, parameterCount } from '../model/types.js';
import { writeNote } from './output.js';

/** Nothing is said of what takes less. */
export const QUIET_SECONDS = 1;
/** Between two lines where there is no terminal. */
export const NOTE_SECONDS = 10;
/** Models of so many parameters take long enough that the first second is told there, too. */
const LARGE = 50_000;

export function isLarge(model: Model): boolean {
  return parameterCount(model) >= LARGE;
}

/** How far long work has come: one line on a terminal, rewritten; elsewhere a line every ten seconds. Nothing at first. */
export class ProgressLine {
  private readonly start: number;
  private nextNote: number;
  private shown = false;

  /**
   * @param clock milliseconds
   * @param early whether the first second is told where there is no terminal, too
   */
  constructor(
    private readonly what: string,
    private readonly clock: () => number = () => performance.now(),
    early = false,
  ) {
    this.start = clock();
    this.nextNote = early ? QUIET_SECONDS : NOTE_SECONDS;
  }

  show(state: string): void {
    const seconds = (this.clock() - this.start) / 1000;
    if (seconds < QUIET_SECONDS) return;
    const text = `  ${this.what}  ${seconds.toFixed(0)} s, ${state}`;
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[K${text}`);
      this.shown = true;
    } else if (seconds >= this.nextNote) {
      this.nextNote = seconds + NOTE_SECONDS;
      writeNote(text);
    }
  }

  clear(): void {
    if (this.shown) process.stderr.write('\r\x1b[K');
  }
}
