import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT, PinnEdgeError } from '../compiler/diagnostics.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { trainingDocument } from './training-document.js';
import { casesOf, keyOf, MODES, measure, type Row, STRUCTURES } from './training-rows.js';

const USAGE = `Training in integers and in floating point: npm run bench:training, with

  --only poisson,heat    problems; default: all
  --seeds 5              networks of each kind
  --full                 the sizes of the publications: hours and days
  --fresh                run again what the cache has
  --write                docs/benchmarks-training.md from the cache
  --help                 this

Rows are kept in build/bench-training.jsonl as they come, so a run that was interrupted goes on where it stopped.
`;

const CACHE = join(PACKAGE_ROOT, 'build/bench-training.jsonl');

function main(): void {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      seeds: { type: 'string', default: '5' },
      full: { type: 'boolean', default: false },
      fresh: { type: 'boolean' },
      write: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const cases = casesOf(values.full);
  const names = cases.map(({ name }) => name);
  const wanted = values.only?.split(',') ?? names;
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new PinnEdgeError('PE8101', { option: '--only', name: unknown, names: names.join(', ') });
  }
  const seeds = Number(values.seeds);
  if (!Number.isInteger(seeds) || seeds < 1) {
    const reason = `must be a whole number of at least 1, found ${values.seeds}`;
    throw new PinnEdgeError('PE3005', { option: '--seeds', reason });
  }
  const size = values.full ? 'full' : 'reduced';
  const known = new Set(values.fresh ? [] : readRows().map(keyOf));
  for (let seed = 1; seed <= seeds; seed++) {
    for (const given of cases.filter(({ name }) => wanted.includes(name))) {
      for (const mode of MODES) {
        for (const structure of STRUCTURES) {
          // In floating point merged cores are the same function of the same parameters.
          if (structure === 'merged' && (mode === 'exact' || mode === 'stein')) continue;
          if (known.has(keyOf({ size, problem: given.name, mode, structure, seed }))) continue;
          const row = measure(size, given, mode, structure, seed);
          mkdirSync(dirname(CACHE), { recursive: true });
          appendFileSync(CACHE, `${JSON.stringify(row)}\n`);
          process.stdout.write(`${JSON.stringify(row)}\n`);
        }
      }
    }
  }
  if (values.write) {
    writeFileSync(join(PACKAGE_ROOT, 'docs/benchmarks-training.md'), trainingDocument(readRows()));
  }
}

/** The newest row of each case. */
function readRows(): Row[] {
  if (!existsSync(CACHE)) return [];
  const lines = readFileSync(CACHE, 'utf8').split('\n').filter(Boolean);
  return [...new Map(lines.map((line) => JSON.parse(line) as Row).map((row) => [keyOf(row), row])).values()];
}

try {
  main();
} catch (error) {
  if (!(error instanceof PinnEdgeError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = EXIT.badInput;
}
