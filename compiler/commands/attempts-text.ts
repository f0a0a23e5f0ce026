import type { Attempt } from '../compress/search/one-method.js';
import { bytes, columns, count, error } from './output.js';

/**
 * What a search tried: a line per method with the number of networks and the smallest that keeps the tolerance.
 * @param cached whether that was at an earlier time
 */
export function attemptsText(attempts: readonly Attempt[], cached: boolean): string {
  if (!attempts.length) return '';
  const groups = new Map<string, Attempt[]>();
  for (const attempt of attempts) groups.set(attempt.by, [...(groups.get(attempt.by) ?? []), attempt]);
  const rows = [...groups].map(([name, tried]) => [name, tried.length, bestText(tried)]);
  const when = cached ? ' when this was asked before (--no-cache tries them again)' : '';
  return `\ntried ${count(attempts.length)} networks${when}\n${columns(rows)}`;
}

function bestText(tried: readonly Attempt[]): string {
  const kept = tried.filter((attempt) => attempt.kept);
  if (!kept.length) {
    const closest = tried.reduce((a, b) => (b.error < a.error ? b : a));
    if (closest.within) return `none smaller within the tolerance, which ${sizeOf(closest)} keep`;
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
  return part > 0 && part < 0.1 ? `${(100 * part).toPrecision(2)} %` : `${count(Math.round(100 * part))} %`;
}

/** In parts of the tolerance, or, where a budget stands in its place, relative to the largest output. */
export function attemptError(attempt: Attempt): string {
  if (attempt.relativeError !== undefined) return `relative error ${error(attempt.relativeError)}`;
  return `${share(attempt)}${attempt.error >= 100 ? '' : ' of'} the tolerance`;
}
