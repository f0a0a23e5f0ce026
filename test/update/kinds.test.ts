import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DeviceClient } from '../../compiler/deliver/device/client.js';
import { openTransport } from '../../compiler/deliver/device/transport.js';
import { sendImage } from '../../compiler/deliver/device/update.js';
import { readImage } from '../../compiler/deliver/image/image.js';
import { PAYLOAD } from '../../compiler/deliver/image/image-format.js';
import { startCli, temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';
import { buildDevice, type DeviceOptions, type RunningDevice, startDevice } from './device.js';

/** Devices that run modules, block tables, or both, and images of either kind, by the real commands. */

const folder = temporaryFolder();
const devices: RunningDevice[] = [];
afterAll(async () => {
  for (const { kill } of devices) await kill();
});

const cli = (...args: string[]) => startCli(folder, ...args);

const programs: Record<string, string> = {};

beforeAll(async () => {
  for (const runs of [['module'], ['table'], ['module', 'table']] as const) {
    programs[runs.join('+')] = buildDevice(folder, { runs });
  }
  for (const [name, widths, engine, version] of [
    ['module', [2, 4, 1], 'wasm3', '1'],
    ['table', [1, 12, 2], 'c', '2'],
    ['later', [3, 8, 1], 'wasm3', '3'],
  ] as const) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'model.json'), JSON.stringify({ ...perceptron([...widths]), name }));
    const options = ['--target', 'host', '--engine', engine, '--compress', 'none', '--model-version', version];
    expect(await cli('build', `${name}/model.json`, ...options, '-o', `build/${name}`)).toMatchObject({ code: 0 });
  }
  expect((await cli('keygen', '-o', 'key')).code).toBe(0);
}, 300_000);

const image = (build: string) => join(folder, 'build', build, 'model.img');

let flashes = 0;
async function device(runs: string, options: Partial<DeviceOptions> = {}): Promise<RunningDevice> {
  const started = await startDevice(programs[runs], { flash: join(folder, `flash${flashes++}`), ...options });
  devices.push(started);
  return started;
}

describe('builds of the engine c', () => {
  test('write an image of their block table', async () => {
    const file = readFileSync(image('table'));
    const report = JSON.parse(readFileSync(join(folder, 'build/table/report.json'), 'utf8'));
    expect(readImage('table', file)).toMatchObject({
      kind: PAYLOAD.TABLE,
      version: 2,
      identity: report.identity,
      memoryBytes: report.arenaBytes,
      heapBytes: 0,
    });
    expect(readImage('module', readFileSync(image('module'))).kind).toBe(PAYLOAD.MODULE);
    const { out } = await cli('inspect', 'build/table');
    expect(out).toMatch(/^\s*arena +\d+ B$/m);
    expect(out).not.toContain('wasm3 heap');
  });

  test('have no firmware for the tools of other targets', async () => {
    const options = ['--target', 'nrf52840', '--engine', 'c', '--compress', 'none', '-o', 'build/nrf'];
    expect(await cli('build', 'table/model.json', ...options)).toMatchObject({ code: 0 });
    const full = await cli('flash', 'build/nrf', '--full', '--dry-run');
    expect(full).toMatchObject({ code: 2, err: expect.stringContaining('PE9034: build/nrf has no project zephyr') });
    expect(existsSync(join(folder, 'build/nrf/firmware/pinn_edge/pe_table_engine.c'))).toBe(true);
  });
});

describe('a device with both engines', () => {
  test('goes from module to block table to module, back, and through a reset', async () => {
    const flash = join(folder, 'both');
    const { port, kill, said } = await device('module+table', { flash, builtIn: image('module') });
    for (const build of ['table', 'later']) {
      const sent = await cli('flash', `build/${build}`, '--port', port);
      expect(sent).toMatchObject({ code: 0, out: expect.stringContaining('every bit as built') });
      expect(sent.out).toMatch(/quer(y|ies) meanwhile, all alike/);
    }
    expect((await cli('rollback', '--port', port)).out).toContain('now it runs "table" version 2 from slot A');
    const points = await cli('monitor', 'build/table', '--port', port, '--grid', 'x0=-1:1:5');
    expect(points.code).toBe(0);
    for (const line of points.out.trim().split('\n').slice(1)) {
      const [, y0, reference] = line.split(',').map(Number);
      expect(Math.abs(y0 - reference)).toBeLessThan(2e-3);
    }
    expect(said().match(/runs \w+/g)).toEqual(['runs module', 'runs table', 'runs later', 'runs table']);
    await kill();
    const restarted = await device('module+table', { flash, builtIn: image('module') });
    expect(restarted.said()).toContain('runs table in slot 0');
  }, 120_000);
});

describe('a device without wasm3', () => {
  test('takes signed block tables, and neither unsigned ones nor modules', async () => {
    const key = readFileSync(join(folder, 'key.h'), 'utf8').match(/0x[0-9a-f]{2}/g)!;
    const { port, said } = await device('table', { key: key.map((byte) => byte.slice(2)).join('') });
    expect(said()).toContain('runs nothing');
    const unsigned = await cli('flash', 'build/table', '--port', port);
    expect(unsigned).toMatchObject({ code: 2, err: expect.stringContaining('PE9019') });
    const module = await cli('flash', 'build/module', '--port', port, '--key', 'key.pem');
    expect(module).toMatchObject({
      code: 2,
      err: expect.stringContaining(
        'PE9023: the firmware of the device has no engine for a module: build the model with --engine c',
      ),
    });
    expect(await cli('sign', 'build/table', '--key', 'key.pem')).toMatchObject({ code: 0 });
    expect((await cli('sign', 'build/table', '--key', 'key.pub.pem', '--check')).code).toBe(0);
    const sent = await cli('flash', 'build/table', '--port', port);
    expect(sent).toMatchObject({ code: 0, out: expect.stringContaining('runs "table" version 2 from slot A') });
  }, 120_000);
});

test.each([
  ['module', 'table'],
  ['table', 'module'],
])(
  'a device that runs a %s refuses a %s that is sent all the same',
  async (runs, other) => {
    const { port, said } = await device(runs, { builtIn: image(runs) });
    const client = new DeviceClient(await openTransport(port));
    const sending = sendImage(client, readFileSync(image(other)), { force: true });
    await expect(sending).rejects.toThrow('the firmware cannot run this kind of payload');
    expect((await client.hello()).name).toBe(runs);
    client.close();
    expect(said().match(/runs \w+/g)).toEqual([`runs ${runs}`]);
  },
  60_000,
);
