import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Goal } from '../compiler/code/cost/goal.js';
import type { BuildEngine } from '../compiler/code/engines/build-engine.js';
import { createEngine } from '../compiler/code/engines/create.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../compiler/code/engines/engine.js';
import { linearMemoryBytes } from '../compiler/code/linear-memory.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { writeFileWhole } from '../compiler/host/write-file.js';
import { type CompiledModel, compile, loadModel } from '../compiler/index.js';
import { Judge, type PointFunction } from '../compiler/judge/measure.js';
import type { Model } from '../compiler/model/types.js';
import { type Attack, DenseGrid } from './attack.js';
import { exampleModelFile, exampleNames } from './examples.js';

/** `npm run bench:accuracy`: builds are attacked by a search of another kind; see attack.ts. */

const HELP = `Attacks builds by a dense grid and differential evolution, and compares with what they report.

  npm run bench:accuracy -- [options]

  --models <folder>     pinn-edge/1 files (*.json) instead of the examples
  --model <name>        only these, separated by commas
  --tol <list>          tolerances (default: 1e-2,1e-3,1e-4)
  --variant <list>      engine/goal pairs (default: wasm3/size,wasm3/speed,wasm3/memory,wasm3+native/speed,c/size,c/speed)
  --compress            compress as build does; default: not
  --points <n>          points of the grid (default: 4000000)
  --rows <file>         keep rows in this file as they are found, and take from it those that are there
  --write               write docs/benchmarks-accuracy.md, with all rows of the file

Exit code 1 where a point beyond the tolerance was found.
`;

interface Row {
  model: string;
  tolerance: number;
  variant: string;
  compressed: boolean;
  /** Worst error that the attack found, and that the build reported, in parts of the tolerance. */
  worst: number;
  reported: number;
  at: string;
  points: number;
}

const VARIANTS = ['wasm3/size', 'wasm3/speed', 'wasm3/memory', 'wasm3+native/speed', 'c/size', 'c/speed'] as const;

/** Rough multiply-adds that an attack may take: of large networks fewer points are looked at. */
const MOST_WORK = 1.4e11;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      models: { type: 'string' },
      model: { type: 'string' },
      tol: { type: 'string', default: '1e-2,1e-3,1e-4' },
      variant: { type: 'string', default: VARIANTS.join() },
      compress: { type: 'boolean', default: false },
      points: { type: 'string', default: '4000000' },
      rows: { type: 'string' },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const rows = values.rows && existsSync(values.rows) ? rowsIn(values.rows) : [];
  for (const { name, model } of models(values.models, values.model?.split(','))) {
    const parameters = [...model.tensors.values()].reduce((n, { data }) => n + data.length, 1);
    const points = Math.min(Number(values.points), Math.ceil(MOST_WORK / parameters));
    let grid: DenseGrid | undefined;
    const attacks = new Map<string, Attack>();
    for (const tolerance of values.tol.split(',').map(Number)) {
      for (const variant of values.variant.split(',')) {
        const build = { model: name, tolerance, variant, compressed: values.compress };
        let row = rows.find((other) =>
          Object.entries(build).every(([key, value]) => other[key as keyof Row] === value),
        );
        if (!row) {
          grid ??= new DenseGrid(model, points);
          row = { ...build, ...(await attackBuild(model, grid, build, attacks)) };
          rows.push(row);
          if (values.rows) appendFileSync(values.rows, `${JSON.stringify(row)}\n`);
        }
        process.stdout.write(`${line(row)}\n`);
      }
    }
  }
  if (values.write) writeFileWhole(join(PACKAGE_ROOT, 'docs/benchmarks-accuracy.md'), documentOf(rows));
  if (rows.some(({ worst }) => worst > 1)) process.exitCode = 1;
}

function rowsIn(file: string): Row[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((text) => text).map((text) => JSON.parse(text) as Row);
}

function* models(folder: string | undefined, names: readonly string[] | undefined) {
  const files = folder
    ? readdirSync(folder)
        .filter((file) => file.endsWith('.json'))
        .map((file) => ({ name: file.replace(/\.json$/, ''), file: join(folder, file) }))
    : exampleNames().map((name) => ({ name, file: exampleModelFile(name) }));
  for (const { name, file } of files.sort((a, b) => a.name.localeCompare(b.name))) {
    if (!names || names.includes(name)) yield { name, model: loadModel(file) };
  }
}

/** @param attacks those of the model's block tables: builds that have the same table have the same integers */
async function attackBuild(
  model: Model,
  grid: DenseGrid,
  { tolerance, variant, compressed }: Pick<Row, 'tolerance' | 'variant' | 'compressed'>,
  attacks: Map<string, Attack>,
): Promise<Pick<Row, 'worst' | 'reported' | 'at' | 'points'>> {
  const [engine, goal] = variant.split('/') as [BuildEngine, Goal];
  try {
    const built = await compile(model, { tolerance, engine, goal, compress: compressed ? {} : undefined });
    const key = `${tolerance} ${createHash('sha256').update(built.table).digest('hex')}`;
    const attack = attacks.get(key) ?? (await attackTable(model, grid, tolerance, built));
    attacks.set(key, attack);
    const reported = Math.max(...built.measured.outputs.map(({ maxRelative }) => maxRelative)) / tolerance;
    const at = `${attack.output} at ${attack.at.map((x) => Number(x.toPrecision(6))).join(', ')}`;
    return { worst: attack.worst / tolerance, reported, at, points: attack.points };
  } catch (error) {
    return { worst: 0, reported: 0, at: `refused: ${(error as Error).message}`, points: 0 };
  }
}

/** Beside a jump, which depends on the tolerance, the nearer side counts. */
async function attackTable(model: Model, grid: DenseGrid, tolerance: number, built: CompiledModel): Promise<Attack> {
  const judge = new Judge(model);
  judge.lookForJumps(judge.roughAllowances({ all: { relative: tolerance } }));
  return grid.attack(await edgeOf(built), (...sides) => judge.nearerSide(...sides));
}

/** The module itself under V8, or the kernels in C: the same integers. */
async function edgeOf({ model, wasm, table, lowered, engine, goal }: CompiledModel): Promise<PointFunction> {
  const inModule = engine === 'wasm3' && goal === 'speed';
  const running = await createEngine(inModule ? 'v8' : 'c', {
    wasm,
    table,
    memoryBytes: linearMemoryBytes(table.length, lowered.table.arenaBytes),
    inputCount: model.inputs.length,
    outputCount: model.outputs.length,
    wasm3: { stackBytes: 4096, tailCalls: true },
  });
  const inputs = inputWordFormats(lowered.table);
  const outputs = outputWordFormats(lowered.table, model.outputs);
  return (points) => fromWords(running.run(toWords(points, inputs)).outputs, outputs);
}

function line({ model, tolerance, variant, compressed, worst, reported, at }: Row): string {
  const name = `${model} ${tolerance} ${variant}${compressed ? ' compressed' : ''}`.padEnd(48);
  if (reported === 0 && worst === 0) return `${name} ${at}`;
  return `${name} worst/tolerance ${worst.toFixed(3)}  reported/worst ${(reported / worst).toFixed(3)}  ${at}`;
}

function documentOf(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.model,
    String(row.tolerance),
    row.variant,
    row.compressed ? 'yes' : 'no',
    row.worst > 0 ? row.worst.toFixed(3) : '-',
    row.worst > 0 ? (row.reported / row.worst).toFixed(3) : '-',
    row.points.toLocaleString('en-US'),
    row.at,
  ]);
  return `# Accuracy: builds attacked

Made by \`npm run bench:accuracy -- --rows <file> --write\`. Every build is searched for its largest error by a method that shares nothing
with the one that builds and \`verify\` use: a dense grid over the input box (random points, of which coordinates are at ends
of ranges, for more than four inputs), then differential evolution from its worst points. Values of the reference on the
grid come from SIMD, held against the reference itself at one point in 64; in evolution they are the reference's.

\`worst\` is the largest error that this found, in parts of the tolerance: a build keeps its promise where it is at
most 1. \`reported/worst\` is what the build said of itself, in parts of that. \`points\` are those of the grid and of
evolution together, fewer for large networks, of which they take longest. Builds whose block tables are the same are
attacked once; what has no row was not attacked. The models are the examples and, with \`--models\`, others as \`import\` writes them.

| model | tolerance | engine/goal | compressed | worst | reported/worst | points | where |
| --- | --- | --- | --- | --- | --- | --- | --- |
${cells.map((row) => `| ${row.join(' | ')} |`).join('\n')}
`;
}

await main();
