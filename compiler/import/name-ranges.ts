import { PinnEdgeError } from '../diagnostics.js';

/** `u[0:101]` in place of the 101 names u0, u1, ..., u100, as Python counts. */

const RANGE = /^([A-Za-z][A-Za-z0-9_]*)\[(\d{1,6}):(\d{1,6})\]$/;
/** As many inputs as a model may have. */
const MAX_NAMES = 1024;
/** Fewer names are written out. */
const MIN_SHORTENED = 8;

/** The names that a range stands for, in order; any other text stands for itself. @throws PE3005 for an empty or huge one */
export function expandNames(text: string, place: string): string[] {
  const [, base, first, end] = text.match(RANGE) ?? [];
  if (base === undefined) return [text];
  const [from, count] = [Number(first), Number(end) - Number(first)];
  if (count < 1 || count > MAX_NAMES) {
    const reason = `${text} has ${Math.max(count, 0)} names, as ${base}${first} is the first and ${base}${end} the one after the last; 1 to ${MAX_NAMES} are possible`;
    throw new PinnEdgeError('PE3005', { option: place, reason });
  }
  return Array.from({ length: count }, (_, i) => `${base}${from + i}`);
}

/** The same names with long runs, such as x0 to x100, as ranges. */
export function shortenNames(names: readonly string[]): string[] {
  const shortened: string[] = [];
  for (let start = 0; start < names.length; ) {
    const end = runEnd(names, start);
    const [, base, first] = names[start].match(NUMBERED) ?? [];
    if (end - start >= MIN_SHORTENED) shortened.push(`${base}[${first}:${Number(first) + end - start}]`);
    else shortened.push(...names.slice(start, end));
    start = end;
  }
  return shortened;
}

/** A name and its number, which begins with 0 only where it is 0. */
const NUMBERED = /^(.*?)(0|[1-9]\d{0,5})$/;

/** Where names of one base stop to be numbered on. */
function runEnd(names: readonly string[], start: number): number {
  const [, base, first] = names[start].match(NUMBERED) ?? [];
  let end = start + 1;
  while (base !== undefined && names[end] === `${base}${Number(first) + end - start}`) end++;
  return end;
}
