import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { EFFORT_LEVELS, EFFORTS, type Effort, METHODS, type Method } from '../compiler/compress/compress.js';
import { loadModel } from '../compiler/model/load.js';
import { type Model, parameterCount } from '../compiler/model/types.js';
import { nodeFiles } from '../compiler/node-files.js';
import { PACKAGE_ROOT } from '../compiler/package-root.js';
import { type CompiledModel, compile, compressOnly } from '../compiler/pipeline.js';
import { evaluateReference } from '../compiler/reference/evaluate.js';
import { inputBox, interiorPoints } from '../compiler/sample/points.js';
import { document } from './compress-document.js';
import { sineNetwork } from './sine-network.js';

/**
 * Compression of every example by every method: `npm run bench:compress`, with
 *
 *   --only front,burgers   --tol 1e-3   --method auto,svd   what to run; default: everything
 *   --models <folder>      the models of that folder as well: `pinn-edge import` has to have written them as *.json
 *   --scaling              sine networks of growing width, 1e-2, auto
 *   --effort quick         how long the searches may look
 *   --fresh                run again what the cache has
 *   --write                docs/benchmarks-compress.md from the cache
 *
 * Rows are kept in build/bench-compress.jsonl as they come, so a run that was interrupted goes on where it stopped.
 *
 * `auto` is taken through formats and tables: its bytes are those of the integer weights and biases in the module, and
 * its error is that of the module. The other methods are what the literature compares by: bytes of the weights as the
 * method stores them (16 bits, int8 with 8), the error of the float network with those weights, the whole tolerance
 * spent on it. Errors are measured on points that nothing was chosen on.
 */
export interface Row {
  group: 'example' | 'shared' | 'scaling';
  model: string;
  tolerance: number;
  method: Method;
  parameters: [before: number, after: number];
  /** Undefined where the method does not keep the tolerance. */
  bytes?: number;
  error: number;
  kernel?: number;
  seconds: number;
}

const CACHE = join(PACKAGE_ROOT, 'build/bench-compress.jsonl');
const FRESH_POINTS = 16384;
/** The pipeline's own check reads the sequence from its start. */
const FRESH_SKIP = 20000;
const SCALING_WIDTHS = [32, 64, 128, 256] as const;

interface Case {
  group: Row['group'];
  name: string;
  load: () => Model;
  tolerances: readonly number[];
  methods: readonly Method[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      tol: { type: 'string' },
      method: { type: 'string' },
      models: { type: 'string' },
      scaling: { type: 'boolean' },
      effort: { type: 'string', default: 'quick' },
      fresh: { type: 'boolean' },
      write: { type: 'boolean' },
    },
  });
  const effort = EFFORT_LEVELS.find((level) => level === values.effort) ?? 'quick';
  const only = values.only?.split(',');
  for (const { group, name, load, tolerances, methods } of cases(values)) {
    if (only && !only.includes(name)) continue;
    let model: Model | undefined;
    for (const tolerance of tolerances) {
      for (const method of methods) {
        const known =
          !values.fresh && readRows().find((row) => keyOf(row) === keyOf({ group, model: name, tolerance, method }));
        if (known) continue;
        model ??= load();
        const row = { ...(await measure(model, tolerance, method, effort)), group, model: name };
        mkdirSync(dirname(CACHE), { recursive: true });
        appendFileSync(CACHE, `${JSON.stringify(row)}\n`);
        process.stdout.write(`${JSON.stringify(row)}\n`);
      }
    }
  }
  if (values.write) writeFileSync(join(PACKAGE_ROOT, 'docs/benchmarks-compress.md'), document(readRows()));
}

function cases(values: { tol?: string; method?: string; models?: string; scaling?: boolean }): Case[] {
  const tolerances = values.tol?.split(',').map(Number);
  const methods = METHODS.filter((method) => !values.method || values.method.split(',').includes(method));
  const examples = readdirSync(join(PACKAGE_ROOT, 'examples')).filter((name) => name !== 'common');
  const { models } = values;
  const shared = models ? readdirSync(models).filter((name) => name.endsWith('.json')) : [];
  return [
    ...examples.sort().map((name): Case => {
      const load = () => loadModel(join(PACKAGE_ROOT, 'examples', name, 'model.json'), nodeFiles);
      return { group: 'example', name, load, tolerances: tolerances ?? [1e-2, 1e-3, 1e-4], methods };
    }),
    ...shared.sort().map((file): Case => {
      const load = () => loadModel(join(models!, file), nodeFiles);
      return { group: 'shared', name: file.replace(/\.json$/, ''), load, tolerances: [1e-3], methods: ['auto'] };
    }),
    ...(values.scaling ? SCALING_WIDTHS : []).map((width): Case => {
      const name = `sine 2-${width}-${width}-${width}-${width}-1`;
      return { group: 'scaling', name, load: () => sineNetwork(width), tolerances: [1e-2], methods: ['auto'] };
    }),
  ];
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

async function measure(model: Model, tolerance: number, method: Method, effort: Effort): Promise<Measured> {
  const start = performance.now();
  const before = parameterCount(model);
  const maxWork = EFFORTS[effort];
  const finish = (row: Omit<Measured, 'tolerance' | 'method' | 'seconds'>): Measured => {
    return { tolerance, method, seconds: (performance.now() - start) / 1000, ...row };
  };
  if (method === 'auto') {
    const built = await compile(model, { tolerance, compress: { method, maxWork } });
    const error = Math.max(...built.measured.outputs.map((output) => output.maxRelative));
    const { parameters, tangentKernel } = built.compressed!;
    const after = built.compressed!.model ? parameters.after : before;
    return finish({
      parameters: [before, after],
      bytes: integerBytes(built),
      error,
      kernel: tangentKernel?.distance ?? 0,
    });
  }
  const result = await compressOnly(model, { tolerance, compress: { method, share: 1, maxWork: maxWork / 8 } });
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
  for (const { leaves, bias } of quantized.blocks.values()) {
    bytes += 4 * bias.length;
    for (const { weights, weightBits } of leaves) bytes += (weights.length * weightBits) / 8;
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

await main();
