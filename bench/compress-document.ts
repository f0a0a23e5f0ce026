import { METHODS } from '../compiler/compress/compress.js';
import type { Row } from './compress.js';

/** docs/benchmarks-compress.md from the rows of `npm run bench:compress`. */
export function document(rows: readonly Row[]): string {
  const examples = rows.filter((row) => row.group === 'example').sort(byCase);
  const shared = rows.filter((row) => row.group === 'shared').sort(byCase);
  const scaling = rows.filter((row) => row.group === 'scaling').sort((a, b) => a.parameters[0] - b.parameters[0]);
  return `# Compression

Made by \`npm run bench:compress -- --write\`. The tolerance is the largest error over the input box divided by the largest
output; a relative L2 error of more than a third of it counts as exceeded too. \`smaller\` is against float32 weights.

- \`auto\`: bytes of the integer weights and biases in the built module, error of the module itself. 0 for the distance of
  the tangent kernel means that the network was left as it is and only its formats were chosen.
- The other methods get the whole tolerance for the weights alone, and are refined after the structural step: bytes with 16
  bits per weight, \`magnitude\` with 16 and an 8-bit column step, \`int8\` and \`int16\` with their own width; biases with 32
  bits. \`none keeps it\`: the error is the smallest that the method reached.
- Errors are measured on points that the compression never saw. NTK distance: ||Theta - Theta_H||_F / ||Theta||_F on sample
  points. Seconds depend on the machine and on what else it does; nothing else does. Searches had \`--effort quick\`.

## Bytes at equal error

${bytesTable(examples)}

## Every row

${table(examples)}
${shared.length ? `\n${sharedText(shared)}` : ''}${scaling.length ? `\n${scalingText(scaling)}` : ''}`;
}

function byCase(a: Row, b: Row): number {
  const order = METHODS.indexOf(a.method) - METHODS.indexOf(b.method);
  return a.model.localeCompare(b.model) || b.tolerance - a.tolerance || order;
}

const thousands = (value: number) => Math.round(value).toLocaleString('en-US');
const ratioOf = ({ parameters: [before], bytes }: Row) => (4 * before) / bytes!;

function markdown(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows;
  return [head, head.map(() => '---'), ...body].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** One line per example and tolerance, one column per method. */
function bytesTable(rows: readonly Row[]): string {
  const methods = METHODS.filter((method) => rows.some((row) => row.method === method));
  const lines = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.model} ${row.tolerance}`;
    lines.set(key, [...(lines.get(key) ?? []), row]);
  }
  const cell = (row: Row | undefined) => (row ? (row.bytes === undefined ? 'none' : thousands(row.bytes)) : '');
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
    ['model', 'tolerance', 'method', 'parameters', 'left', 'bytes', 'smaller', 'error', 'NTK distance', 's'],
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
        row.seconds.toFixed(1),
      ];
    }),
  ]);
}

function sharedText(rows: readonly Row[]): string {
  const mean = Math.exp(rows.reduce((sum, row) => sum + Math.log(ratioOf(row)), 0) / rows.length);
  return `## Networks by other people

Imported with \`pinn-edge import\` into a folder that \`--models\` names; they are not part of this repository.

${table(rows)}

Geometric mean: ${mean.toPrecision(3)}x smaller than float32.
`;
}

function scalingText(rows: readonly Row[]): string {
  return `## Time against parameters

Sine networks with four hidden layers and random weights, \`auto\`, \`--scaling\`.

${table(rows)}
`;
}
