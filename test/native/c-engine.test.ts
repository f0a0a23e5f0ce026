import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { builtInMemory, type LoadedBuild } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { loadModel } from '../../compiler/model/load.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { createBoardEngine } from '../../compiler/run/boards/board-engine.js';
import { RP2040JS } from '../../compiler/run/boards/rp2040.js';
import { verify } from '../../compiler/run/verify.js';
import { BOARDS, buildInto, EXAMPLES, exampleFile } from '../boards/setup.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { C99, CPP11, compileOrThrow, run, WARNINGS } from '../package/toolchain.js';
import { SANITIZERS } from './walk.js';

/** Builds of the engine `c`: every example, on this machine and on the boards, bit for bit. */

const folder = temporaryFolder();
const builds = new Map<string, LoadedBuild>();

beforeAll(async () => {
  for (const name of EXAMPLES) {
    const options = { tolerance: 1e-3, engine: 'c', goal: 'speed' } as const;
    builds.set(name, await buildInto(join(folder, name), exampleFile(name), 'cortex-m4', options));
  }
}, 300_000);

describe.each(EXAMPLES)('%s', (example) => {
  it('is C99 and C++11 without warnings, and answers its golden vectors here', () => {
    const place = join(folder, example, 'c');
    const program = join(folder, `${example}.elf`);
    const sources = ['example.c', 'model.c'].map((name) => join(place, name));
    compileOrThrow('cc', [...C99, ...WARNINGS, '-O1', ...SANITIZERS, ...sources, '-o', program]);
    expect(run(program, []).stdout).toContain('golden vectors: 0 of ');
    const object = join(folder, `${example}.o`);
    compileOrThrow('c++', [...CPP11, ...WARNINGS, '-c', join(place, 'model.c'), '-o', object]);
    const called = run('nm', ['-u', object]).stdout.match(/\b[a-z_]+$/gm) ?? [];
    for (const name of called) expect(['memcpy', '__stack_chk_fail', '_GLOBAL_OFFSET_TABLE_']).toContain(name);
  });

  it('keeps its tolerance by the C kernels on this machine', async () => {
    const result = await verify(builds.get(example)!, { samples: 64 });
    expect(result).toMatchObject({ engine: 'c', pass: true });
  });
});

describe('a build on disk', () => {
  it('needs less than 2 kB of RAM, and says so', () => {
    for (const { report } of builds.values()) {
      expect(report.engine).toBe('c');
      expect(report.ramBytes).toBe(report.arenaBytes);
      expect(report.ramBytes).toBeLessThan(2048);
    }
  });

  it('takes at most 2 kB of RAM, stack included, for a network of three layers of 64 neurons', async () => {
    const front = loadModel(exampleFile('front'), nodeFiles);
    const compiled = await compile(front, { tolerance: 1e-3, engine: 'c', goal: 'memory' });
    const build = builtInMemory(compiled, packageBuild(compiled, loadTarget('cortex-m4')));
    expect(build.report.layers.filter(({ rows }) => rows === 64)).toHaveLength(3);
    const board = BOARDS.find(({ name }) => name === 'cortex-m4')!;
    const stack = board.isSkipped ? 0 : createBoardEngine(board.board, build).figures().stackBytes;
    expect(build.report.ramBytes + stack - 4 * 3).toBeLessThanOrEqual(2048);
  });

  it('is simulated by its C kernels; a module is not to be had', () => {
    const place = join(folder, 'front');
    const grid = ['--grid', 'x=-1:1:3,t=0.5'];
    const c = cli(['simulate', place, ...grid]);
    expect(c).toMatchObject({ code: 0, out: cli(['simulate', place, ...grid, '--engine', 'oracle']).out });
    const wasm3 = cli(['simulate', place, ...grid, '--engine', 'wasm3']);
    expect(wasm3).toMatchObject({ code: 2, err: expect.stringContaining('--engine c') });
  });
});

const BUDGET_FILE = join(import.meta.dirname, 'budgets.json');
const GROWTH = 1.03;
type Budget = Record<string, Record<string, Record<string, number>>>;
const budget: Budget = JSON.parse(readFileSync(BUDGET_FILE, 'utf8'));

// rp2040js is slow: it has tests of its own.
describe.each(BOARDS.filter(({ board }) => board.emulator.command !== RP2040JS))(
  '$name',
  ({ name, board, isSkipped }) => {
    test.skipIf(isSkipped).each(EXAMPLES)('%s: golden vectors bit for bit, within its budget', (example) => {
      // The engine compares every word with the oracle's.
      const { instructions, flashBytes, stackBytes } = createBoardEngine(board, builds.get(example)!).figures();
      const figures: Record<string, number> = { instructions: Math.round(instructions), flashBytes, stackBytes };
      if (process.env.UPDATE_BUDGETS === '1') {
        budget[example] = { ...budget[example], [name]: figures };
        writeFileSync(BUDGET_FILE, `${JSON.stringify(budget, null, 2)}\n`);
      }
      for (const [what, figure] of Object.entries(figures)) {
        const planned = budget[example]?.[name]?.[what] ?? 0;
        expect(figure, `${what} of ${example} on ${name}: budget ${planned}`).toBeLessThanOrEqual(GROWTH * planned);
      }
    });
  },
);
