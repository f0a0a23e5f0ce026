import { describeTolerance, toleranceOf } from '../../../judge/requirement.js';
import type { PackedBuild } from '../page-data.js';
import { attemptsChart } from './attempts.js';
import { h, table } from './dom.js';
import type { Runtime } from './runtime.js';
import { bytes, count, percent, short, withUnit } from './short-numbers.js';

/** Where the tolerance and the bytes went: report.json for people. */

export function facts(runtimes: readonly Runtime[]): HTMLElement {
  const parts = runtimes.map(({ build, title }, i) => {
    const heading = runtimes.length > 1 ? h('h3', {}, `${'AB'[i]}: ${title}`) : undefined;
    return h('div', {}, heading, ...factsOf(build));
  });
  return h('section', { 'aria-labelledby': 'facts' }, h('h2', { id: 'facts' }, 'Where it went'), ...parts);
}

function factsOf(build: PackedBuild): (HTMLElement | undefined)[] {
  const { report } = build;
  return [
    toleranceTable(build),
    layerTable(build),
    report.tables.length
      ? table(
          'Function tables: knots and bytes',
          ['function', 'layout', 'degree', 'segments', 'knots', 'bytes', 'largest error'],
          report.tables.map((t) => [
            t.function,
            t.layout,
            `${t.degree}`,
            count(t.segments),
            count(t.segments + 1),
            count(t.bytes),
            short(t.maxError, 3),
          ]),
        )
      : undefined,
    attemptsChart(report),
    details(
      'Formats of all values',
      table(
        'Values that are stored between two steps',
        ['value', 'kind', 'width', 'smallest', 'largest', 'bits', 'bits behind the point'],
        report.values.map((v) => [
          v.name,
          v.kind,
          `${v.width}`,
          short(v.min),
          short(v.max),
          `${v.bits}`,
          `${v.exponent}`,
        ]),
      ),
    ),
    details(
      'Formats of all matrices',
      table(
        'Weight matrices',
        ['matrix', 'rows', 'columns', 'bits', 'accumulator bits', 'of them used at most'],
        report.weights.map((w) => [
          w.name,
          `${w.rows}`,
          `${w.cols}`,
          `${w.bits}`,
          `${w.accumulatorBits}`,
          `${w.accumulatorPeakBits}`,
        ]),
      ),
    ),
    ...build.pictures.map(([name, text]) =>
      h(
        'figure',
        {},
        h('img', {
          src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`,
          alt: `Blocks of the matrix ${name}`,
        }),
        h('figcaption', {}, `Blocks of the matrix ${name}`),
      ),
    ),
  ];
}

function details(summary: string, content: HTMLElement): HTMLElement {
  return h('details', {}, h('summary', {}, summary), content);
}

function toleranceTable({ report, proved }: PackedBuild): HTMLElement {
  const steps = { compress: 'a smaller network', formats: 'number formats', tables: 'function tables' } as const;
  const spent = Object.entries(steps).map(([step, name]): string[] => [
    name,
    `${short(report.spent[step as keyof typeof steps], 3)} relative, by itself`,
  ]);
  const outputs = report.outputs.map((output): string[] => {
    const tolerance = toleranceOf(report.tolerance, output.name);
    const reached = 'relative' in tolerance ? output.maxRelative : output.maxAbsolute;
    const allowed = 'relative' in tolerance ? tolerance.relative : tolerance.absolute;
    const text = describeTolerance(tolerance, output.unit);
    return [
      `${output.name}, as measured`,
      `${short(reached, 3)} of ${text} (${percent(reached / allowed)}), relative L2 ${short(output.relativeL2, 3)}`,
    ];
  });
  const bounds = (proved ?? []).map(({ name, unit, bound }): string[] => [
    `${name}, proved at every point`,
    `at most ${withUnit(short(bound, 3), unit)}`,
  ]);
  return table('The tolerance by stage', ['stage', 'error'], [...spent, ...outputs, ...bounds]);
}

function layerTable({ report }: PackedBuild): HTMLElement {
  const rows = report.layers.map((layer) => [
    layer.name,
    `${layer.rows} x ${layer.cols}`,
    `${layer.structure}${layer.ranks ? `, rank ${[...new Set(layer.ranks)].join(' to ')}` : ''}${layer.blocks > 1 ? `, ${layer.blocks} blocks` : ''}`,
    layer.bits.join(', '),
    count(layer.bytes),
    count(layer.macs),
    short(layer.error, 3),
  ]);
  return table(
    `Bytes by layer: ${bytes(report.weightBytes)} of weights in ${bytes(report.modelBytes)} of weights and tables`,
    ['layer', 'size', 'structure', 'bits', 'bytes', 'products', 'error by itself'],
    rows,
  );
}

/** What the target needs, a column per build; then what emulated boards showed. */
export function needs(runtimes: readonly Runtime[]): HTMLElement {
  const reports = runtimes.map(({ build }) => build.report);
  const isC = reports.every(({ engine }) => engine === 'c');
  const row = (name: string, of: (report: PackedBuild['report']) => string) => [name, ...reports.map(of)];
  const rows = [
    row('parameters', (r) => count(r.parameters)),
    ...(isC ? [] : [row('module', (r) => (r.engine === 'c' ? '-' : bytes(r.wasmBytes)))]),
    row('weights and tables', (r) => `${bytes(r.modelBytes)} (${bytes(r.float32Bytes)} as float32)`),
    row('RAM', (r) => bytes(r.ramBytes)),
    ...(isC ? [] : [row('native stack at most', (r) => (r.engine === 'c' ? '-' : bytes(r.nativeStackBytes)))]),
    row('products per answer', (r) => count(r.macs)),
    row('instructions per answer', (r) => (r.instructions === undefined ? '-' : `${count(r.instructions)}, predicted`)),
    row('time per answer', (r) =>
      r.time ? `about ${short(1e6 * r.time.seconds, 3)} us at ${r.time.clockHz / 1e6} MHz` : '-',
    ),
    ...reports[0].outputs.map(({ name }, k) =>
      row(`largest relative error of ${name}`, (r) => short(r.outputs[k].maxRelative, 3)),
    ),
  ];
  const boards = runtimes.flatMap(({ build, title }) =>
    build.boards.map((b) => [
      runtimes.length > 1 ? `${b.board}, ${title}` : b.board,
      `${count(Math.round(b.instructions))} ${b.counts}`,
      bytes(b.flashBytes),
      bytes(b.ramBytes),
      bytes(b.stackBytes),
    ]),
  );
  return h(
    'section',
    { 'aria-labelledby': 'needs' },
    h('h2', { id: 'needs' }, 'What it takes'),
    table(
      'On the target',
      ['figure', ...runtimes.map(({ title }, i) => (runtimes.length > 1 ? `${'AB'[i]}: ${title}` : title))],
      rows,
    ),
    boards.length
      ? table('Measured on emulated boards', ['board', 'per answer', 'flash', 'RAM', 'stack'], boards)
      : undefined,
  );
}
