import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { words } from '../../compiler/deliver/device/client.js';
import { encodeFrame } from '../../compiler/deliver/device/frame.js';
import { COMMAND } from '../../compiler/deliver/device/protocol.js';
import { startCli, temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';
import { buildDevice, type DeviceOptions, type RunningDevice, startDevice } from './device.js';

const folder = temporaryFolder();
const closers: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
});

const cli = (...args: string[]) => startCli(folder, ...args);

let program = '';
const KEY = join(folder, 'key');

beforeAll(async () => {
  program = buildDevice(folder, { flags: ['-O1'] });
  const models: [string, number[], string, string[]][] = [
    ['first', [2, 4, 1], 'host', ['--model-version', '1']],
    ['second', [1, 32, 32, 2], 'host', ['--model-version', '2']],
    ['other-target', [2, 4, 1], 'esp32', []],
  ];
  for (const [name, widths, target, more] of models) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'model.json'), JSON.stringify({ ...perceptron(widths), name }));
    const build = await cli(
      'build',
      `${name}/model.json`,
      '--target',
      target,
      '-o',
      `build/${name}`,
      '--compress',
      'none',
      ...more,
    );
    expect(build).toMatchObject({ code: 0 });
  }
  expect(await cli('keygen', '-o', KEY)).toMatchObject({ code: 0 });
}, 300_000);

let flashes = 0;
async function device(options: Partial<DeviceOptions> = {}): Promise<RunningDevice> {
  const builtIn = join(folder, 'build/first/model.img');
  const started = await startDevice(program, { flash: join(folder, `flash${flashes++}`), builtIn, ...options });
  closers.push(started.kill);
  return started;
}

/** A TCP server; returns its port as for --port. */
function serve(onConnect: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve) => {
    const server: Server = createServer((socket) => {
      socket.on('error', () => {});
      closers.push(() => socket.destroy());
      onConnect(socket);
    });
    closers.push(() => server.close());
    server.listen(0, '127.0.0.1', () => resolve(`tcp:127.0.0.1:${(server.address() as { port: number }).port}`));
  });
}

describe('flash', () => {
  test('sends a model, verifies it, and rollback returns', async () => {
    const { port, said } = await device();
    const dry = await cli('flash', 'build/second', '--port', port, '--dry-run');
    expect(dry).toMatchObject({ code: 0, out: expect.stringContaining('would send "second" version 2') });
    const sent = await cli('flash', 'build/second', '--port', port);
    expect(sent).toMatchObject({ code: 0, err: expect.stringContaining('100 %') });
    expect(sent.out).toContain('host on ');
    expect(sent.out).toMatch(/answered \d+ quer(y|ies) meanwhile, all alike/);
    expect(sent.out).toMatch(/26 golden vectors evaluated on the device, every bit as built/);
    expect(sent.out).toContain('runs "second" version 2 from slot A');
    const again = await cli('flash', 'build/second', '--port', port);
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining('nothing was sent') });
    const points = await cli('monitor', 'build/second', '--port', port, '--grid', 'x0=-1:2:4');
    expect(points.code).toBe(0);
    expect(points.out.split('\n')[0]).toBe('x0,y0,y0_reference,y0_difference,y1,y1_reference,y1_difference');
    for (const line of points.out.trim().split('\n').slice(1)) {
      const [, y0, reference, difference] = line.split(',').map(Number);
      expect(y0 - reference).toBe(difference);
      expect(Math.abs(difference)).toBeLessThan(2e-3);
    }
    expect(points.err).toContain('warning: 1 point lies outside the input box');
    const wrong = await cli('monitor', 'build/first', '--port', port, '--grid', 'x0=0,x1=0');
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('error PE9021: the device runs "second"') });
    const back = await cli('rollback', '--port', port);
    expect(back.out).toMatch(/it ran "second" .*; now it runs "first" version 1 from the firmware/);
    const twice = await cli('rollback', '--port', port, '--json');
    expect(JSON.parse(twice.out).after).toMatchObject({ name: 'second', version: 2 });
    expect(said()).toMatch(/runs first in slot 2\nruns second in slot 0\nruns first in slot 2\nruns second in slot 0/);
    expect((await cli('flash', 'build/first', '--port', port, '--force')).code).toBe(0);
    const none = await cli('rollback', '--port', port);
    expect(none.code).toBe(0);
  }, 120_000);

  test('signed models: own key, no key, another key', async () => {
    const key = Buffer.from(
      readFileSync(`${KEY}.h`, 'utf8')
        .match(/0x[0-9a-f]{2}/g)!
        .join('')
        .replaceAll('0x', ''),
      'hex',
    );
    const { port } = await device({ key: key.toString('hex'), builtIn: '-' });
    const unsigned = await cli('flash', 'build/second', '--port', port);
    expect(unsigned).toMatchObject({
      code: 2,
      err: expect.stringContaining('error PE9019: the device takes only signed'),
    });
    expect((await cli('keygen', '-o', join(folder, 'other'))).code).toBe(0);
    const other = await cli('flash', 'build/second', '--port', port, '--key', 'other.pem');
    expect(other).toMatchObject({
      code: 2,
      err: expect.stringContaining('the signature does not belong to this image'),
    });
    expect((await cli('flash', 'build/second', '--port', port, '--key', `${KEY}.pem`)).code).toBe(0);
    // What lowers the version is for the owner of the key.
    const needsKey = { code: 2, err: expect.stringContaining('PE9027') };
    expect((await cli('flash', 'build/first', '--port', port, '--key', `${KEY}.pem`, '--force')).code).toBe(0);
    expect(await cli('rollback', '--port', port)).toMatchObject(needsKey);
    expect(await cli('rollback', '--port', port, '--key', 'other.pem')).toMatchObject({
      code: 2,
      err: expect.stringContaining('the device did not roll back: the signature does not belong'),
    });
    expect(await cli('rollback', '--port', port, '--key', `${KEY}.pem`)).toMatchObject({
      code: 0,
      out: expect.stringContaining('now it runs "second"'),
    });
    expect((await cli('sign', 'build/first', '--key', `${KEY}.pem`, '-o', 'signed.img')).code).toBe(0);
    expect((await cli('sign', 'signed.img', '--key', `${KEY}.pub.pem`, '--check')).code).toBe(0);
    const check = await cli('sign', 'signed.img', '--key', 'other.pub.pem', '--check');
    expect(check).toMatchObject({ code: 1, err: expect.stringContaining('PE9004') });
    expect(await cli('sign', 'build/first', '--key', `${KEY}.pub.pem`)).toMatchObject({
      code: 2,
      err: expect.stringContaining('PE9002'),
    });
    expect(statSync(`${KEY}.pem`).mode & 0o77).toBe(0);
    expect(await cli('keygen', '-o', KEY)).toMatchObject({ code: 2, err: expect.stringContaining('--force') });
  }, 120_000);
});

describe('bad input is one sentence', () => {
  const flash = (port: string, build = 'build/second', ...more: string[]) =>
    cli('flash', build, '--port', port, ...more);
  const sentence = (result: { code: number | null; err: string }, code: string): string => {
    expect(result.code).toBe(2);
    expect(result.err).toMatch(new RegExp(`(^|\\n)error ${code}: [^\\n]+\\n$`));
    return result.err;
  };

  test('no port, no such port, nobody there', async () => {
    sentence(await cli('flash', 'build/second'), 'PE3005');
    expect(sentence(await flash('/dev/ttyNONE'), 'PE9010')).toContain('there is no such port');
    expect(sentence(await flash('tcp:127.0.0.1:1'), 'PE9010')).toContain('nothing listens there');
    sentence(await flash('tcp:nonsense'), 'PE3005');
    sentence(await flash('tcp:127.0.0.1:99999'), 'PE9010');
    sentence(await flash(await serve(() => {})), 'PE9012');
  }, 60_000);

  test('garbage, and a line that sends back what it gets', async () => {
    const garbage = await serve((socket) => {
      const timer = setInterval(() => socket.write(Buffer.from('login: \0\x01\x02boot\r\n\0')), 20);
      socket.on('close', () => clearInterval(timer));
    });
    sentence(await flash(garbage), 'PE9013');
    sentence(await flash(await serve((socket) => void socket.pipe(socket))), 'PE9013');
  }, 60_000);

  test('wrong target, slot too small, RAM too small, older version', async () => {
    const small = await device({ slotKilobytes: 4, builtIn: '-' });
    expect(sentence(await flash(small.port, 'build/other-target'), 'PE9016')).toContain(
      'built for esp32 and the device is host',
    );
    expect(sentence(await flash(small.port), 'PE9017')).toContain('a slot of the device has 4096');
    const poor = await device({ arenaBytes: 9000, builtIn: '-' });
    expect(sentence(await flash(poor.port), 'PE9018')).toContain('the device has 9000');
    const { port } = await device();
    expect((await flash(port)).code).toBe(0);
    expect(sentence(await flash(port, 'build/first'), 'PE9020')).toContain(
      'version 2 of a model and this is version 1',
    );
    sentence(await cli('flash', 'first', '--port', port), 'PE1007');
  }, 60_000);

  test('a damaged image, no image', async () => {
    const { port } = await device();
    const image = readFileSync(join(folder, 'build/second/model.img'));
    image[1000] ^= 1;
    cpSync(join(folder, 'build/second'), join(folder, 'build/damaged'), { recursive: true });
    writeFileSync(join(folder, 'build/damaged/model.img'), image);
    expect(sentence(await flash(port, 'build/damaged'), 'PE9001')).toContain('CRC-32');
  }, 60_000);

  test('another host that begins to send another image', async () => {
    const { port } = await device();
    const [, host, number] = port.split(':');
    let budget = 1500;
    const proxy = await serve((socket) => {
      const line = connect(Number(number), host);
      line.on('error', () => {});
      socket.on('data', (data) => {
        budget -= data.length;
        // Between two packets; the answer to it has a sequence number that this host does not wait for.
        if (budget <= 0) {
          const begin = Uint8Array.from([...words([7]), COMMAND.BEGIN, ...words([1000, 1, 0])]);
          line.write(encodeFrame(begin));
          budget = Number.POSITIVE_INFINITY;
        }
        line.write(data);
      });
      line.on('data', (data) => void socket.write(data));
      socket.on('close', () => line.destroy());
    });
    expect(sentence(await flash(proxy), 'PE9026')).toContain('another host is at work on');
    expect(budget).toBe(Number.POSITIVE_INFINITY);
  }, 60_000);

  test('an interrupted transfer, which the same command resumes', async () => {
    const { port } = await device();
    const [, host, number] = port.split(':');
    let budget = 3000;
    const proxy = await serve((socket) => {
      const line = connect(Number(number), host);
      line.on('error', () => {});
      socket.on('data', (data) => {
        budget -= data.length;
        if (budget > 0) line.write(data);
        else socket.destroy();
      });
      line.on('data', (data) => void socket.write(data));
      socket.on('close', () => line.destroy());
    });
    expect(sentence(await flash(proxy), 'PE9014')).toContain('the same command goes on');
    const resumed = await flash(port);
    expect(resumed).toMatchObject({ code: 0, out: expect.stringMatching(/resumed at byte [1-9]/) });
  }, 60_000);
});
