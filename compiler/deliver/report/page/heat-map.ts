import { contours } from 'd3-contour';
import { type Axis, axes, axisOf, drawing, FRAME, pointerAt, type Scales, scalesOf } from './axes.js';
import type { State } from './chosen.js';
import { choice, h, svg } from './dom.js';
import { downloadButtons } from './downloads.js';
import { type Grid, GridSearch, gridPoints } from './grid.js';
import { signed, viridis } from './palettes.js';
import { largestOf, short, withUnit } from './short-numbers.js';

/** A quantity over two inputs in colours that the colour-blind tell apart, with contours. */

const LEVELS = 8;
const MAP_RIGHT = 540;
const BAR = { x: 560, width: 14 };

/** Colour of a value: of signed ones about 0, of others from the least to the largest. */
interface Palette {
  min: number;
  max: number;
  colour(value: number): string;
}

export function heatMap(state: State): HTMLElement {
  const under = h('output', { class: 'under' });
  const place = h('div', { class: 'plot' });
  const search = new GridSearch(state);
  let current: { grid: Grid; scales: Scales; drawn: SVGSVGElement; mark: SVGGElement } | undefined;

  const markPoint = () => {
    if (!current) return;
    const { grid, scales, mark } = current;
    const [x, y] = grid.axes.map((input) => state.held()[input]);
    mark.replaceChildren(svg('path', { d: cross(scales.x(x), scales.y(y)), class: 'here' }));
  };
  const show = (grid: Grid) => {
    const [x, y] = grid.axes.map((input) => axisOf(state.inputs[input]));
    const scales = scalesOf(x, y, MAP_RIGHT);
    const palette = paletteOf(state, grid.values);
    const mark = svg('g');
    const label = describe(state, grid, palette);
    const drawn = drawing(
      label,
      svg('title', {}, label),
      picture(grid, palette, scales, x, y),
      // Errors of rounding are rough at every scale: contours would only cover them.
      ...(state.quantity.limits ? [] : [contourLines(grid, palette, scales, x, y)]),
      axes(x, y, scales),
      colourBar(palette, withUnit('', state.quantity.unit)),
      ...worstMarks(state, grid, scales),
      mark,
    );
    drawn.addEventListener('pointermove', (event) => {
      const at = valuesAt(state, grid, scales, pointerAt(drawn, event));
      if (at) under.textContent = `${at.text}: ${withUnit(short(grid.values[at.cell]), state.quantity.unit)}`;
    });
    drawn.addEventListener('click', (event) => {
      const at = valuesAt(state, grid, scales, pointerAt(drawn, event));
      if (at)
        state.moveTo(
          state.at(
            new Map([
              [grid.axes[0], at.x],
              [grid.axes[1], at.y],
            ]),
          ),
        );
    });
    drawn.dataset.size = String(grid.size);
    place.replaceChildren(drawn);
    current = { grid, scales, drawn, mark };
    markPoint();
  };
  const draw = () => void search.draw(show);
  state.onChange((change, input) => {
    markPoint();
    const isOnAxes = input !== undefined && state.axes.includes(input);
    // Where both inputs that are drawn along are all there is, or the one that moved is one of them, the map stays.
    if (change === 'point' && (isOnAxes || state.inputs.length <= 2)) return;
    draw();
  });
  draw();

  const names = state.inputs.map(({ name }) => name);
  const choose = (which: 0 | 1) => (at: number) => {
    const other = which === 0 ? 1 : 0;
    // The same input along both would be a line: they change places.
    if (state.axes[other] === at) state.axes[other] = state.axes[which];
    state.axes[which] = at;
    axisChoices.replaceChildren(...choices());
    state.changed('axes');
  };
  const choices = () => [
    choice('across', names, state.axes[0], choose(0)),
    choice('upwards', names, state.axes[1], choose(1)),
  ];
  const axisChoices = h('span', {}, ...choices());
  return h(
    'section',
    { 'aria-labelledby': 'map' },
    h('h2', { id: 'map' }, 'Over two inputs'),
    h(
      'p',
      { class: 'choices' },
      axisChoices,
      h('span', { class: 'hint' }, 'Click to move there; a ring is the worst point.'),
    ),
    place,
    under,
    downloadButtons(
      'map',
      () => current?.drawn,
      () => current && csv(state, current.grid),
    ),
  );
}

function paletteOf(state: State, values: Float64Array): Palette {
  if (state.quantity.limits) {
    const reach = largestOf(values) || 1;
    return { min: -reach, max: reach, colour: (value) => signed(0.5 + value / reach / 2) };
  }
  const [min, max] = [Math.min(...values), Math.max(...values)];
  const span = max - min || 1;
  return { min, max: min + span, colour: (value) => viridis((value - min) / span) };
}

/** One pixel per cell, as an image within the drawing. */
function picture({ size, values }: Grid, { colour }: Palette, scales: Scales, x: Axis, y: Axis): SVGImageElement {
  const canvas = h('canvas', { width: size, height: size });
  const context = canvas.getContext('2d')!;
  values.forEach((value, cell) => {
    context.fillStyle = colour(value);
    context.fillRect(cell % size, size - 1 - Math.floor(cell / size), 1, 1);
  });
  return svg('image', {
    href: canvas.toDataURL('image/png'),
    x: scales.x(x.min),
    y: scales.y(y.max),
    width: scales.x(x.max) - scales.x(x.min),
    height: scales.y(y.min) - scales.y(y.max),
    preserveAspectRatio: 'none',
    'image-rendering': 'pixelated',
  });
}

function contourLines({ size, values }: Grid, { min, max }: Palette, scales: Scales, x: Axis, y: Axis): SVGGElement {
  const levels = Array.from({ length: LEVELS - 1 }, (_, i) => min + ((i + 1) / LEVELS) * (max - min));
  const lines = contours().size([size, size]).thresholds(levels)(Array.from(values));
  const position = ([i, j]: number[]) =>
    `${scales.x(x.min + (i / size) * (x.max - x.min)).toFixed(1)} ${scales.y(y.min + (j / size) * (y.max - y.min)).toFixed(1)}`;
  const paths = lines.map(({ coordinates }) =>
    coordinates
      .flatMap((polygon) =>
        polygon.flatMap((ring) => edgesInside(ring, size).map((line) => `M${line.map(position).join('L')}`)),
      )
      .join(''),
  );
  return svg('g', { class: 'contour' }, ...paths.filter(Boolean).map((d) => svg('path', { d })));
}

/** Rings close along the border of the grid, where there is no contour: the parts between. */
function edgesInside(ring: readonly number[][], size: number): number[][][] {
  const onBorder = ([i, j]: number[]) => i <= 0 || j <= 0 || i >= size || j >= size;
  const lines: number[][][] = [];
  let line: number[][] = [];
  for (let k = 0; k < ring.length; k++) {
    if (k > 0 && onBorder(ring[k - 1]) && onBorder(ring[k])) {
      if (line.length > 1) lines.push(line);
      line = [];
    }
    line.push(ring[k]);
  }
  if (line.length > 1) lines.push(line);
  return lines;
}

function colourBar({ min, max, colour }: Palette, unit: string): SVGGElement {
  const [top, bottom] = [FRAME.top, FRAME.height - FRAME.bottom];
  const steps = 64;
  const step = (bottom - top) / steps;
  const cells = Array.from({ length: steps }, (_, i) =>
    svg('rect', {
      x: BAR.x,
      y: bottom - (i + 1) * step,
      width: BAR.width,
      height: step + 0.5,
      fill: colour(min + ((i + 0.5) / steps) * (max - min)),
    }),
  );
  const labels = [0, 0.25, 0.5, 0.75, 1].map((part) =>
    svg(
      'text',
      { x: BAR.x + BAR.width + 6, y: bottom - part * (bottom - top) + 4 },
      // A sum that should be 0 is not always.
      short(Math.abs(min + part * (max - min)) < 1e-12 * (max - min) ? 0 : min + part * (max - min), 3),
    ),
  );
  return svg('g', {}, ...cells, ...labels, svg('text', { x: BAR.x, y: FRAME.height - 28 }, unit.trim()));
}

/** Where the build found the largest error of the output, and the box of the largest proved bound. */
function worstMarks({ quantity }: State, { axes: [x, y] }: Grid, scales: Scales): SVGElement[] {
  if (quantity.output === undefined) return [];
  const { report, proved } = quantity.runtime.build;
  const { worstAt, name } = report.outputs[quantity.output];
  const ring = svg('circle', { cx: scales.x(worstAt[x]), cy: scales.y(worstAt[y]), r: 7, class: 'worst' });
  const box = proved?.find((output) => output.name === name)?.worst;
  if (!box) return [ring];
  const [left, right, low, high] = [box.low[x], box.high[x], box.low[y], box.high[y]];
  const corners = {
    x: scales.x(left),
    y: scales.y(high),
    width: scales.x(right) - scales.x(left),
    height: scales.y(low) - scales.y(high),
  };
  return [ring, svg('rect', { ...corners, class: 'worst' })];
}

function valuesAt(state: State, { size, axes: [x, y] }: Grid, scales: Scales, at: { x: number; y: number }) {
  const [valueX, valueY] = [scales.xAt(at.x), scales.yAt(at.y)];
  const index = (value: number, { min, max }: { min: number; max: number }) =>
    Math.floor(((value - min) / (max - min)) * size);
  const [i, j] = [index(valueX, state.inputs[x]), index(valueY, state.inputs[y])];
  if (i < 0 || j < 0 || i >= size || j >= size) return undefined;
  const text = `${state.inputs[x].name} = ${short(valueX)}, ${state.inputs[y].name} = ${short(valueY)}`;
  return { x: valueX, y: valueY, cell: j * size + i, text };
}

function describe(state: State, { axes: [x, y] }: Grid, { min, max }: Palette): string {
  const { label, unit } = state.quantity;
  const [across, up] = [x, y].map((input) => state.inputs[input].name);
  return `Heat map of ${label} over ${across} and ${up}: from ${withUnit(short(min), unit)} to ${withUnit(short(max), unit)}`;
}

function csv(state: State, grid: Grid): string {
  const points = gridPoints(state, grid.axes, grid.size);
  const width = state.inputs.length;
  const head = [...state.inputs.map(({ name }) => name), state.quantity.label];
  const rows = Array.from(grid.values, (value, p) => [...points.subarray(p * width, (p + 1) * width), value].join(','));
  return `${[head.map((name) => `"${name.replaceAll('"', '""')}"`).join(','), ...rows].join('\n')}\n`;
}

function cross(x: number, y: number): string {
  return `M${x - 9} ${y}H${x - 3}M${x + 3} ${y}H${x + 9}M${x} ${y - 9}V${y - 3}M${x} ${y + 3}V${y + 9}`;
}
