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
let device: ChildProcess | undefined;
let port = '';
afterAll(() => {
  device?.kill('SIGKILL');
});

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
  const program = join(folder, 'device');
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
  compileOrThrow('cc', [...C99, ...flags, ...sources, host, wasm3Object(SANITIZED), '-lm', '-o', program]);
  device = spawn(program, [], { stdio: ['ignore', 'pipe', 'inherit'] });
  port = await new Promise<string>((resolve) => {
    device!.stdout!.on('data', (text) => resolve(`tcp:127.0.0.1:${/^port (\d+)$/m.exec(String(text))![1]}`));
  });
}, 300_000);

test('takes a model over its UART, keeps it in its partition, and goes back', async () => {
  expect(await cli('flash', 'second', '--port', port)).toMatchObject({
    code: 0,
    out: expect.stringContaining('second'),
  });
  expect(await cli('flash', 'first', '--port', port)).toMatchObject({ code: 2 });
  expect(await cli('flash', 'first', '--port', port, '--force')).toMatchObject({ code: 0 });
  expect(await cli('rollback', '--port', port)).toMatchObject({ code: 0, out: expect.stringContaining('second') });
}, 120_000);
