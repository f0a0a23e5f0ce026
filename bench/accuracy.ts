import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../compiler/code/engines/engine.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { writeFileWhole } from '../compiler/host/write-file.js';
import { loadModel } from '../compiler/index.js';
import { Judge } from '../compiler/judge/measure.js';
import { concatPoints } from '../compiler/judge/points/cover.js';
import type { Model } from '../compiler/model/types.js';
import { decodeTable } from '../compiler/table/table.js';
import { runTable } from '../targets/host/wasm3.js';
import { Builds, type SharedFormats, type Variant, wordsOf } from './accuracy-builds.js';
import { type Attack, DenseGrid } from './attack.js';
import { exampleModelFile, exampleNames } from './examples.js';
import { ManyPoints } from './many-points/many-points.js';

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
const MOST_WORK = 4e11;

/** The integers of every variant are held against those that were attacked at one point of the grid in so many. */
const COMPARED = 64;

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
  const program = new ManyPoints();
  for (const { name, model } of models(values.models, values.model?.split(','))) {
    const parameters = [...model.tensors.values()].reduce((n, { data }) => n + data.length, 1);
    const points = Math.min(Number(values.points), Math.ceil(MOST_WORK / parameters));
    let grid: DenseGrid | undefined;
    for (const tolerance of values.tol.split(',').map(Number)) {
      const builds = new Builds(model, tolerance, values.compress);
      const attacks = new Map<SharedFormats, Attack>();
      for (const variant of values.variant.split(',')) {
        const build = { model: name, tolerance, variant, compressed: values.compress };
        let row = rows.find((other) =>
          Object.entries(build).every(([key, value]) => other[key as keyof Row] === value),
        );
        if (!row) {
          grid ??= new DenseGrid(model, points);
          row = { ...build, ...(await attackBuild(model, grid, builds, build, attacks, program)) };
          rows.push(row);
          if (values.rows) appendFileSync(values.rows, `${JSON.stringify(row)}\n`);
        }
        process.stdout.write(`${line(row)}\n`);
      }
    }
  }
  program.dispose();
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

/** @param attacks those of the formats: variants with the same formats have the same integers, which is looked at */
async function attackBuild(
  model: Model,
  grid: DenseGrid,
  builds: Builds,
  { tolerance, variant }: Pick<Row, 'tolerance' | 'variant'>,
  attacks: Map<SharedFormats, Attack>,
  program: ManyPoints,
): Promise<Pick<Row, 'worst' | 'reported' | 'at' | 'points'>> {
  let formats: SharedFormats;
  try {
    formats = await builds.formatsOf(variant);
  } catch (error) {
    return { worst: 0, reported: 0, at: `refused: ${(error as Error).message}`, points: 0 };
  }
  const attack = attacks.get(formats) ?? attackFormats(model, grid, tolerance, formats, program);
  attacks.set(formats, attack);
  await requireSameIntegers(model, builds, variant, concatPoints([grid.sample(COMPARED), attack.population]));
  const reported = Math.max(...formats.built.measured.outputs.map(({ maxRelative }) => maxRelative)) / tolerance;
  const at = `${attack.output} at ${attack.at.map((x) => Number(x.toPrecision(6))).join(', ')}`;
  return { worst: attack.worst / tolerance, reported, at, points: attack.points };
}

/** Beside a jump, which depends on the tolerance, the nearer side counts. */
function attackFormats(
  model: Model,
  grid: DenseGrid,
  tolerance: number,
  { table }: SharedFormats,
  program: ManyPoints,
): Attack {
  const judge = new Judge(model);
  judge.lookForJumps(judge.roughAllowances({ all: { relative: tolerance } }));
  const { inputs, outputs } = wordFormats(model, table);
  return grid.attack(
    (points) => fromWords(program.answers(table, toWords(points, inputs)), outputs),
    (...sides) => judge.nearerSide(...sides),
    (points) => fromWords(plainWords(model, table, toWords(points, inputs)), outputs),
  );
}

function wordFormats(model: Model, table: Uint8Array) {
  const blocks = decodeTable(table);
  return { inputs: inputWordFormats(blocks), outputs: outputWordFormats(blocks, model.outputs) };
}

function plainWords(model: Model, table: Uint8Array, words: Int32Array): Int32Array {
  return runTable(table, words, model.inputs.length, model.outputs.length).outputs;
}

/** @throws where the variant's engine, on its own layout, does not answer as the table that was attacked */
async function requireSameIntegers(model: Model, builds: Builds, variant: Variant, points: Float64Array) {
  const { table } = await builds.formatsOf(variant);
  const words = toWords(points, wordFormats(model, table).inputs);
  const wanted = plainWords(model, table, words);
  const got = (await wordsOf(model, await builds.buildOf(variant)))(words);
  const place = wanted.findIndex((word, i) => word !== got[i]);
  if (place >= 0) throw new Error(`${model.name} ${variant}: other integers than its formats at point ${place}`);
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
of ranges, for more than four inputs), then differential evolution from its worst points. Values of the reference
come from SIMD, held against the reference itself at one point in 64; what evolution ends with is judged by the reference itself.

\`worst\` is the largest error that this found, in parts of the tolerance: a build keeps its promise where it is at
most 1. \`reported/worst\` is what the build said of itself, in parts of that. \`points\` are those of the grid and of
evolution together, fewer for large networks, of which they take longest. Variants that share formats (all for size or
memory; those for speed by kernels in C) have one table before it is laid out, which is attacked once, by kernels in C; every
variant's own module (under V8) or kernels, on its own layout, has to give the same integers at one point of the grid in ${COMPARED} and
at those that evolution ended with. What has no row was not attacked. The models are the examples and, with \`--models\`,
others as \`import\` writes them.

| model | tolerance | engine/goal | compressed | worst | reported/worst | points | where |
| --- | --- | --- | --- | --- | --- | --- | --- |
${cells.map((row) => `| ${row.join(' | ')} |`).join('\n')}
`;
}

await main();
