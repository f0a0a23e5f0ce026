import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { writeFileWhole } from '../compiler/host/write-file.js';
import { ROWS, type Row } from './compress-rows.js';

/** Writes docs/benchmarks-compress.md from the rows of `npm run bench:compress`, and its summary into docs/benchmarks.md. */
export function writeDocuments(rows: readonly Row[]): void {
  const docs = join(PACKAGE_ROOT, 'docs');
  writeFileWhole(join(docs, 'benchmarks-compress.md'), document(rows));
  const benchmarks = join(docs, 'benchmarks.md');
  // It stands last.
  const [before] = readFileSync(benchmarks, 'utf8').split(`\n${SUMMARY}`);
  writeFileWhole(benchmarks, `${before}\n${summary(rows)}`);
}

const SUMMARY = '## Compression\n';

function summary(rows: readonly Row[]): string {
  return `${SUMMARY}
Bytes at equal error (\`*\`: search ended early), written by \`npm run bench:compress -- --write\`; parameters, errors, tangent kernels and times
are in [benchmarks-compress.md](benchmarks-compress.md).

${bytesTable(examplesOf(rows))}
${floors(rows)}`;
}

/** What compression has to reach at 1e-3, against float32. */
const FLOORS: readonly [model: string, factor: number][] = [
  ['poisson-wide', 120],
  ['front', 40],
  ['burgers', 5],
  ['heat-rod', 5],
  ['battery-spm', 5],
];
const SHARED_FLOOR = 10;

function floors(rows: readonly Row[]): string {
  const at = (model: string, method: Row['method']) =>
    rows.find((row) => row.model === model && row.tolerance === 1e-3 && row.method === method);
  const lines = FLOORS.map(([model, factor]) => {
    const [auto, build] = [at(model, 'auto'), at(model, 'build')].map((row) => (row?.bytes ? ratioOf(row) : undefined));
    return [model, factor, auto, build] as const;
  });
  const means = (['auto', 'build'] as const).map((method) => {
    const shared = rows.filter((row) => row.group === 'shared' && row.method === method && row.bytes);
    return shared.length ? geometricMean(shared) : undefined;
  });
  const text = (value: number | undefined) => (value === undefined ? '' : `${value.toPrecision(3)}x`);
  // What has not been run decides nothing.
  const verdict = (factor: number, values: readonly (number | undefined)[]) => {
    const known = values.filter((v) => v !== undefined);
    return known.length ? (known.every((v) => v >= factor) ? 'pass' : 'fail') : '';
  };
  return `
${markdown([
  ['bytes at 1e-3 against float32', 'at least', 'auto', 'build', ''],
  ...lines.map(([model, factor, auto, build]) => [
    model,
    `${factor}x`,
    text(auto),
    text(build),
    verdict(factor, [auto, build]),
  ]),
  ['networks by other people, geometric mean', `${SHARED_FLOOR}x`, ...means.map(text), verdict(SHARED_FLOOR, means)],
])}
`;
}

const examplesOf = (rows: readonly Row[]) => rows.filter((row) => row.group === 'example').sort(byCase);

export function document(rows: readonly Row[]): string {
  const examples = examplesOf(rows);
  const shared = rows.filter((row) => row.group === 'shared').sort(byCase);
  const scaling = rows.filter((row) => row.group === 'scaling').sort((a, b) => a.parameters[0] - b.parameters[0]);
  return `# Compression

Made by \`npm run bench:compress -- --write\`. The tolerance is the largest error over the input box divided by the largest
output; a relative L2 error of more than a third of it counts as exceeded too. \`smaller\` is against float32 weights.

- Every method gets the whole tolerance for the weights and is refined after the structural step. Bytes are those of the
  weights as the method stores them: every matrix with 8, 16 or 32 bits, the fewest that keep the tolerance, \`magnitude\` with
  8 more for the column step of every weight that is left, \`int8\` and \`int16\` one width and scale per tensor; biases 32 bits.
- \`auto\` takes the smallest of them all, records and function tables counted. NTK distance 0: the network is left as it is,
  only its formats are narrower.
- \`build\` is \`auto\` taken through formats and tables, for size: bytes of weights, biases and function tables in the module,
  error of the module itself, all within the tolerance.
- \`bilinear\`, \`cubic\`: no network but a table of the outputs at the points of a regular grid, 16 bits each, with interpolation
  along every axis: what one would do without a compiler ([\`lookup-table.ts\`](../bench/lookup-table.ts)).
- \`none keeps it\`: the error is the smallest that the method reached.
- Errors are measured on points that the compression never saw. NTK distance: ||Theta - Theta_H||_F / ||Theta||_F on sample
  points. MACs: multiply-accumulates per answer. Seconds are CPU time, mostly of one core.
- \`*\`: the search was ended with the best so far (\`--row-seconds\`), before refinement had finished or even begun: with more
  time the method may get further.
- \`!\`: the error on the fresh points is larger than the tolerance, which the search took for kept.

## Bytes at equal error

${bytesTable(examples)}
${floors(rows)}
## Every row

${table(examples)}
${shared.length ? `\n${sharedText(shared)}` : ''}${scaling.length ? `\n${scalingText(scaling)}` : ''}`;
}

function byCase(a: Row, b: Row): number {
  const order = ROWS.indexOf(a.method) - ROWS.indexOf(b.method);
  return a.model.localeCompare(b.model) || b.tolerance - a.tolerance || order;
}

const thousands = (value: number) => Math.round(value).toLocaleString('en-US');
const ratioOf = ({ parameters: [before], bytes }: Row) => (4 * before) / bytes!;

function markdown(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows;
  return [head, head.map(() => '---'), ...body].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** On the fresh points: the search took it for kept. */
const exceeds = ({ bytes, error, tolerance }: Row) => bytes !== undefined && error > tolerance;

/** One line per example and tolerance, one column per method. */
function bytesTable(rows: readonly Row[]): string {
  const methods = ROWS.filter((method) => rows.some((row) => row.method === method));
  const lines = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.model} ${row.tolerance}`;
    lines.set(key, [...(lines.get(key) ?? []), row]);
  }
  const cell = (row: Row | undefined) =>
    row
      ? `${row.bytes === undefined ? 'none' : thousands(row.bytes)}${row.cut ? '*' : ''}${exceeds(row) ? '!' : ''}`
      : '';
  return markdown([
    ['model', 'tolerance', 'float32', ...methods],
    ...[...lines.values()].map((group) => [
      group[0].model,
      group[0].tolerance.toExponential(0),
      thousands(4 * group[0].parameters[0]),
      ...methods.map((method) => cell(group.find((row) => row.method === method))),
    ]),
  ]);
}

function table(rows: readonly Row[]): string {
  return markdown([
    [
      'model',
      'tolerance',
      'method',
      'parameters',
      'left',
      'bytes',
      'smaller',
      'error',
      'NTK distance',
      'MACs',
      'effort',
      's',
    ],
    ...rows.map((row) => {
      const kept = row.bytes !== undefined;
      return [
        row.model,
        row.tolerance.toExponential(0),
        row.method,
        thousands(row.parameters[0]),
        kept ? thousands(row.parameters[1]) : '',
        kept ? thousands(row.bytes!) : 'none keeps it',
        kept ? `${ratioOf(row).toPrecision(3)}x` : '',
        row.error.toExponential(1),
        row.kernel === undefined ? '' : row.kernel.toPrecision(2),
        kept ? `${thousands(row.macs[1])} of ${thousands(row.macs[0])}` : '',
        row.effort,
        `${row.seconds.toFixed(1)}${row.cut ? '*' : ''}`,
      ];
    }),
  ]);
}

function geometricMean(rows: readonly Row[]): number {
  return Math.exp(rows.reduce((sum, row) => sum + Math.log(ratioOf(row)), 0) / rows.length);
}

function sharedText(rows: readonly Row[]): string {
  const means = (['auto', 'build'] as const).flatMap((method) => {
    const kept = rows.filter((row) => row.method === method && row.bytes);
    return kept.length ? [`\`${method}\` ${geometricMean(kept).toPrecision(3)}x (${kept.length} networks)`] : [];
  });
  return `## Networks by other people

Imported with \`pinn-edge import\` into a folder that \`--models\` names; they are not part of this repository.

${table(rows)}

Geometric mean, smaller than float32: ${means.join(', ')}.
`;
}

function scalingText(rows: readonly Row[]): string {
  return `## Time against parameters

Sine networks with four hidden layers and random weights, \`auto\`, \`--scaling\`.

${table(rows)}
`;
}
