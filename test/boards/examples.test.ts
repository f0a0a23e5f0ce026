import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { listBoards } from '../../compiler/boards/boards.js';
import { createBoardEngine } from '../../compiler/boards/engine.js';
import type { BoardFigures } from '../../compiler/boards/figures.js';
import type { Golden } from '../../compiler/package/golden.js';
import type { LoadedBuild } from '../../compiler/package/store.js';
import { PACKAGE_ROOT } from '../../compiler/package-root.js';
import { temporaryFolder } from '../helpers/cli.js';
import { BOARDS, buildInto, exampleFile } from './setup.js';

/**
 * Every example on every emulated board: the golden vectors bit for bit, and what they take must not grow by
 * more than 3 % beyond budgets.json; UPDATE_BUDGETS=1 writes that file anew.
 */
const TOLERANCE = 1e-3;
const EXAMPLES = readdirSync(join(PACKAGE_ROOT, 'examples')).filter((name) => existsSync(exampleFile(name)));

const BUDGET_FILE = join(PACKAGE_ROOT, 'test', 'boards', 'budgets.json');
const BUDGETED = ['instructions', 'openInstructions', 'flashBytes', 'heapBytes', 'stackBytes'] as const;
const GROWTH = 1.03;
type Budget = Record<string, Record<string, Partial<Record<(typeof BUDGETED)[number], number>>>>;

const budget: Budget = JSON.parse(readFileSync(BUDGET_FILE, 'utf8'));
const isUpdate = process.env.UPDATE_BUDGETS === '1';

const folder = temporaryFolder();
const builds = new Map<string, LoadedBuild>();

beforeAll(async () => {
  for (const name of EXAMPLES) builds.set(name, await buildInto(join(folder, name), exampleFile(name), TOLERANCE));
}, 300_000);

test('every core of the field is there', () => {
  for (const name of ['cortex-m0', 'cortex-m3', 'cortex-m4', 'cortex-m7', 'cortex-m33', 'rv32imc', 'xtensa']) {
    expect(listBoards()).toContain(name);
  }
});

describe.each(BOARDS)('$name', ({ name: boardName, board, advice, isSkipped }) => {
  const it = test.skipIf(isSkipped);

  it('has its tools', () => {
    expect(advice).toBe('');
  });

  it.each(EXAMPLES)('%s: golden vectors bit for bit, within its budget', (example) => {
    const build = builds.get(example)!;
    const golden: Golden = JSON.parse(readFileSync(join(build.directory, 'golden.json'), 'utf8'));
    const engine = createBoardEngine(board, build);
    const { outputs } = engine.run(Int32Array.from(golden.inputWords.flat()));
    expect(Array.from(outputs)).toEqual(golden.outputWords.flat());
    holdToBudget(example, boardName, engine.figures());
  });
});

function holdToBudget(example: string, board: string, figures: BoardFigures): void {
  expect(figures.memoryBytes).toBe(builds.get(example)!.report.memoryBytes);
  if (isUpdate) {
    budget[example] = { ...budget[example] };
    budget[example][board] = Object.fromEntries(BUDGETED.map((field) => [field, Math.round(figures[field])]));
    writeFileSync(BUDGET_FILE, `${JSON.stringify(budget, null, 2)}\n`);
    return;
  }
  for (const field of BUDGETED) {
    const planned = budget[example]?.[board]?.[field] ?? 0;
    const text = `${field} of ${example} on ${board}: ${figures[field]}, budget ${planned}`;
    expect(figures[field], text).toBeLessThanOrEqual(GROWTH * planned);
  }
}
