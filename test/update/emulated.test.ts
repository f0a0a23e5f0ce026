import { type ChildProcessByStdio, type SpawnSyncOptions, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DeviceClient } from '../../compiler/deliver/device/client.js';
import { openTransport } from '../../compiler/deliver/device/transport.js';
import { readImage } from '../../compiler/deliver/image/image.js';
import { PAYLOAD } from '../../compiler/deliver/image/image-format.js';
import { BARE_METAL_UPDATE } from '../../compiler/deliver/package/bare-metal.js';
import { type LoadedBuild, loadBuild } from '../../compiler/deliver/package/store.js';
import { buildFirmware } from '../../compiler/run/boards/board-firmware.js';
import { requireValidTable } from '../../compiler/table/check.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { BOARDS, EXAMPLES, exampleFile } from '../boards/setup.js';
import { startCli, temporaryFolder } from '../helpers/cli.js';
import { randoms } from '../helpers/models.js';
import { isSkippedWithout } from '../package/toolchain.js';

const folder = temporaryFolder();

const cli = (...args: string[]) => startCli(folder, ...args);

function run(command: string, args: readonly string[], options: SpawnSyncOptions) {
  const { status, stderr } = spawnSync(command, args, { ...options, encoding: 'utf8' });
  return { status, stderr };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** What a build answers to inputs of zero, by the oracle. */
function answerToZero(build: LoadedBuild): number[] {
  const oracle = createOracle(requireValidTable(build.runnable.table));
  return [...oracle.run(new Int32Array(build.report.inputs.length)).outputs];
}

/** Boards by the engine of the firmware with its own model, and of the model that replaces it. */
const CHOSEN = [
  { on: 'cortex-m4', engine: 'wasm3', next: 'wasm3' },
  { on: 'rv32imc', engine: 'wasm3', next: 'wasm3' },
  { on: 'cortex-m4', engine: 'c', next: 'c' },
  { on: 'rv32imc', engine: 'c', next: 'c' },
  // Its library runs modules and block tables.
  { on: 'cortex-m33', engine: 'wasm3+native', next: 'c' },
] as const;

const CASES = CHOSEN.flatMap((chosen) =>
  BOARDS.filter(({ name }) => name === chosen.on).map((board) => ({ ...board, ...chosen })),
);

describe.each(CASES)('on $name: $engine, replaced by $next', ({ name, engine, next, board, isSkipped }) => {
  const it = test.skipIf(isSkipped);
  const place = (example: string) => join(folder, `${name}-${engine}-${example}`);
  let emulator: ChildProcessByStdio<null, Readable, Readable> | undefined;
  let port = '';
  let said = '';

  const build = async (example: string): Promise<LoadedBuild> => {
    const options = ['--engine', example === 'burgers' ? engine : next, '--compress', 'none', '-o', place(example)];
    if (!existsSync(place(example))) {
      expect(await cli('build', exampleFile(example), '--target', name, ...options)).toMatchObject({ code: 0 });
    }
    return loadBuild(place(example));
  };

  const requireRandomAnswers = async ({ runnable }: LoadedBuild) => {
    const client = new DeviceClient(await openTransport(port));
    const info = await client.hello();
    const random = randoms(9);
    const inputs = Int32Array.from({ length: 40 * info.inputCount }, () => Math.round(random() * 2 ** 31));
    const { outputs } = await client.evaluate(info, inputs);
    client.close();
    expect(outputs).toEqual(createOracle(requireValidTable(runnable.table)).run(inputs).outputs);
  };

  beforeAll(async () => {
    if (isSkipped) return;
    for (const example of ['burgers', 'heat-rod']) await build(example);
    const header = readFileSync(join(place('burgers'), 'pinn_model.h'), 'utf8');
    const elf = buildFirmware(board, header, BARE_METAL_UPDATE, engine);
    const number = await freePort();
    port = `tcp:127.0.0.1:${number}`;
    const command = board.emulator.command.replace('-serial none', `-serial ${port},server,nowait`);
    const [program, ...args] = command.split(' ');
    emulator = spawn(program, [...args, elf], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [emulator.stdout, emulator.stderr]) {
      stream.on('data', (text) => {
        said += text;
      });
    }
    while (!said.includes('runs')) await new Promise((resolve) => setTimeout(resolve, 100));
  }, 300_000);

  // It polls its UART, which keeps a core of this machine busy.
  afterAll(() => void emulator?.kill('SIGKILL'));

  test.skipIf(isSkipped || engine === 'wasm3' || isSkippedWithout('cmake'))(
    'CMake builds the firmware without warnings',
    () => {
      const cwd = join(place('burgers'), 'firmware', BARE_METAL_UPDATE);
      const env = { ...process.env, CFLAGS: '-Werror' };
      expect(run('cmake', ['-B', 'out'], { cwd, env })).toMatchObject({ status: 0 });
      expect(run('cmake', ['--build', 'out'], { cwd, env })).toMatchObject({ status: 0, stderr: '' });
    },
    120_000,
  );

  it('burgers is replaced by heat-rod and back over the UART, while queries go on', async () => {
    const [burgers, heatRod] = ['burgers', 'heat-rod'].map((example) => loadBuild(place(example)));
    const image = readImage('model.img', readFileSync(join(place('heat-rod'), 'model.img')));
    expect(image.kind).toBe(next === 'c' ? PAYLOAD.TABLE : PAYLOAD.MODULE);
    const there = await cli('flash', place('heat-rod'), '--port', port, '--json');
    expect(there).toMatchObject({ code: 0, err: '' });
    const first = JSON.parse(there.out);
    expect(first.before).toMatchObject({ name: 'burgers', identity: burgers.report.identity, slot: 2 });
    expect(first.after).toMatchObject({ name: 'heat-rod', identity: heatRod.report.identity, slot: 0 });
    expect(first.queries.count).toBeGreaterThan(3);
    expect(first.queries.outputs).toEqual(answerToZero(burgers));
    const back = await cli('flash', place('burgers'), '--port', port, '--json');
    expect(back).toMatchObject({ code: 0, err: '' });
    const second = JSON.parse(back.out);
    expect(second.queries.count).toBeGreaterThan(3);
    expect(second.queries.outputs).toEqual(answerToZero(heatRod));
    expect(second.after).toMatchObject({ name: 'burgers', slot: 1 });
    expect((await cli('rollback', '--port', port)).out).toContain('now it runs "heat-rod"');
    // The firmware prints each model that begins to run, and would have stopped at a wrong answer of its own queries.
    expect(said).not.toContain('FAIL');
    expect(said.match(/runs \S+/g)).toEqual(['runs burgers', 'runs heat-rod', 'runs burgers', 'runs heat-rod']);
  }, 300_000);

  it('answers random points as the oracle does', () => requireRandomAnswers(loadBuild(place('heat-rod'))), 60_000);

  it('is monitored in engineering units', async () => {
    const { code, out } = await cli('monitor', place('heat-rod'), '--port', port, '--grid', 'x=0:1:3,t=0.5,alpha=0.1');
    expect(code).toBe(0);
    expect(out.trim().split('\n')).toHaveLength(4);
  }, 60_000);

  // `flash` itself compares the golden vectors. One board takes them all, and the others what takes little time.
  const sent = name === 'cortex-m4' ? EXAMPLES : ['battery-spm'];
  test.skipIf(isSkipped || engine !== 'c').each(sent)(
    '%s is sent, and answers golden vectors and random points bit for bit',
    async (example) => {
      const built = await build(example);
      const flashed = await cli('flash', place(example), '--port', port, '--json', '--force');
      expect(flashed).toMatchObject({ code: 0, err: '' });
      expect(JSON.parse(flashed.out).after).toMatchObject({ name: built.report.name, identity: built.report.identity });
      await requireRandomAnswers(built);
    },
    300_000,
  );
});
