import type { Command } from 'commander';
import { PinnEdgeError } from '../diagnostics.js';
import type { Tolerance } from '../judge/requirement.js';
import type { Precision } from '../quantize/plan.js';

/** Checks of option values, shared by the commands. */

export function toleranceOption(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1)) throw new PinnEdgeError('PE3002', { found: text });
  return value;
}

export function absoluteToleranceOption(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new PinnEdgeError('PE3006', { found: text });
  return value;
}

export function precisionOption(text: string): Precision {
  if (text === 'auto' || text === '8' || text === '16' || text === '32') return text;
  throw new PinnEdgeError('PE3003', { found: text });
}

export function countOption(option: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new PinnEdgeError('PE3005', {
      option,
      reason: `must be a whole number from ${min} to ${max}, found ${text}`,
    });
  };
}

export function choiceOption<T extends string>(option: string, choices: readonly T[]): (text: string) => T {
  return (text) => {
    if ((choices as readonly string[]).includes(text)) return text as T;
    throw new PinnEdgeError('PE3005', { option, reason: `must be one of ${choices.join(', ')}, found ${text}` });
  };
}

/** True where an option was given, rather than left at its default. */
export function isGiven(command: Command, option: string): boolean {
  return command.getOptionValueSource(option) === 'cli';
}

/** What `--tol` or `--tol-abs` ask for, if anything. */
export function requestedTolerance({ tol, tolAbs }: { tol?: number; tolAbs?: number }): Tolerance | undefined {
  if (tol !== undefined && tolAbs !== undefined) throw new PinnEdgeError('PE3007');
  if (tolAbs !== undefined) return { absolute: tolAbs };
  return tol === undefined ? undefined : { relative: tol };
}
