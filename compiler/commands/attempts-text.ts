import { METHODS } from '../compress/compress.js';
import type { Attempt } from '../compress/single.js';
import { bytes, columns, count, error } from './output.js';

/**
 * What a search tried: a line per method with the number of networks and the smallest that keeps the tolerance.
 * @param cached whether that was at an earlier time
 */
export function attemptsText(method: string, attempts: readonly Attempt[], cached: boolean): string {
  if (!attempts.length) return '';
  const groups = new Map<string, Attempt[]>();
  for (const attempt of attempts) {
    const name = method === 'auto' ? methodOf(attempt.what) : method;
    groups.set(name, [...(groups.get(name) ?? []), attempt]);
  }
  const rows = [...groups].map(([name, tried]) => [name, tried.length, bestText(tried)]);
  const when = cached ? ' when this was asked before (--no-cache tries them again)' : '';
  return `\ntried ${count(attempts.length)} networks${when}\n${columns(rows)}`;
}

/** `lowrank` of `lowrank, norm error 0.1, refined`; what bears no method's name is the search that takes out neurons. */
function methodOf(what: string): string {
  const parts = what.split(', ');
  const names = parts.slice(
    0,
    parts.findIndex((part) => !METHODS.some((method) => part === method || part === `${method} + refine`)),
  );
  return names.join(', ') || (what.startsWith('rounded') ? 'rounded' : 'prune step by step');
}

function bestText(tried: readonly Attempt[]): string {
  const kept = tried.filter((attempt) => attempt.kept);
  if (!kept.length) {
    const closest = tried.reduce((a, b) => (b.error < a.error ? b : a));
    return `none within the tolerance, the nearest at ${share(closest)}: ${sizeOf(closest)}`;
  }
  // Within a budget the most accurate is looked for, within a tolerance the smallest.
  const better = (a: Attempt, b: Attempt) => (b.relativeError === undefined ? b.bytes < a.bytes : b.error < a.error);
  const best = kept.reduce((a, b) => (better(a, b) ? b : a));
  return `${sizeOf(best)}, ${attemptError(best)}`;
}

const sizeOf = ({ parameters, bytes: size }: Attempt) => `${count(parameters)} parameters, ${bytes(size)}`;
function share({ error: part }: Attempt): string {
  if (part >= 100) return `${count(Math.round(part))} times`;
  return part < 0.1 ? `${(100 * part).toPrecision(2)} %` : `${count(Math.round(100 * part))} %`;
}

/** In parts of the tolerance, or, where a budget stands in its place, relative to the largest output. */
export function attemptError(attempt: Attempt): string {
  if (attempt.relativeError !== undefined) return `relative error ${error(attempt.relativeError)}`;
  return `${share(attempt)}${attempt.error >= 100 ? '' : ' of'} the tolerance`;
}
