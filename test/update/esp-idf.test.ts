import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCli, temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';
import { C99, compileOrThrow, includes, STUBS, WARNINGS, wasm3Object } from '../package/toolchain.js';
import { CORE_SOURCES, MODULE_SOURCES, SANITIZED, UPDATE_SOURCES } from './fixture.js';

/** The ESP-IDF application with the update agent, with flash and UART of this machine under ESP-IDF's functions. */

const folder = temporaryFolder();
const program = join(folder, 'device');
const devices: ChildProcess[] = [];
afterAll(() => {
  for (const device of devices) device.kill('SIGKILL');
});

/** Starts the application; returns its port, or all that it says where it ends by itself. */
async function start(...args: string[]): Promise<{ port: string; said: () => string; ended: Promise<number | null> }> {
  const device = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  devices.push(device);
  let said = '';
  const ended = new Promise<number | null>((resolve) => void device.once('close', resolve));
  const port = await new Promise<string>((resolve) => {
    device.once('close', () => resolve(''));
    device.stdout.on('data', (text) => {
      said += text;
      const match = /^port (\d+)$/m.exec(said);
      if (match) resolve(`tcp:127.0.0.1:${match[1]}`);
    });
  });
  return { port, said: () => said, ended };
}

const cli = (...args: string[]) => startCli(folder, ...args);

beforeAll(async () => {
  for (const [name, widths, version] of [
    ['first', [2, 4, 1], '1'],
    ['second', [2, 6, 1], '2'],
  ] as const) {
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ ...perceptron([...widths]), name }));
    const options = ['--target', 'esp32', '--compress', 'none', '--model-version', version, '-o', name];
    expect(await cli('build', `${name}.json`, ...options)).toMatchObject({ code: 0 });
  }
  const project = join(folder, 'first/firmware/esp-idf-update');
  const library = [...CORE_SOURCES, ...MODULE_SOURCES, ...UPDATE_SOURCES];
  const sources = [
    ...['main.c', 'model_flash.c', 'agent_uart.c'].map((name) => join(project, 'main', name)),
    ...library.map((name) => join(project, 'components/pinn_edge', name)),
  ];
  const flags = [...SANITIZED, ...WARNINGS, `-I${join(project, 'main')}`, `-I${STUBS}`, ...includes()];
  const host = join(folder, 'host.o');
  compileOrThrow('cc', [
    '-std=gnu11',
    ...SANITIZED,
    `-I${STUBS}`,
    '-c',
    join(STUBS, 'esp_idf_update_host.c'),
    '-o',
    host,
  ]);
  const wrap = '-Wl,--wrap=pe_run_words';
  compileOrThrow('cc', [...C99, ...flags, ...sources, host, wasm3Object(SANITIZED), wrap, '-lm', '-o', program]);
}, 300_000);

test('takes a model over its UART, keeps it in its partition, and goes back, without waiting for it', async () => {
  const { port, said } = await start();
  expect(await cli('flash', 'second', '--port', port)).toMatchObject({
    code: 0,
    out: expect.stringContaining('second'),
  });
  expect(await cli('flash', 'first', '--port', port)).toMatchObject({ code: 2 });
  expect(await cli('flash', 'first', '--port', port, '--force')).toMatchObject({ code: 0 });
  expect(await cli('rollback', '--port', port)).toMatchObject({ code: 0, out: expect.stringContaining('second') });
  expect(said()).not.toContain('E pinn_edge');
}, 120_000);

test('without the partition it says so, runs the model of the firmware, and takes no other', async () => {
  const { port, said } = await start('no-partition');
  expect(said()).toContain('E pinn_edge: no partition "models"');
  expect(await cli('monitor', 'first', '--port', port, '--grid', 'x0=0,x1=0')).toMatchObject({ code: 0 });
  expect(await cli('flash', 'second', '--port', port)).toMatchObject({
    code: 2,
    err: expect.stringContaining('a slot of the device has 0'),
  });
  expect(await cli('rollback', '--port', port)).toMatchObject({ code: 2 });
}, 120_000);

test('without the UART it says so, and runs the model of the firmware', async () => {
  const { port, said, ended } = await start('no-uart');
  expect(await ended).toBe(0);
  expect(port).toBe('');
  expect(said()).toContain('E pinn_edge: no UART driver');
  expect(Number(/evaluated (\d+) times/.exec(said())?.[1])).toBeGreaterThanOrEqual(50);
}, 60_000);
