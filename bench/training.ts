import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT, PinnEdgeError } from '../compiler/diagnostics.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { BLOCK_CASES, BLOCK_KINDS, type BlockRow, blockKey, measureBlocks } from './training-blocks.js';
import { BOARD_NAMES, type BoardRow, measureBoard } from './training-boards.js';
import { trainingDocument } from './training-document.js';
import { casesOf, keyOf, MODES, type Mode, measure, type Row, structuresOf } from './training-rows.js';

const USAGE = `Training in integers and in floating point: npm run bench:training, with

  --only poisson,boards  problems; boards, on which Poisson is learned; blocks-poisson and blocks-burgers, learned with
                         matrices in blocks; default: all
  --mode direct,wide     how they are trained; default: all
  --seeds 5              networks of each kind
  --block-seeds 10       the same of those with matrices in blocks
  --full                 the sizes of the publications: hours and days
  --fresh                run again what the cache has
  --write                docs/benchmarks-training.md from the cache, of so many seeds
  --help                 this

Emulated boards whose tools are not installed are left out. Rows are kept in build/bench-training*.jsonl as they come, so a run that was interrupted goes on where it stopped.
`;

const CACHE = join(PACKAGE_ROOT, 'build/bench-training.jsonl');
const BOARD_CACHE = join(PACKAGE_ROOT, 'build/bench-training-boards.jsonl');
const BLOCK_CACHE = join(PACKAGE_ROOT, 'build/bench-training-blocks.jsonl');
const BOARDS = 'boards';
const BLOCKS = 'blocks-';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      mode: { type: 'string', default: MODES.join(',') },
      seeds: { type: 'string', default: '5' },
      'block-seeds': { type: 'string', default: '10' },
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
  const problems = Object.keys(BLOCK_CASES);
  const names = [...cases.map(({ name }) => name), ...problems.map((problem) => BLOCKS + problem), BOARDS];
  const wanted = values.only?.split(',') ?? names;
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new PinnEdgeError('PE8101', { option: '--only', name: unknown, names: names.join(', ') });
  }
  const modes = values.mode.split(',') as Mode[];
  const strange = modes.find((mode) => !MODES.includes(mode));
  if (strange !== undefined) {
    throw new PinnEdgeError('PE8101', { option: '--mode', name: strange, names: MODES.join(', ') });
  }
  const [seeds, blockSeeds] = (['seeds', 'block-seeds'] as const).map((name) => {
    const count = Number(values[name]);
    if (Number.isInteger(count) && count >= 1) return count;
    const reason = `must be a whole number of at least 1, found ${values[name]}`;
    throw new PinnEdgeError('PE3005', { option: `--${name}`, reason });
  });
  const size = values.full ? 'full' : 'reduced';
  const isBoards = wanted.length === 1 && wanted[0] === BOARDS;
  const boards = isBoards
    ? measureBoards(values.fresh)
    : wanted.includes(BOARDS)
      ? boardsBeside(values.fresh)
      : undefined;
  const known = new Set(values.fresh ? [] : rowsIn<Row>(CACHE, keyOf).map(keyOf));
  for (let seed = 1; seed <= seeds; seed++) {
    for (const given of cases.filter(({ name }) => wanted.includes(name))) {
      for (const mode of modes) {
        for (const structure of structuresOf(mode)) {
          if (known.has(keyOf({ size, problem: given.name, mode, structure, seed }))) continue;
          keep(CACHE, measure(size, given, mode, structure, seed));
        }
      }
    }
  }
  const blocks = new Set(values.fresh ? [] : rowsIn(BLOCK_CACHE, blockKey).map(blockKey));
  for (let seed = 1; seed <= blockSeeds; seed++) {
    for (const problem of problems.filter((name) => wanted.includes(BLOCKS + name))) {
      for (const kind of BLOCK_KINDS) {
        if (!blocks.has(blockKey({ problem, kind, seed }))) keep(BLOCK_CACHE, await measureBlocks(problem, kind, seed));
      }
    }
  }
  await boards;
  if (values.write) {
    const text = trainingDocument(
      rowsIn<Row>(CACHE, keyOf).filter(({ seed }) => seed <= blockSeeds),
      rowsIn<BoardRow>(BOARD_CACHE, boardOf),
      rowsIn<BlockRow>(BLOCK_CACHE, blockKey).filter(({ seed }) => seed <= blockSeeds),
    );
    writeFileSync(join(PACKAGE_ROOT, 'docs/benchmarks-training.md'), text);
  }
}

async function measureBoards(fresh = false): Promise<void> {
  const known = new Set(fresh ? [] : rowsIn(BOARD_CACHE, boardOf).map(boardOf));
  for (const name of BOARD_NAMES) {
    const row = known.has(name) ? undefined : await measureBoard(name);
    if (row) keep(BOARD_CACHE, row);
  }
}

/** Boards are emulated by a process of their own, on the core that the trainings leave. */
async function boardsBeside(fresh = false): Promise<void> {
  const options = ['--only', BOARDS, ...(fresh ? ['--fresh'] : [])];
  const child = spawn(process.execPath, [process.argv[1], ...options], { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  if (code !== EXIT.ok) process.exitCode = code ?? EXIT.bug;
}

const boardOf = ({ board }: BoardRow) => board;

function keep(file: string, row: Row | BoardRow | BlockRow): void {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(row)}\n`);
  process.stdout.write(`${JSON.stringify(row)}\n`);
}

/** The newest row of each key. */
function rowsIn<T>(file: string, key: (row: T) => string): T[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return [...new Map(lines.map((line) => JSON.parse(line) as T).map((row) => [key(row), row])).values()];
}

try {
  await main();
} catch (error) {
  const isUsage = error instanceof PinnEdgeError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  if (!isUsage) throw error;
  process.stderr.write(`${(error as Error).message}; see --help\n`);
  process.exitCode = EXIT.badInput;
}
