import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { METHODS, type Method } from '../compiler/compress/compress.js';
import { loadModel } from '../compiler/model/load.js';
import { type Model, parameterCount } from '../compiler/model/types.js';
import { nodeFiles } from '../compiler/node-files.js';
import { PACKAGE_ROOT } from '../compiler/package-root.js';
import { type CompiledModel, compile, compressOnly } from '../compiler/pipeline.js';
import { evaluateReference } from '../compiler/reference/evaluate.js';
import { inputBox, interiorPoints } from '../compiler/sample/points.js';

/**
 * Compression of every example by every method: `npm run bench:compress [-- --only front,burgers --tol 1e-3]`.
 *
 * `auto` is taken through formats and tables: its bytes are those of the integer weights and biases in the module, and
 * its error is that of the module. The other methods are what the literature compares by: bytes of the weights as the
 * method stores them (16 bits, int8 with 8), the error of the float network with those weights, the whole tolerance
 * spent on it. Errors are measured on points that nothing was chosen on.
 */
interface Row {
  model: string;
  tolerance: number;
  method: Method;
  parameters: [before: number, after: number];
  bytes?: number;
  error: number;
  kernel?: number;
  seconds: number;
}

const FRESH_POINTS = 16384;
/** The pipeline's own check reads the sequence from its start. */
const FRESH_SKIP = 20000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      tol: { type: 'string' },
      method: { type: 'string' },
      write: { type: 'boolean' },
    },
  });
  const folder = join(PACKAGE_ROOT, 'examples');
  const names =
    values.only?.split(',') ??
    readdirSync(folder)
      .filter((name) => name !== 'common')
      .sort();
  const tolerances = values.tol?.split(',').map(Number) ?? [1e-2, 1e-3, 1e-4];
  const methods = METHODS.filter((method) => !values.method || values.method.split(',').includes(method));
  const rows: Row[] = [];
  for (const name of names) {
    const model = loadModel(join(folder, name, 'model.json'), nodeFiles);
    for (const tolerance of tolerances) {
      for (const method of methods) {
        const row = await measure(model, tolerance, method);
        rows.push(row);
        process.stdout.write(`${line(row)}\n`);
      }
    }
  }
  if (values.write) {
    mkdirSync(join(PACKAGE_ROOT, 'docs'), { recursive: true });
    writeFileSync(join(PACKAGE_ROOT, 'docs/benchmarks-compress.md'), document(rows));
  }
}

async function measure(model: Model, tolerance: number, method: Method): Promise<Row> {
  const start = performance.now();
  const before = parameterCount(model);
  const finish = (row: Omit<Row, 'model' | 'tolerance' | 'method' | 'seconds'>): Row => {
    return { model: model.name, tolerance, method, seconds: (performance.now() - start) / 1000, ...row };
  };
  if (method === 'auto') {
    const built = await compile(model, { tolerance, compress: { method } });
    const [after, bytes] = [built.compressed!.parameters.after, integerBytes(built)];
    const error = Math.max(...built.measured.outputs.map((output) => output.maxRelative));
    return finish({ parameters: [before, after], bytes, error, kernel: built.compressed!.tangentKernel?.distance });
  }
  const result = await compressOnly(model, { tolerance, compress: { method, share: 1 } });
  const best = Math.min(...result.attempts.map((attempt) => attempt.error)) * tolerance;
  const kept = result.model !== undefined;
  return finish({
    parameters: [before, result.parameters.after],
    bytes: kept ? result.bytes.after : undefined,
    error: kept ? freshError(model, result.model!) : best,
    kernel: result.tangentKernel?.distance,
  });
}

/** Bytes of integer weights and of 32-bit biases. */
function integerBytes({ quantized }: CompiledModel): number {
  let bytes = 0;
  for (const [node, format] of quantized.affine) {
    if (node.kind === 'affine') bytes += (format.weights.length * format.weightBits) / 8 + 4 * format.bias.length;
  }
  return bytes;
}

function freshError(model: Model, small: Model): number {
  const points = interiorPoints(inputBox(model.inputs), FRESH_POINTS, FRESH_SKIP);
  const [wanted, got] = [evaluateReference(model, points), evaluateReference(small, points)];
  const width = model.outputs.length;
  const errors = new Array<number>(width).fill(0);
  const largest = new Array<number>(width).fill(0);
  wanted.forEach((value, i) => {
    errors[i % width] = Math.max(errors[i % width], Math.abs(got[i] - value));
    largest[i % width] = Math.max(largest[i % width], Math.abs(value));
  });
  return Math.max(...errors.map((error, k) => error / largest[k]));
}

function cells({
  model,
  tolerance,
  method,
  parameters: [before, after],
  bytes,
  error,
  kernel,
  seconds,
}: Row): string[] {
  return [
    model,
    tolerance.toExponential(0),
    method,
    before.toLocaleString('en-US'),
    bytes === undefined ? '' : after.toLocaleString('en-US'),
    bytes === undefined ? 'none keeps it' : Math.round(bytes).toLocaleString('en-US'),
    bytes === undefined ? '' : `${((4 * before) / bytes).toPrecision(3)}x`,
    error.toExponential(1),
    kernel === undefined ? '' : kernel.toPrecision(2),
    seconds.toFixed(1),
  ];
}

const line = (row: Row) => cells(row).join('  ');

function document(rows: readonly Row[]): string {
  const head = ['model', 'tolerance', 'method', 'parameters', 'left', 'bytes', 'smaller', 'error', 'NTK distance', 's'];
  const table = [head, head.map(() => '---'), ...rows.map(cells)].map((row) => `| ${row.join(' | ')} |`);
  return `# Compression

Made by \`npm run bench:compress -- --write\`. The tolerance is the largest error over the input box divided by the largest
output; a relative L2 error of more than a third of it counts as exceeded too. \`smaller\` is against float32 weights.

- \`auto\`: bytes of the integer weights and biases in the built module, error of the module itself.
- The other methods get the whole tolerance for the weights alone: \`prune\`, \`lowrank\` and \`svd\` are counted with 16 bits
  per weight, \`magnitude\` with 16 and an 8-bit column step, \`int8\` and \`int16\` with their own width; biases with 32 bits.
  \`none keeps it\`: the error is the smallest that the method reached.
- Errors are measured on points that the compression never saw. Seconds depend on the machine; nothing else does.

${table.join('\n')}
`;
}

await main();
