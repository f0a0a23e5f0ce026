import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { certify } from '../compiler/certify/certify.js';
import type { BuildEngine } from '../compiler/code/engines/build-engine.js';
import { type BuiltModel, buildForTarget } from '../compiler/deliver/build.js';
import { loadTarget } from '../compiler/deliver/package/targets.js';
import { PinnEdgeError } from '../compiler/diagnostics.js';
import { approximate, approximateFast } from '../compiler/formats/search/attempt-errors.js';
import { nodeFiles } from '../compiler/host/node-files.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { Judge, type PointFunction, SEEDS } from '../compiler/judge/measure.js';
import { interiorPoints } from '../compiler/judge/points/cover.js';
import { inputBox } from '../compiler/model/box.js';
import { modelHash } from '../compiler/model/hash.js';
import { loadModel } from '../compiler/model/load.js';
import type { Model } from '../compiler/model/types.js';
import { keptCompression } from '../compiler/pipeline/compression-cache.js';
import { attackAltered } from './certify-attack.js';
import { ALTERED_POINTS, type CertifyRow, certifyDocument } from './certify-document.js';

const USAGE = `Certificates of every example, compressed and not, for wasm3 and c: npm run bench:certify, with

  --only front,burgers    what to run; default: every example
  --models <folder>       the models of that folder: pinn-edge import has to have written them as *.json
  --compress auto         auto or none; default: both
  --engine c              wasm3 or c; default: both
  --points 20000          random points per build that must not be above the bound (10000000: half an hour each)
  --altered 200           so many tables with one bit altered per build, none of which may be above its own bound
  --seconds 300           after so many seconds of CPU a proof ends with what it has
  --rows <file>           where rows are kept; default: build/bench-certify.jsonl
  --write                 docs/benchmarks-certify.md, after every row
  --help                  this

Rows are kept as they come, and those that are there are not measured again: a run that was interrupted goes on where it
stopped.
`;

const DOCUMENT = join(PACKAGE_ROOT, 'docs/benchmarks-certify.md');
const TOLERANCE = 1e-3;
const LOOSER = 3e-3;
const SKIP = 50_000;
const BLOCK = 4096;

type Case = Pick<CertifyRow, 'model' | 'compress' | 'engine' | 'certified' | 'tolerance'>;

const keyOf = (c: Case) => [c.model, c.compress, c.engine, c.certified, c.tolerance].join(' ');

function readRows(file: string): CertifyRow[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return [...new Map(lines.map((line) => JSON.parse(line) as CertifyRow).map((row) => [keyOf(row), row])).values()];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      models: { type: 'string' },
      compress: { type: 'string' },
      engine: { type: 'string' },
      points: { type: 'string', default: '20000' },
      altered: { type: 'string', default: '0' },
      rows: { type: 'string', default: join(PACKAGE_ROOT, 'build/bench-certify.jsonl') },
      seconds: { type: 'string', default: '300' },
      write: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const { rows: file, only, write } = values;
  mkdirSync(dirname(file), { recursive: true });
  const chosen = [...models(values.models)].filter(({ name }) => !only || only.split(',').includes(name));
  const isWanted = ({ compress, engine }: Case) =>
    (!values.compress || compress === values.compress) && (!values.engine || engine === values.engine);
  const effort = { points: Number(values.points), seconds: Number(values.seconds), altered: Number(values.altered) };
  for (const kind of KINDS) {
    for (const { name, load } of chosen) {
      for (const one of casesOf(name, kind).filter(isWanted)) {
        if (readRows(file).some((row) => keyOf(row) === keyOf(one))) continue;
        const row = await measure(load(), one, effort);
        appendFileSync(file, `${JSON.stringify(row)}\n`);
        process.stdout.write(`${JSON.stringify(row)}\n`);
        if (write) writeFileSync(DOCUMENT, certifyDocument(readRows(file)));
      }
    }
  }
  const text = certifyDocument(readRows(file));
  if (write) writeFileSync(DOCUMENT, text);
  else process.stdout.write(text);
}

function* models(folder: string | undefined): Generator<{ name: string; load: () => Model }> {
  if (folder) {
    for (const file of readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .sort()) {
      yield { name: file.replace(/\.json$/, ''), load: () => loadModel(join(folder, file), nodeFiles) };
    }
    return;
  }
  for (const name of ['front', 'burgers', 'poisson-wide', 'battery-spm', 'heat-rod']) {
    yield { name, load: () => loadModel(join(PACKAGE_ROOT, 'examples', name, 'model.json'), nodeFiles) };
  }
}

/** The quick ones first. */
const KINDS = ['compressed', 'certified', 'whole'] as const;

function casesOf(model: string, kind: (typeof KINDS)[number]): Case[] {
  const engines: BuildEngine[] = ['wasm3', 'c'];
  const compress = kind === 'whole' ? 'none' : 'auto';
  const certified = kind === 'certified';
  const tolerances = certified ? [TOLERANCE, LOOSER] : [TOLERANCE];
  return engines.flatMap((engine) =>
    tolerances.map((tolerance) => ({ model, compress, engine, certified, tolerance })),
  );
}

interface Effort {
  points: number;
  seconds: number;
  altered: number;
}

async function measure(model: Model, one: Case, { points, seconds, altered }: Effort): Promise<CertifyRow> {
  const { compress, engine, certified, tolerance } = one;
  const settings = { engine, compress, tolerance, certify: certified };
  let built: BuiltModel;
  try {
    built = await buildForTarget(model, loadTarget('esp32'), settings, {
      file: one.model,
      compressor: keptCompression,
    });
  } catch (error) {
    if (!(error instanceof PinnEdgeError)) throw error;
    return { ...one, refused: error.message };
  }
  const { compiled, report } = built;
  const { table, lowered } = compiled;
  // Kernels in C are faster, but read no tables that are laid out for the interpreter.
  const edge = engine === 'c' ? approximateFast(model, { lowered, tableBytes: table }) : approximate(model, lowered);
  const observed = observe(model, edge, points);
  const before = process.cpuUsage();
  const spent = () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  };
  let refused: string | undefined;
  const { outputs } = report;
  const build = { model, table, claims: lowered.claims, modelHash: modelHash(model), outputs };
  const certificate =
    built.certificate ??
    (await certify(build, { stop: () => spent() > seconds }).then(
      (done) => done.certificate,
      (error: Error) => {
        refused = error.message;
      },
    ));
  const took = spent();
  const cost = { bytes: report.modelBytes, instructions: report.instructions, bits: bitsOf(compiled) };
  if (!certificate) return { ...one, ...cost, refused };
  const worst = certificate.outputs.map(({ bound }, k) => ({
    proved: bound / observed[k].largestReference,
    observed: observed[k].maxRelative,
  }));
  const ratio = Math.max(...worst.map((w) => w.proved / w.observed));
  const k = worst.findIndex((w) => w.proved / w.observed === ratio);
  return {
    ...one,
    ...cost,
    ...worst[k],
    largestProved: Math.max(...worst.map(({ proved }) => proved)),
    shares: certificate.outputs[k].shares,
    boxes: certificate.boxes,
    seconds: built.certificate ? undefined : took,
    above: worst.filter((w) => w.observed > w.proved).length,
    ...(altered ? { altered: await attackAltered(build, somePoints(model, 0, ALTERED_POINTS), altered) } : {}),
  };
}

/** The largest errors that verify's search and random points find, relative to the largest reference of each output. */
function observe(model: Model, edge: PointFunction, points: number) {
  const judge = new Judge(model);
  const look = judge.defaultLook(SEEDS.verify);
  const { outputs } = judge.measure(edge, look);
  for (let from = 0; from < points; from += BLOCK) {
    const some = somePoints(model, from, Math.min(BLOCK, points - from));
    const [got, wanted] = [edge(some), judge.reference(some)];
    got.forEach((value, i) => {
      const output = outputs[i % outputs.length];
      output.maxAbsolute = Math.max(output.maxAbsolute, Math.abs(value - wanted[i]));
    });
  }
  return outputs.map((output) => ({ ...output, maxRelative: output.maxAbsolute / output.largestReference }));
}

function somePoints(model: Model, from: number, count: number): Float64Array {
  return interiorPoints(inputBox(model.inputs), count, SKIP + from);
}

function bitsOf({ quantized }: BuiltModel['compiled']): string {
  const bits = [...quantized.formats].filter(([leaf]) => leaf.kind !== 'input').map(([, format]) => format.bits);
  const narrow = bits.filter((n) => n === 16).length;
  return narrow === 0 ? '32' : narrow === bits.length ? '16' : `16 (${narrow} of ${bits.length})`;
}

await main();
