import type { Command } from 'commander';
import { PinnEdgeError } from '../diagnostics.js';
import type { Precision } from '../formats/plan.js';
import type { RequirementLike, Tolerance } from '../judge/requirement.js';

/** Checks of option values, shared by the commands. */

/** `--tol` or `--tol-abs`: one number for all outputs, numbers for those that are named, or both. */
export interface ToleranceOption {
  all?: number;
  outputs: Record<string, number>;
}

export const toleranceOption = (text: string) => toleranceOf(text, 'PE3002', (value) => value > 0 && value < 1);

export const absoluteToleranceOption = (text: string) =>
  toleranceOf(text, 'PE3006', (value) => value > 0 && Number.isFinite(value));

function toleranceOf(text: string, code: 'PE3002' | 'PE3006', isValid: (value: number) => boolean): ToleranceOption {
  const option: ToleranceOption = { outputs: {} };
  for (const part of text.split(',')) {
    const [left, right, ...more] = part.split('=').map((side) => side.trim());
    const value = Number(right ?? left);
    const isTwice = right === undefined ? option.all !== undefined : Object.hasOwn(option.outputs, left);
    if (!isValid(value) || more.length || left === '' || isTwice) throw new PinnEdgeError(code, { found: text });
    if (right === undefined) option.all = value;
    else option.outputs[left] = value;
  }
  return option;
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

export function shareOption(text: string): number {
  const value = Number(text);
  if (value > 0 && value < 1) return value;
  throw new PinnEdgeError('PE3005', {
    option: '--tol-steps',
    reason: `must be a number greater than 0 and less than 1, found ${text}`,
  });
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

/** What `--tol` and `--tol-abs` ask for, if anything. */
export function requestedTolerance(options: {
  tol?: ToleranceOption | number;
  tolAbs?: ToleranceOption | number;
}): RequirementLike | undefined {
  const [tol, tolAbs] = [options.tol, options.tolAbs].map((value) =>
    typeof value === 'number' ? { all: value, outputs: {} } : value,
  );
  if (!tol && !tolAbs) return undefined;
  const twice = Object.keys(tol?.outputs ?? {}).some((name) => Object.hasOwn(tolAbs?.outputs ?? {}, name));
  if (twice || (tol?.all !== undefined && tolAbs?.all !== undefined)) throw new PinnEdgeError('PE3007');
  const outputs: Record<string, Tolerance> = {};
  for (const [name, relative] of Object.entries(tol?.outputs ?? {})) outputs[name] = { relative };
  for (const [name, absolute] of Object.entries(tolAbs?.outputs ?? {})) outputs[name] = { absolute };
  const named = Object.keys(outputs).length > 0;
  if (tol?.all !== undefined) return named ? { all: { relative: tol.all }, outputs } : { relative: tol.all };
  if (tolAbs?.all !== undefined) return named ? { all: { absolute: tolAbs.all }, outputs } : { absolute: tolAbs.all };
  return { outputs };
}

/** A percentage from 0 on. */
export function percentOption(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new PinnEdgeError('PE3005', { option: '--growth', reason: `must be a percentage from 0 on, found ${text}` });
}
