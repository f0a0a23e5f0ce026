import { type Model, parameterCount } from '../model/types.js';
import { writeNote } from './output.js';

/** Nothing is said of what takes less. */
export const QUIET_SECONDS = 1;
/** Between two lines where there is no terminal. */
export const NOTE_SECONDS = 10;
/** Parts of what is done beyond which what is left is not told as a time. */
const MOST_LEFT = 20;
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
  /** When the work is done at the latest, at its pace so far; in seconds. */
  private end: number | undefined;

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

  /** From now on the time that is left at this pace is said. @param left the work that is left at most, in parts of what is done */
  expect(left: number): void {
    const seconds = this.seconds();
    // The pace of the first moments says little.
    this.end = left < MOST_LEFT ? seconds * (1 + left) : undefined;
  }

  private seconds(): number {
    return (this.clock() - this.start) / 1000;
  }

  show(state: string): void {
    const seconds = this.seconds();
    if (seconds < QUIET_SECONDS) return;
    const left = this.end === undefined ? '' : ` (at most about ${Math.ceil(Math.max(0, this.end - seconds))} s more)`;
    const text = `  ${this.what}  ${seconds.toFixed(0)} s${left}, ${state}`;
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
