import { axes, axisOf, drawing, FRAME, pointerAt, type Scales, scalesOf } from './axes.js';
import type { State } from './chosen.js';
import { choice, h, svg } from './dom.js';
import { downloadButtons } from './downloads.js';
import { short, withUnit } from './short-numbers.js';

/** A quantity along one input through the point: the module over the reference, or its error between its limits. */

const POINTS = 256;
/** How lines differ without colour. */
const DASHES = ['', '7 4', '2 3'];

interface Sampled {
  xs: number[];
  lines: { label: string; values: Float64Array }[];
}

export function curves(state: State): HTMLElement {
  const under = h('output', { class: 'under' });
  const place = h('div', { class: 'plot' });
  const legend = h('p', { class: 'legend' });
  let drawn: SVGSVGElement | undefined;
  let sampled: Sampled;
  const draw = () => {
    sampled = sample(state);
    const made = picture(state, sampled);
    drawn = made.drawn;
    place.replaceChildren(drawn);
    legend.replaceChildren(...legendOf(sampled));
    drawn.addEventListener('pointermove', (event) => {
      under.textContent = valueUnder(state, sampled, made.scales.xAt(pointerAt(made.drawn, event).x));
    });
    drawn.addEventListener('click', (event) => {
      const { min, max } = state.inputs[state.along];
      const at = made.scales.xAt(pointerAt(made.drawn, event).x);
      if (at >= min && at <= max) state.moveTo(state.at(new Map([[state.along, at]])));
    });
  };
  state.onChange(draw);
  draw();
  const names = state.inputs.map(({ name }) => name);
  const choose = (at: number) => {
    state.along = at;
    draw();
  };
  return h(
    'section',
    { 'aria-labelledby': 'curves' },
    h('h2', { id: 'curves' }, 'Along one input'),
    h('p', { class: 'choices' }, choice('along', names, state.along, choose), legend),
    place,
    under,
    downloadButtons(
      'curves',
      () => drawn,
      () => csv(state, sampled),
    ),
  );
}

function sample(state: State): Sampled {
  const { along, quantity } = state;
  const { min, max } = state.inputs[along];
  const xs = Array.from({ length: POINTS + 1 }, (_, i) => (i === POINTS ? max : min + (i / POINTS) * (max - min)));
  const points = Float64Array.from(xs.flatMap((x) => state.at(new Map([[along, x]]))));
  return { xs, lines: quantity.curves.map(({ label, values }) => ({ label, values: values(points) })) };
}

function picture(state: State, { xs, lines }: Sampled): { drawn: SVGSVGElement; scales: Scales } {
  const { quantity } = state;
  const limits = (quantity.limits ?? []).flatMap(({ label, value }) => [
    { label, value },
    { label: '', value: -value },
  ]);
  const all = [...lines.flatMap(({ values }) => [...values]), ...limits.map(({ value }) => value)];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const margin = 0.05 * (high - low || 1);
  const x = axisOf(state.inputs[state.along]);
  const y = {
    label: withUnit(quantity.label, quantity.unit && `in ${quantity.unit}`),
    min: low - margin,
    max: high + margin,
  };
  const scales = scalesOf(x, y);
  const paths = lines.map(({ values }, i) =>
    svg('path', {
      d: `M${[...values].map((value, p) => `${scales.x(xs[p]).toFixed(1)} ${scales.y(value).toFixed(1)}`).join('L')}`,
      class: `curve c${i % 4}`,
      'stroke-dasharray': DASHES[i % DASHES.length] || undefined,
    }),
  );
  const bounds = limits.map(({ label, value }) =>
    svg(
      'g',
      {},
      svg('path', { d: `M${FRAME.left} ${scales.y(value)}H${FRAME.width - FRAME.right}`, class: 'limit' }),
      svg('text', { x: FRAME.width - FRAME.right - 4, y: scales.y(value) - 4, 'text-anchor': 'end' }, label),
    ),
  );
  const here = scales.x(state.held()[state.along]);
  const mark = svg('path', { d: `M${here} ${FRAME.top}V${FRAME.height - FRAME.bottom}`, class: 'here' });
  const label = `Curves of ${quantity.label} along ${x.label}: ${lines.map((l) => `${l.label} from ${short(Math.min(...l.values))} to ${short(Math.max(...l.values))}`).join('; ')}`;
  return { drawn: drawing(label, svg('title', {}, label), axes(x, y, scales), ...bounds, ...paths, mark), scales };
}

function legendOf({ lines }: Sampled): Node[] {
  return lines.map(({ label }, i) =>
    h(
      'span',
      {},
      svg(
        'svg',
        { width: 34, height: 10, 'aria-hidden': 'true' },
        svg('path', {
          d: 'M0 5H34',
          class: `curve c${i % 4}`,
          'stroke-dasharray': DASHES[i % DASHES.length] || undefined,
        }),
      ),
      label,
    ),
  );
}

function valueUnder(state: State, { xs, lines }: Sampled, at: number): string {
  const { min, max, name } = state.inputs[state.along];
  const p = Math.round(((at - min) / (max - min)) * POINTS);
  if (p < 0 || p > POINTS) return '';
  const values = lines.map(({ label, values: all }) => `${label} ${withUnit(short(all[p]), state.quantity.unit)}`);
  return `${name} = ${short(xs[p])}: ${values.join(', ')}`;
}

function csv(state: State, { xs, lines }: Sampled): string {
  const head = [state.inputs[state.along].name, ...lines.map(({ label }) => `${state.quantity.label}: ${label}`)];
  const rows = xs.map((x, p) => [x, ...lines.map(({ values }) => values[p])].join(','));
  return `${[head.map((name) => `"${name.replaceAll('"', '""')}"`).join(','), ...rows].join('\n')}\n`;
}
