import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Certificate } from '../compiler/certify/certificate.js';
import { type CertifiedBuild, certify } from '../compiler/certify/certify.js';
import type { BuildEngine } from '../compiler/code/engines/build-engine.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../compiler/code/engines/engine.js';
import { buildForTarget } from '../compiler/deliver/build.js';
import { loadTarget } from '../compiler/deliver/package/targets.js';
import { PinnEdgeError } from '../compiler/diagnostics.js';
import { nodeFiles } from '../compiler/host/node-files.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { Judge, type PointFunction, SEEDS } from '../compiler/judge/measure.js';
import { interiorPoints } from '../compiler/judge/points/cover.js';
import { inputBox } from '../compiler/model/box.js';
import { modelHash } from '../compiler/model/hash.js';
import { loadModel } from '../compiler/model/load.js';
import type { Model } from '../compiler/model/types.js';
import { keptCompression } from '../compiler/pipeline/compression-cache.js';
import { createOracle } from '../compiler/table/oracle/oracle.js';
import { decodeTable } from '../compiler/table/table.js';
import { runTable } from '../targets/host/wasm3.js';
import { attackAltered } from './certify-attack.js';
import { ALTERED_POINTS, type CertifyRow, certifyDocument } from './certify-document.js';
import { attackCertificate } from './certify-soundness.js';

const USAGE = `Certificates of every example, compressed and not, for wasm3 and c: npm run bench:certify, with

  --only front,burgers    what to run; default: every example
  --models <folder>       the models of that folder: pinn-edge import has to have written them as *.json
  --compress auto         auto or none; default: both
  --engine c              wasm3 or c; default: both
  --points 20000          random points per build that the observed error is the largest of, beside verify's search
  --attack 10000000       random points that rows are held against, too, beside a dense grid with evolution, and
                          altered certificates: rows that are there already are attacked as well
  --altered 200           so many tables with one bit altered per build, none of which may be above its own bound
  --kind whole            compressed, certified or whole; default: all
  --seconds 300           after so many seconds of CPU a proof ends with what it has
  --rows <file>           where rows are kept; default: build/bench-certify.jsonl
  --builds <folder>       where builds are kept; default: build/bench-certify
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
      kind: { type: 'string' },
      engine: { type: 'string' },
      points: { type: 'string', default: '20000' },
      attack: { type: 'string', default: '0' },
      altered: { type: 'string', default: '0' },
      rows: { type: 'string', default: join(PACKAGE_ROOT, 'build/bench-certify.jsonl') },
      builds: { type: 'string', default: join(PACKAGE_ROOT, 'build/bench-certify') },
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
  const { points, seconds, altered, attack } = values;
  const [p, s, a, t] = [points, seconds, altered, attack].map(Number);
  const effort = { points: p, seconds: s, altered: a, attack: t, builds: values.builds };
  for (const kind of KINDS.filter((one) => !values.kind || one === values.kind)) {
    for (const { name, load } of chosen) {
      for (const one of casesOf(name, kind).filter(isWanted)) {
        const known = readRows(file).find((row) => keyOf(row) === keyOf(one));
        const row = await attacked(load(), known ?? (await measure(load(), one, effort)), effort);
        if (row === known) continue;
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
  for (const name of [
    'front',
    'burgers',
    'poisson-wide',
    'battery-spm',
    'heat-rod',
    'tank-step',
    'kovasznay',
    'battery-health',
  ]) {
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
  attack: number;
  builds: string;
}

/** What is proved and tried of a build; kept as JSON. */
interface KeptBuild {
  /** Base64. */
  table: string;
  claims: CertifiedBuild['claims'];
  outputs: CertifiedBuild['outputs'];
  /** Of every stored value. */
  bits: number[];
  bytes: number;
  instructions?: number;
  certificate?: Certificate;
}

function fileOf({ model, compress, engine, certified, tolerance }: Case, folder: string): string {
  return join(folder, [model, compress, engine, ...(certified ? ['certified'] : []), tolerance, 'json'].join('.'));
}

async function buildOf(model: Model, one: Case, folder: string): Promise<KeptBuild> {
  const { model: name, compress, engine, certified, tolerance } = one;
  const file = fileOf(one, folder);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
  const settings = { engine, compress, tolerance, certify: certified };
  const { compiled, report, certificate } = await buildForTarget(model, loadTarget('esp32'), settings, {
    file: name,
    compressor: keptCompression,
  });
  const formats = [...compiled.quantized.formats].filter(([leaf]) => leaf.kind !== 'input');
  const kept: KeptBuild = {
    table: Buffer.from(compiled.table).toString('base64'),
    claims: compiled.lowered.claims,
    outputs: report.outputs,
    bits: formats.map(([, { bits }]) => bits),
    bytes: report.modelBytes,
    instructions: report.instructions,
    certificate,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, JSON.stringify(kept));
  return kept;
}

/** The row with what was tried against its certificate, and tables with altered bits; the same row where that is known. */
async function attacked(model: Model, row: CertifyRow, { attack, altered, builds }: Effort): Promise<CertifyRow> {
  if (row.proved === undefined) return row;
  const isOpen = { tried: attack > (row.tried?.random ?? 0), altered: altered > 0 && !row.altered };
  if (!isOpen.tried && !isOpen.altered) return row;
  const kept = await buildOf(model, row, builds);
  const { certificate } = kept;
  if (!certificate) throw new Error(`${keyOf(row)}: its certificate was not kept; measure it again`);
  const build = certifiedBuild(model, kept);
  const edge = edgeOf(model, build.table, row.engine);
  return {
    ...row,
    ...(isOpen.tried && { tried: attackCertificate(build, certificate, edge, { random: attack, grid: GRID }) }),
    ...(isOpen.altered && { altered: await attackAltered(build, somePoints(model, 0, ALTERED_POINTS), altered) }),
  };
}

/** Points of the dense grid that evolution begins from. */
const GRID = 1_000_000;

function certifiedBuild(model: Model, { table, claims, outputs }: KeptBuild): CertifiedBuild {
  const bytes = new Uint8Array(Buffer.from(table, 'base64'));
  return { model, table: bytes, claims, modelHash: modelHash(model), outputs };
}

async function measure(model: Model, one: Case, { points, seconds, builds }: Effort): Promise<CertifyRow> {
  let kept: KeptBuild;
  try {
    kept = await buildOf(model, one, builds);
  } catch (error) {
    if (!(error instanceof PinnEdgeError)) throw error;
    return { ...one, refused: error.message };
  }
  const { bytes, instructions } = kept;
  const build = certifiedBuild(model, kept);
  const observed = observe(model, edgeOf(model, build.table, one.engine), points);
  const before = process.cpuUsage();
  const spent = () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  };
  let refused: string | undefined;
  const certificate =
    (one.certified && kept.certificate) ||
    (await certify(build, { stop: () => spent() > seconds }).then(
      (done) => done.certificate,
      (error: Error) => {
        refused = error.message;
      },
    ));
  const took = spent();
  const cost = { bytes, instructions, bits: bitsOf(kept.bits) };
  if (!certificate) return { ...one, ...cost, refused };
  writeFileSync(fileOf(one, builds), JSON.stringify({ ...kept, certificate }));
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
    seconds: one.certified ? undefined : took,
    points,
    above: worst.filter((w) => w.observed > w.proved).length,
  };
}

/** The answers of a table's integers: by kernels in C, which are faster but read no tables laid out for the interpreter. */
function edgeOf(model: Model, bytes: Uint8Array, engine: BuildEngine): PointFunction {
  const table = decodeTable(bytes);
  const [inputs, outputs] = [inputWordFormats(table), outputWordFormats(table, model.outputs)];
  const oracle = createOracle(table);
  return (points) => {
    const words = toWords(points, inputs);
    const run = engine === 'c' ? runTable(bytes, words, inputs.length, outputs.length) : oracle.run(words);
    return fromWords(run.outputs, outputs);
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

function bitsOf(bits: readonly number[]): string {
  const narrow = bits.filter((n) => n === 16).length;
  return narrow === 0 ? '32' : narrow === bits.length ? '16' : `16 (${narrow} of ${bits.length})`;
}

await main();
