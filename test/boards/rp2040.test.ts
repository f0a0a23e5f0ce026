import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Golden } from '../../compiler/deliver/package/golden.js';
import { buildHeader } from '../../compiler/deliver/package/header.js';
import type { LoadedBuild } from '../../compiler/deliver/package/store.js';
import { createBoardEngine } from '../../compiler/run/boards/board-engine.js';
import { buildFirmware } from '../../compiler/run/boards/board-firmware.js';
import { runRp2040 } from '../../compiler/run/boards/rp2040.js';
import { runFirmware } from '../../compiler/run/boards/run.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { decodeTable } from '../../compiler/table/table.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { BOARDS, buildInto, exampleFile } from './setup.js';

/** An RP2040 by rp2040js, which needs no emulator besides: only the ARM compiler. */

const { board, isSkipped, advice } = BOARDS.find(({ name }) => name === 'rp2040')!;
const it = test.skipIf(isSkipped);
const folder = temporaryFolder();
const builds = new Map<string, LoadedBuild>();

beforeAll(async () => {
  for (const engine of ['wasm3', 'c'] as const) {
    const place = join(folder, engine);
    builds.set(engine, await buildInto(place, exampleFile('burgers'), 'esp32', { tolerance: 1e-3, engine }));
  }
}, 300_000);

const golden = ({ directory }: LoadedBuild): Golden => JSON.parse(readFileSync(join(directory, 'golden.json'), 'utf8'));

it('has its compiler', () => {
  expect(advice).toBe('');
});

describe.each(['wasm3', 'c'])('burgers, engine %s', (engine) => {
  it('golden vectors bit for bit, and it says what they took', () => {
    const build = builds.get(engine)!;
    const run = createBoardEngine(board, build);
    const { inputWords, outputWords } = golden(build);
    expect(Array.from(run.run(Int32Array.from(inputWords.flat())).outputs)).toEqual(outputWords.flat());
    const figures = run.figures();
    expect(figures).toMatchObject({ points: inputWords.length, counts: 'cycles', board: 'rp2040' });
    expect(figures.instructions).toBeGreaterThan(build.report.macs);
    expect(figures.stackBytes).toBeLessThan(board.nativeStackBytes);
    expect(figures.ramBytes).toBeLessThan(256 * 1024);
  });
});

it('extreme and clamped words are answered like the oracle', () => {
  const build = builds.get('c')!;
  const words = Int32Array.from([-(2 ** 31), 2 ** 31 - 1, 0, 1, 12345678, -87654321]);
  const { outputs, statuses } = createOracle(decodeTable(build.runnable.table)).run(words);
  const answers = createBoardEngine(board, build).run(words);
  expect(answers.outputs).toEqual(outputs);
  expect(Array.from(answers.statuses)).toEqual(Array.from(statuses));
});

describe('the image by itself', () => {
  const imageWith = (known: Golden) => {
    const { report, runnable } = builds.get('wasm3')!;
    return buildFirmware(board, buildHeader(report, runnable.wasm, known));
  };

  it('checks the golden vectors, and says when one is wrong', () => {
    const known = golden(builds.get('wasm3')!);
    const two = { ...known, points: known.points.slice(0, 2), inputWords: known.inputWords.slice(0, 2) };
    const right = { ...two, outputWords: known.outputWords.slice(0, 2) };
    expect(runRp2040(board, imageWith(right), undefined, 60).console).toContain(
      'PASS golden vectors, every bit as built',
    );
    const wrong = { ...two, outputWords: [[known.outputWords[0][0] ^ 1], known.outputWords[1]] };
    expect(runRp2040(board, imageWith(wrong), undefined, 60).console).toContain('FAIL golden vectors');
  });

  it('is stopped when it takes too long', () => {
    const elf = imageWith(golden(builds.get('wasm3')!));
    const late = () => runFirmware(board, elf, new Int32Array(2), 0.001);
    expect(late).toThrow('the emulated board rp2040 stopped: it did not end within 1 s');
  });
});

it('simulate --on rp2040 counts cycles', () => {
  const { code, err } = cli(['simulate', join(folder, 'c'), '--grid', 'x=0,t=0.5', '--on', 'rp2040']);
  expect(code).toBe(0);
  expect(err).toMatch(/rp2040, emulated; every word as on the host \(1 points\)\n.*cycles per answer/);
});
