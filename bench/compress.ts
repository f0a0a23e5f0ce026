import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { EFFORT_LEVELS, EFFORTS, type Effort } from '../compiler/compress/compress-options.js';
import { EXIT, PinnEdgeError } from '../compiler/diagnostics.js';
import { nodeFiles } from '../compiler/host/node-files.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { buildIr } from '../compiler/ir/from-model.js';
import { weightSites } from '../compiler/ir/parameters.js';
import { foldGraph } from '../compiler/ir/simplify.js';
import { interiorPoints } from '../compiler/judge/points/cover.js';
import { evaluateReference } from '../compiler/judge/reference/evaluate.js';
import { inputBox } from '../compiler/model/box.js';
import { loadModel } from '../compiler/model/load.js';
import { type Model, parameterCount } from '../compiler/model/types.js';
import { compile } from '../compiler/pipeline/compile.js';
import { compressOnly } from '../compiler/pipeline/compress-only.js';
import { writeDocuments } from './compress-document.js';
import { LOOKUP_TABLES, ROWS, type Row } from './compress-rows.js';
import { exampleModelFile, exampleNames } from './examples.js';
import { lookupTable } from './lookup-table.js';
import { sineNetwork } from './sine-network.js';

const USAGE = `Compression of every example by every method: npm run bench:compress, with

  --only front,burgers   --tol 1e-3   --method auto,svd   what to run; default: everything, the quick methods first
  --models <folder>      the models of that folder: pinn-edge import has to have written them as *.json
  --scaling              sine networks of growing width, 1e-2, auto
  --effort normal        how long the searches may look
  --row-seconds 150      after so much CPU time a search ends with its best so far, as after Ctrl-C; such rows are marked
  --fresh                run again what the cache has
  --write                docs/benchmarks-compress.md from the cache, and its summary in docs/benchmarks.md
  --help                 this

Rows are kept in build/bench-compress.jsonl as they come, so a run that was interrupted goes on where it stopped.
All methods have the whole tolerance for the weights, and their bytes are those of the weights as the method stores them;
build is what then becomes of auto with formats and tables, all within the tolerance: bytes of weights, biases and function
tables in the module, error of the module; bilinear and cubic are plain tables of the outputs. Errors are measured on points that nothing was chosen on.
`;

/** The methods whose rows are quick come first. */
const ORDER: readonly Row['method'][] = [
  'int8', 'int16', 'bilinear', 'cubic', 'svd', 'spline', 'student', 'lowrank', 'prune', 'magnitude', 'tt', 'auto', 'hmatrix', 'build',
]; // biome-ignore format: one line
const CACHE = join(PACKAGE_ROOT, 'build/bench-compress.jsonl');
const FRESH_POINTS = 16384;
/** The pipeline's own check reads the sequence from its start. */
const FRESH_SKIP = 20000;
const SCALING_WIDTHS = [32, 64, 128, 256, 512] as const;

interface Case {
  group: Row['group'];
  name: string;
  load: () => Model;
  tolerances: readonly number[];
  methods: readonly Row['method'][];
}

interface Limits {
  effort: Effort;
  rowSeconds: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      tol: { type: 'string' },
      method: { type: 'string' },
      models: { type: 'string' },
      scaling: { type: 'boolean' },
      effort: { type: 'string', default: 'normal' },
      'row-seconds': { type: 'string', default: '150' },
      fresh: { type: 'boolean' },
      write: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  requireKnown('--effort', values.effort, EFFORT_LEVELS);
  requireKnown('--method', values.method, ORDER);
  const limits = {
    effort: values.effort as Effort,
    rowSeconds: numbers('--row-seconds', values['row-seconds'], Number.POSITIVE_INFINITY)[0],
  };
  const all = cases(values);
  const names = all.map(({ name }) => name);
  requireKnown('--only', values.only, names);
  const only = values.only?.split(',') ?? names;
  const wanted = all.filter(({ name }) => only.includes(name));
  for (const method of ORDER) {
    for (const { group, name, load, tolerances, methods } of wanted) {
      if (!methods.includes(method)) continue;
      for (const tolerance of tolerances) {
        const key = keyOf({ group, model: name, tolerance, method });
        if (!values.fresh && readRows().some((row) => keyOf(row) === key)) continue;
        const row = { ...(await measure(load(), tolerance, method, limits)), group, model: name };
        mkdirSync(dirname(CACHE), { recursive: true });
        appendFileSync(CACHE, `${JSON.stringify(row)}\n`);
        process.stdout.write(`${JSON.stringify(row)}\n`);
      }
    }
  }
  if (values.write) writeDocuments(readRows());
}

/** A row of a name that is not there, or of no tolerance, would not be missed in the table. */
function requireKnown(option: string, list: string | undefined, known: readonly string[]): void {
  const name = list?.split(',').find((item) => !known.includes(item));
  if (name !== undefined) throw new PinnEdgeError('PE8101', { option, name, names: known.join(', ') });
}

function numbers(option: string, list: string, below: number): number[] {
  return list.split(',').map((text) => {
    const value = Number(text);
    if (text.trim() !== '' && value > 0 && value < below) return value;
    const most = below < Number.POSITIVE_INFINITY ? ` and below ${below}` : '';
    throw new PinnEdgeError('PE3005', { option, reason: `must be numbers above 0${most}, found ${text}` });
  });
}

function cases(values: { tol?: string; method?: string; models?: string; scaling?: boolean }): Case[] {
  const tolerances = values.tol === undefined ? undefined : numbers('--tol', values.tol, 1);
  const chosen = (names: readonly Row['method'][]) =>
    names.filter((method) => !values.method || values.method.split(',').includes(method));
  const { models, scaling } = values;
  if (models) {
    const files = readdirSync(models).filter((name) => name.endsWith('.json'));
    return files.sort().map((file): Case => {
      const load = () => loadModel(join(models, file), nodeFiles);
      const name = file.replace(/\.json$/, '');
      return {
        group: 'shared',
        name,
        load,
        tolerances: tolerances ?? [1e-3],
        methods: chosen(['auto', ...LOOKUP_TABLES, 'build']),
      };
    });
  }
  if (scaling) {
    return SCALING_WIDTHS.map((width): Case => {
      const name = `sine 2-${width}-${width}-${width}-${width}-1`;
      const load = () => sineNetwork(width);
      return { group: 'scaling', name, load, tolerances: tolerances ?? [1e-2], methods: chosen(['auto']) };
    });
  }
  return exampleNames().map((name): Case => {
    const load = () => loadModel(exampleModelFile(name), nodeFiles);
    return { group: 'example', name, load, tolerances: tolerances ?? [1e-2, 1e-3, 1e-4], methods: chosen(ROWS) };
  });
}

const keyOf = ({ group, model, tolerance, method }: Pick<Row, 'group' | 'model' | 'tolerance' | 'method'>) =>
  [group, model, tolerance, method].join(' ');

/** The newest row of each case. */
function readRows(): Row[] {
  if (!existsSync(CACHE)) return [];
  const lines = readFileSync(CACHE, 'utf8').split('\n').filter(Boolean);
  return [...new Map(lines.map((line) => JSON.parse(line) as Row).map((row) => [keyOf(row), row])).values()];
}

type Measured = Omit<Row, 'group' | 'model'>;

async function measure(
  model: Model,
  tolerance: number,
  method: Row['method'],
  { effort, rowSeconds }: Limits,
): Promise<Measured> {
  const start = process.cpuUsage();
  const elapsed = () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e6;
  };
  let cut = false;
  const checkpoint = () => {
    cut ||= elapsed() > rowSeconds;
    return Promise.resolve(cut);
  };
  const before = parameterCount(model);
  const common = { maxWork: EFFORTS[effort], checkpoint };
  const finish = (row: Pick<Measured, 'bytes' | 'error' | 'kernel'>, after: number, small: Model): Measured => {
    const seconds = Number(elapsed().toFixed(1));
    const facts = { parameters: [before, after], macs: [macsOf(model), macsOf(small)], seconds, ...row } as const;
    return {
      tolerance,
      method,
      effort,
      ...facts,
      parameters: [before, after],
      macs: [...facts.macs],
      cut: cut || undefined,
    };
  };
  if (method === 'build') {
    const built = await compile(model, { tolerance, compress: { ...common, method: 'auto' } });
    const error = Math.max(...built.measured.outputs.map((output) => output.maxRelative));
    const { parameters, tangentKernel, model: small } = built.compressed!;
    const row = { bytes: built.lowered.table.pool.length, error, kernel: tangentKernel?.distance ?? 0 };
    return finish(row, small ? parameters.after : before, small ?? model);
  }
  if (method === 'bilinear' || method === 'cubic') {
    const { shape, bytes, error, reads } = lookupTable(model, tolerance, method);
    const count = model.outputs.length;
    const parameters = [before, bytes / 2] as [number, number];
    const macs = [macsOf(model), count * reads] as [number, number];
    process.stderr.write(`${model.name}: ${shape.join(' x ')} points\n`);
    return { tolerance, method, effort, parameters, macs, bytes, error, seconds: Number(elapsed().toFixed(1)) };
  }
  const result = await compressOnly(model, { tolerance, compress: { ...common, method, share: 1 } });
  const { model: small, bytes, parameters, tangentKernel, attempts } = result;
  const after = small ? parameters.after : before;
  // `auto` that leaves the network as it is counts with the bytes of the formats that keep the tolerance.
  if (small)
    return finish(
      { bytes: bytes.after, error: freshError(model, small), kernel: tangentKernel?.distance },
      after,
      small,
    );
  const rounded =
    method === 'auto' &&
    attempts.find((a) => a.bytes === bytes.after && a.kept && ['int8', 'int16', 'rounded'].includes(a.by));
  if (rounded) return finish({ bytes: bytes.after, error: rounded.error * tolerance, kernel: 0 }, after, model);
  const best = Math.min(...attempts.map((attempt) => attempt.error)) * tolerance;
  return finish({ error: best }, after, model);
}

/** Multiply-accumulates of an answer: weights of all matrices, and coefficients that splines read. */
function macsOf(model: Model): number {
  const graph = foldGraph(buildIr(model));
  const splines = graph.nodes.filter((node) => node.kind === 'spline');
  return (
    weightSites(graph).reduce((n, { weight }) => n + weight.length, 0) +
    splines.reduce((n, { width, degree, axes }) => n + width * (degree + 1) ** axes.length, 0)
  );
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

try {
  await main();
} catch (error) {
  const isUsage = error instanceof PinnEdgeError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  if (!isUsage) throw error;
  process.stderr.write(`${(error as Error).message}; see --help\n`);
  process.exitCode = EXIT.badInput;
}
