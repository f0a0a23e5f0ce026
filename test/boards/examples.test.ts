import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Goal } from '../../compiler/code/cost/goal.js';
import { BUILD_ENGINES, type BuildEngine } from '../../compiler/code/engines/build-engine.js';
import { type Compressor, compressModel } from '../../compiler/compress/compress.js';
import type { Golden } from '../../compiler/deliver/package/golden.js';
import type { LoadedBuild } from '../../compiler/deliver/package/store.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { createBoardEngine } from '../../compiler/run/boards/board-engine.js';
import { listBoards } from '../../compiler/run/boards/boards.js';
import type { BoardFigures } from '../../compiler/run/boards/figures.js';
import { RP2040JS } from '../../compiler/run/boards/rp2040.js';
import { temporaryFolder } from '../helpers/cli.js';
import { BOARDS, buildInto, EXAMPLES, exampleFile } from './setup.js';

/**
 * Every example on every emulated board: the golden vectors bit for bit, and what they take must not grow by
 * more than 3 % beyond budgets.json; UPDATE_BUDGETS=1 writes that file anew.
 */
const TOLERANCE = 1e-3;

/** The network that other runtimes are compared with. */
const YARDSTICK = 'front';

interface Case {
  /** Key in the budget file. */
  name: string;
  engine: BuildEngine;
  file: string;
  compressed?: boolean;
  goal?: Goal;
  /** Not on every board: one for every instruction set will do, and kernels for speed need tail calls. */
  boards?: string[];
}

/** The engine `c` without compression: test/native. */
const CASES: Case[] = [
  {
    name: `${YARDSTICK} for speed`,
    engine: 'wasm3',
    file: exampleFile(YARDSTICK),
    goal: 'speed',
    boards: ['cortex-m4', 'rv32imc'],
  },
  ...EXAMPLES.map((name) => ({ name, engine: 'wasm3' as const, file: exampleFile(name) })),
  ...BUILD_ENGINES.map((engine) => ({
    name: `${YARDSTICK} compressed`,
    engine,
    file: exampleFile(YARDSTICK),
    compressed: true,
    boards: ['cortex-m4', 'rv32imc', 'xtensa'],
  })),
];

const BUDGET_FILE = join(PACKAGE_ROOT, 'test', 'boards', 'budgets.json');
const BUDGETED = ['instructions', 'openInstructions', 'flashBytes', 'heapBytes', 'stackBytes'] as const;
const GROWTH = 1.03;
/** By name, engine and board. */
type Budget = Record<string, Record<string, Record<string, Record<string, number>>>>;

const isUpdate = process.env.UPDATE_BUDGETS === '1';
const budget: Budget = JSON.parse(readFileSync(BUDGET_FILE, 'utf8'));
const measured: Budget = {};

const folder = temporaryFolder();
const builds = new Map<Case, LoadedBuild>();

/** One network is compressed, and the same for every engine. */
let compressed: ReturnType<Compressor> | undefined;
const compressOnce: Compressor = (...args) => {
  compressed ??= compressModel(...args);
  return compressed;
};

// rp2040js is slow and counts otherwise: it has tests of its own.
const EMULATED = BOARDS.filter(({ board }) => board.emulator.command !== RP2040JS);
const casesOn = (board: string) => CASES.filter(({ boards }) => !boards || boards.includes(board));

beforeAll(async () => {
  const wanted = new Set(EMULATED.flatMap(({ name, isSkipped }) => (isSkipped ? [] : casesOn(name))));
  for (const one of wanted) {
    const place = join(folder, one.name, one.engine);
    const compress = one.compressed ? { method: 'auto' as const } : undefined;
    builds.set(
      one,
      await buildInto(place, one.file, one.goal === 'speed' ? 'cortex-m4' : 'esp32', {
        tolerance: TOLERANCE,
        compress,
        compressWith: compressOnce,
        engine: one.engine,
        goal: one.goal,
      }),
    );
  }
}, 300_000);

afterAll(() => {
  if (isUpdate) writeFileSync(BUDGET_FILE, `${JSON.stringify(merged(budget, measured), null, 2)}\n`);
});

test('every core of the field is there', () => {
  for (const name of ['cortex-m0', 'cortex-m3', 'cortex-m4', 'cortex-m7', 'cortex-m33', 'rv32imc', 'xtensa']) {
    expect(listBoards()).toContain(name);
  }
});

describe.each(EMULATED)('$name', ({ name: boardName, board, advice, isSkipped }) => {
  const it = test.skipIf(isSkipped);

  it('has its tools', () => {
    expect(advice).toBe('');
  });

  it.each(casesOn(boardName))('$name, $engine: golden vectors bit for bit, within its budget', (one) => {
    const build = builds.get(one)!;
    const golden: Golden = JSON.parse(readFileSync(join(build.directory, 'golden.json'), 'utf8'));
    const engine = createBoardEngine(board, build);
    const { outputs } = engine.run(Int32Array.from(golden.inputWords.flat()));
    expect(Array.from(outputs)).toEqual(golden.outputWords.flat());
    const figures = engine.figures();
    expect(figures.memoryBytes).toBe(build.report.memoryBytes);
    if (isUpdate) record(one, boardName, figures);
    else holdToBudget(one, boardName, figures);
  });
});

function record({ name, engine }: Case, board: string, figures: BoardFigures): void {
  measured[name] ??= {};
  measured[name][engine] ??= {};
  measured[name][engine][board] = Object.fromEntries(BUDGETED.map((field) => [field, Math.round(figures[field])]));
}

function holdToBudget({ name, engine }: Case, board: string, figures: BoardFigures): void {
  for (const field of BUDGETED) {
    const planned = budget[name]?.[engine]?.[board]?.[field] ?? 0;
    const text = `${field} of ${name}, ${engine}, on ${board}: ${figures[field]}, budget ${planned}`;
    expect(figures[field], text).toBeLessThanOrEqual(GROWTH * planned);
  }
}

/** What was not measured, because a tool is missing, stays as it is. */
function merged(old: Budget, fresh: Budget): Budget {
  const result: Budget = {};
  for (const { name, engine } of CASES) {
    result[name] = { ...result[name], [engine]: { ...old[name]?.[engine], ...fresh[name]?.[engine] } };
  }
  return result;
}
