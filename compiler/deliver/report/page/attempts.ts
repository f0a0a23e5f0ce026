import type { Report } from '../../package/report.js';
import { axes, drawing, scalesOf } from './axes.js';
import { h, svg } from './dom.js';
import { count } from './short-numbers.js';

/** The networks that compression tried: bytes against the share of the tolerance that each takes, both as powers of ten. */

export function attemptsChart({ compress }: Report): HTMLElement | undefined {
  const tried = compress?.tried?.filter(({ bytes, error }) => bytes > 0 && error > 0);
  if (!compress || !tried?.length) return undefined;
  const logs = tried.map(({ bytes, error, kept }) => ({ x: Math.log10(bytes), y: Math.log10(error), kept }));
  const range = (values: number[]) => {
    const [min, max] = [Math.min(...values), Math.max(...values)];
    return { min: min - 0.1, max: max + 0.1 };
  };
  const x = { label: 'bytes of weights (log10)', ...range(logs.map((attempt) => attempt.x)) };
  const y = { label: 'error / tolerance (log10)', ...range([0, ...logs.map((attempt) => attempt.y)]) };
  const scales = scalesOf(x, y);
  const kept = tried.filter((attempt) => attempt.kept).length;
  const label = `${count(tried.length)} networks that were tried, bytes against error; ${count(kept)} were taken`;
  const dots = logs.map((attempt) =>
    svg('circle', {
      cx: scales.x(attempt.x).toFixed(1),
      cy: scales.y(attempt.y).toFixed(1),
      r: attempt.kept ? 4.5 : 3,
      class: attempt.kept ? 'taken' : 'tried',
    }),
  );
  const limit = svg('path', { d: `M${scales.x(x.min)} ${scales.y(0)}H${scales.x(x.max)}`, class: 'limit' });
  return h(
    'figure',
    { class: 'plot' },
    drawing(label, svg('title', {}, label), axes(x, y, scales), limit, ...dots),
    h('figcaption', {}, `${label}: filled. The line is the tolerance. Result: ${compress.detail}.`),
  );
}
