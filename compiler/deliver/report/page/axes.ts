import { ticks } from 'd3-array';
import { svg } from './dom.js';
import { short } from './short-numbers.js';

/** The axes that heat maps and curves share. User units of the SVG; its style comes with it, so that a download has it. */

export const FRAME = { width: 640, height: 400, left: 68, right: 16, top: 14, bottom: 46 };

export interface Axis {
  label: string;
  min: number;
  max: number;
}

export interface Scales {
  x(value: number): number;
  y(value: number): number;
  xAt(position: number): number;
  yAt(position: number): number;
}

export function scalesOf(x: Axis, y: Axis, width = FRAME.width - FRAME.right): Scales {
  const [left, bottom] = [FRAME.left, FRAME.height - FRAME.bottom];
  const line = (axis: Axis, from: number, to: number) => ({
    to: (value: number) => from + ((value - axis.min) / (axis.max - axis.min)) * (to - from),
    back: (position: number) => axis.min + ((position - from) / (to - from)) * (axis.max - axis.min),
  });
  const [across, up] = [line(x, left, width), line(y, bottom, FRAME.top)];
  return { x: across.to, y: up.to, xAt: across.back, yAt: up.back };
}

/** Lines and numbers of both axes, with their labels. */
export function axes(x: Axis, y: Axis, scales: Scales): SVGGElement {
  const bottom = FRAME.height - FRAME.bottom;
  const right = scales.x(x.max);
  const across = ticks(x.min, x.max, 6).map((value) =>
    svg(
      'g',
      {},
      svg('path', { d: `M${scales.x(value)} ${bottom}v5`, class: 'line' }),
      svg('text', { x: scales.x(value), y: bottom + 18, 'text-anchor': 'middle' }, short(value)),
    ),
  );
  const up = ticks(y.min, y.max, 6).map((value) =>
    svg(
      'g',
      {},
      svg('path', { d: `M${FRAME.left} ${scales.y(value)}h-5`, class: 'line' }),
      svg('text', { x: FRAME.left - 8, y: scales.y(value) + 4, 'text-anchor': 'end' }, short(value)),
    ),
  );
  const middle = (FRAME.top + bottom) / 2;
  return svg(
    'g',
    {},
    svg('path', { d: `M${FRAME.left} ${FRAME.top}V${bottom}H${right}`, class: 'line' }),
    ...across,
    ...up,
    svg('text', { x: (FRAME.left + right) / 2, y: FRAME.height - 8, 'text-anchor': 'middle' }, x.label),
    svg('text', { x: 14, y: middle, transform: `rotate(-90 14 ${middle})`, 'text-anchor': 'middle' }, y.label),
  );
}

/** A drawing that a screen reader reads as one sentence. */
export function drawing(label: string, ...children: SVGElement[]): SVGSVGElement {
  return svg(
    'svg',
    {
      viewBox: `0 0 ${FRAME.width} ${FRAME.height}`,
      role: 'img',
      'aria-label': label,
      xmlns: 'http://www.w3.org/2000/svg',
    },
    ...children,
  );
}

export function axisOf({ name, unit, min, max }: { name: string; unit?: string; min: number; max: number }): Axis {
  return { label: unit ? `${name} in ${unit}` : name, min, max };
}

/** Where the pointer is, in user units. */
export function pointerAt(drawn: SVGSVGElement, event: PointerEvent | MouseEvent): { x: number; y: number } {
  const box = drawn.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) / box.width) * FRAME.width,
    y: ((event.clientY - box.top) / box.height) * FRAME.height,
  };
}
