import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DeviceClient, type DeviceInfo, words } from '../../compiler/deliver/device/client.js';
import { decodeFrame, encodeFrame, FrameReader } from '../../compiler/deliver/device/frame.js';
import { permit } from '../../compiler/deliver/device/permit.js';
import { ANSWER, BEGIN_FLAG, type COMMAND, DEVICE } from '../../compiler/deliver/device/protocol.js';
import { openTransport, type Transport } from '../../compiler/deliver/device/transport.js';
import { sendImage } from '../../compiler/deliver/device/update.js';
import { readImage } from '../../compiler/deliver/image/image.js';
import { UPDATE } from '../../compiler/deliver/image/image-format.js';
import { rawPublicKey, signImage } from '../../compiler/deliver/image/keys.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { temporaryFolder } from '../helpers/cli.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { smallModel } from '../package/fixture.js';
import { buildDevice, type DeviceOptions, type RunningDevice, startDevice } from './device.js';
import { imageOf } from './fixture.js';

/** Who is on the line besides one host that means well: another host, an echo, a host without the key. */

const folder = temporaryFolder();
const keys = generateKeyPairSync('ed25519');
const otherKeys = generateKeyPairSync('ed25519');
const closers: (() => unknown)[] = [];
let program = '';
/** Versions 3, 4 and 5 of three models. */
let images: Uint8Array[];
const builtIn = join(folder, 'old.img');

beforeAll(async () => {
  const models = [await smallModel()];
  for (const [name, width] of [['newer', 5] as const, ['newest', 6] as const]) {
    models.push(await compile(modelFrom({ ...perceptron([3, width, 1], 'sin'), name }), { tolerance: 1e-3 }));
  }
  images = models.map((model, i) => imageOf(model, { version: 3 + i }));
  writeFileSync(builtIn, images[0]);
  program = buildDevice(folder);
}, 300_000);

afterAll(async () => {
  for (const close of closers) await close();
});

let flashes = 0;
async function device(options: Partial<DeviceOptions> = {}): Promise<RunningDevice> {
  const started = await startDevice(program, { flash: join(folder, `hosts${flashes++}`), builtIn, ...options });
  closers.push(started.kill);
  return started;
}

async function connect(port: string): Promise<DeviceClient> {
  const client = new DeviceClient(await openTransport(port));
  closers.push(() => client.close());
  return client;
}

const resultOf = (name: keyof typeof UPDATE) => ({ result: UPDATE[name].value });

/** A line on which every host hears all that the device says, as behind a serial server. */
async function hub(port: string): Promise<string> {
  const sockets = new Set<Socket>();
  const line = await openTransport(port);
  line.onData((bytes) => {
    for (const socket of sockets) socket.write(bytes);
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => line.write(bytes));
    socket.on('close', () => sockets.delete(socket));
  });
  closers.push(
    () => server.close(),
    () => line.close(),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `tcp:127.0.0.1:${(server.address() as { port: number }).port}`;
}

describe('an echo', () => {
  test('of what the device says: it does not answer answers', async () => {
    const { port } = await device();
    const line = await openTransport(port);
    const frames = new FrameReader();
    let heard = 0;
    line.onData((bytes) => {
      heard += frames.push(bytes).length;
      line.write(bytes);
    });
    const client = new DeviceClient(line);
    closers.push(() => client.close());
    for (let requests = 1; requests <= 20; requests++) {
      await client.hello();
      expect(heard).toBe(requests);
    }
  }, 60_000);

  test('of what the host says: it waits for the answer all the same', async () => {
    const { port } = await device();
    const line = await openTransport(port);
    let listener = (_: Uint8Array) => {};
    line.onData((bytes) => listener(bytes));
    let written = 0;
    const echoing: Transport = {
      ...line,
      write(bytes) {
        written++;
        listener(bytes);
        line.write(bytes);
      },
      onData(wanted) {
        listener = wanted;
      },
    };
    const client = new DeviceClient(echoing);
    closers.push(() => client.close());
    const { requests } = await sendImage(client, images[1]);
    // And one HELLO; a repeat would be one more.
    expect(written).toBe(requests + 1);
  }, 60_000);
});

describe('two hosts on one line', () => {
  test('the one whose transfer was taken over is told so', async () => {
    const { port } = await device();
    const shared = await hub(port);
    const [first, second] = [await connect(shared), await connect(shared)];
    let begun = false;
    const run = async () => {
      if (begun) return;
      begun = true;
      const { crc } = readImage('other', images[2]);
      expect(await second.request('BEGIN', words([images[2].length, crc, 0]))).toMatchObject(resultOf('OK'));
    };
    await expect(sendImage(first, images[1], { between: { bytes: 700, run } })).rejects.toMatchObject({
      code: 'PE9026',
    });
    expect(begun).toBe(true);
    await sendImage(second, images[2]);
    expect(await first.hello()).toMatchObject({ name: 'newest', version: 5 });
  }, 60_000);

  test('the one that finds another model committed meanwhile is told so', async () => {
    const { port } = await device();
    const shared = await hub(port);
    const [first, second] = [await connect(shared), await connect(shared)];
    let sent = false;
    const run = async () => {
      if (sent) return;
      sent = true;
      await sendImage(second, images[1]);
    };
    await expect(sendImage(first, images[2], { between: { bytes: 700, run } })).rejects.toMatchObject({
      code: 'PE9026',
    });
    expect(await second.hello()).toMatchObject({ name: 'newer', version: 4 });
  }, 60_000);

  test('with the same image both come to their end', async () => {
    const { port } = await device();
    const shared = await hub(port);
    const [first, second] = [await connect(shared), await connect(shared)];
    const [one, two] = await Promise.all([sendImage(first, images[1]), sendImage(second, images[1])]);
    expect([one.slot, two.slot]).toEqual([0, 0]);
    expect(await first.hello()).toMatchObject({ name: 'newer', sequence: 2 });
  }, 60_000);

  test('neither DATA nor FINISH of another transfer is taken', async () => {
    const { port } = await device();
    const client = await connect(port);
    const { crc } = readImage('new', images[1]);
    await client.request('BEGIN', words([images[1].length, crc, 0]));
    expect(await client.request('DATA', words([crc ^ 1, 0, 7]))).toMatchObject(resultOf('TAKEN'));
    expect(await client.request('FINISH', words([crc ^ 1]))).toMatchObject(resultOf('TAKEN'));
    expect(await client.request('DATA', words([crc]))).toMatchObject(resultOf('REQUEST'));
    expect((await sendImage(client, images[1])).slot).toBe(0);
  }, 60_000);
});

describe('what lowers the version', () => {
  const publicKey = Buffer.from(rawPublicKey(keys.publicKey)).toString('hex');
  const signed = (i: number) => signImage(images[i], keys.privateKey);

  test('is asked for once, without a key too', async () => {
    const client = await connect((await device()).port);
    const before = await client.hello();
    await sendImage(client, images[1]);
    expect(await client.request('ROLLBACK', permit(before, 'ROLLBACK', 0))).toMatchObject(resultOf('TAKEN'));
    const after = await client.hello();
    expect(await client.request('ROLLBACK', permit(after, 'ROLLBACK', 0))).toMatchObject(resultOf('OK'));
    expect(await client.request('ROLLBACK', permit(after, 'ROLLBACK', 0))).toMatchObject(resultOf('TAKEN'));
    expect(await client.hello()).toMatchObject({ version: 3 });
  }, 60_000);

  test('takes the key where one is built in: rollback', async () => {
    const client = await connect((await device({ key: publicKey, builtIn: '-' })).port);
    for (const i of [0, 1]) await sendImage(client, signed(i));
    const info = await client.hello();
    const roll = (body: Uint8Array) => client.request('ROLLBACK', body);
    const good = permit(info, 'ROLLBACK', 0, keys.privateKey);
    expect(() => permit(info, 'ROLLBACK', 0)).toThrow('give the private key with --key');
    expect(await roll(words([info.sequence]))).toMatchObject(resultOf('UNSIGNED'));
    expect(await roll(good.subarray(0, -1))).toMatchObject(resultOf('UNSIGNED'));
    expect(await roll(permit(info, 'ROLLBACK', 0, otherKeys.privateKey))).toMatchObject(resultOf('SIGNATURE'));
    // Signed for something else: another command, image, running model, device state.
    expect(await roll(permit(info, 'BEGIN', 0, keys.privateKey))).toMatchObject(resultOf('SIGNATURE'));
    expect(await roll(permit(info, 'ROLLBACK', 1, keys.privateKey))).toMatchObject(resultOf('SIGNATURE'));
    const elsewhere: DeviceInfo = { ...info, imageCrc: info.imageCrc ^ 1 };
    expect(await roll(permit(elsewhere, 'ROLLBACK', 0, keys.privateKey))).toMatchObject(resultOf('SIGNATURE'));
    expect(await client.hello()).toMatchObject({ version: 4, sequence: info.sequence });
    expect(await roll(good)).toMatchObject(resultOf('OK'));
    // Recorded on the line and sent again.
    expect(await roll(good)).toMatchObject(resultOf('TAKEN'));
    const later = await client.hello();
    expect(later).toMatchObject({ version: 3 });
    const worn = Uint8Array.from([...words([later.sequence]), ...good.subarray(4)]);
    expect(await roll(worn)).toMatchObject(resultOf('SIGNATURE'));
  }, 60_000);

  test('takes the key where one is built in: an older image by force', async () => {
    const client = await connect((await device({ key: publicKey, builtIn: '-' })).port);
    for (const i of [0, 1]) await sendImage(client, signed(i));
    const { crc } = readImage('old', signed(0));
    const info = await client.hello();
    const forced = (rest: Uint8Array, flags: number = BEGIN_FLAG.FORCE) =>
      client.request('BEGIN', Uint8Array.from([...words([images[0].length, crc, flags]), ...rest]));
    expect(await forced(new Uint8Array())).toMatchObject(resultOf('REQUEST'));
    expect(await forced(words([info.sequence]))).toMatchObject(resultOf('UNSIGNED'));
    expect(await forced(permit(info, 'BEGIN', crc ^ 1, keys.privateKey))).toMatchObject(resultOf('SIGNATURE'));
    expect(await forced(permit(info, 'ROLLBACK', crc, keys.privateKey))).toMatchObject(resultOf('SIGNATURE'));
    await expect(sendImage(client, signed(0), { force: true })).rejects.toMatchObject({ code: 'PE9027' });
    await expect(sendImage(client, signed(0))).rejects.toThrow('the running model has a higher version');
    // A signed image of a version that is not lower needs no key on the line.
    await sendImage(client, signed(1), { force: true });
    expect(await client.hello()).toMatchObject({ version: 4 });
    const { slot } = await sendImage(client, signed(0), { force: true, key: keys.privateKey as KeyObject });
    expect(await client.hello()).toMatchObject({ version: 3, slot });
  }, 60_000);

  test('images of another key cost nothing: the way back stays', async () => {
    const client = await connect((await device({ key: publicKey, builtIn: '-' })).port);
    for (const i of [0, 1]) await sendImage(client, signed(i));
    for (const image of [images[2], signImage(images[2], otherKeys.privateKey)]) {
      await expect(sendImage(client, image)).rejects.toMatchObject({ code: 'PE9015' });
    }
    const info = await client.hello();
    const { result } = await client.request('ROLLBACK', permit(info, 'ROLLBACK', 0, keys.privateKey));
    expect(result).toBe(UPDATE.OK.value);
    expect(await client.hello()).toMatchObject({ version: 3 });
  }, 60_000);

  test('whoever changes models too often is told to restart the device', async () => {
    const client = await connect((await device()).port);
    await sendImage(client, images[1]);
    let result: number = UPDATE.OK.value;
    for (let i = 0; i < 200 && result === UPDATE.OK.value; i++) {
      result = (await client.request('ROLLBACK', permit(await client.hello(), 'ROLLBACK', 0))).result;
    }
    expect(result).toBe(UPDATE.WEAR.value);
    await expect(sendImage(client, images[2])).rejects.toThrow('wants a restart');
  }, 60_000);
});

describe('how long an answer is waited for', () => {
  /** A line of which nothing comes back, and when it was written to. */
  function silent(baudRate?: number) {
    const times: number[] = [];
    const line: Transport = {
      name: 'silent',
      baudRate,
      write: (bytes) => void times.push(Date.now(), bytes.length),
      onData: () => {},
      onClose: () => {},
      close: () => {},
    };
    return { line, times };
  }

  /** Milliseconds until a request is repeated, and how often it is sent in all. */
  async function waits(baudRate: number | undefined, command: keyof typeof COMMAND, bytes: number) {
    vi.useFakeTimers();
    try {
      const { line, times } = silent(baudRate);
      const refused = expect(
        new DeviceClient(line).request(command, new Uint8Array(bytes).fill(1)),
      ).rejects.toMatchObject({ code: 'PE9012' });
      await vi.runAllTimersAsync();
      await refused;
      return { wait: times[2] - times[0], frame: times[1], tries: times.length / 2 };
    } finally {
      vi.useRealTimers();
    }
  }

  test('without a line that takes time: a margin', async () => {
    expect(await waits(undefined, 'DATA', 520)).toMatchObject({ wait: 400, tries: 10 });
  });

  test.each([300, 1200, 9600, 115_200])(
    'at %i baud: and the time of the request and of the longest answer',
    async (baud) => {
      const lineMs = (bytes: number) => (10_000 * bytes) / baud;
      const data = await waits(baud, 'DATA', 520);
      expect(data.frame).toBeGreaterThan(520);
      expect(data.wait).toBeGreaterThanOrEqual(400 + lineMs(data.frame + 10));
      expect(data.wait).toBeLessThanOrEqual(410 + lineMs(data.frame + 50));
      const hello = await waits(baud, 'HELLO', 0);
      expect(hello.wait).toBeGreaterThanOrEqual(400 + lineMs(hello.frame + 520));
      expect(hello.wait).toBeLessThanOrEqual(410 + lineMs(hello.frame + 550));
      // Long enough to be told from a device that is not there.
      for (const { tries } of [data, hello]) expect(tries).toBeGreaterThanOrEqual(3);
    },
  );

  test('a transfer at 9600 baud is not repeated for its own slowness', async () => {
    const { port } = await device();
    const line = await openTransport(port, 9600);
    closers.push(() => line.close());
    /** Gives bytes on as late as a line of this speed would. */
    const late = (give: (bytes: Uint8Array) => void) => {
      let free = 0;
      return (bytes: Uint8Array) => {
        free = Math.max(free, Date.now()) + (10_000 * bytes.length) / 9600;
        setTimeout(() => give(bytes), free - Date.now());
      };
    };
    const slow: Transport = {
      ...line,
      write: late((bytes) => line.write(bytes)),
      onData: (listener) => line.onData(late(listener)),
    };
    const { repeats, requests } = await sendImage(new DeviceClient(slow), images[1]);
    expect(requests).toBeGreaterThan(5);
    // This machine may be busy once.
    expect(repeats).toBeLessThanOrEqual(1);
  }, 120_000);
});

test('an agent of another version of the protocol is named', async () => {
  let answer = (_: Uint8Array) => {};
  const line: Transport = {
    name: 'old',
    write(frame) {
      const packet = Uint8Array.from(decodeFrame(frame.subarray(1, -1))!);
      packet[4] |= ANSWER;
      const device = words([1, ...new Array(DEVICE.length - 2).fill(0)]);
      answer(encodeFrame(Uint8Array.from([...packet.subarray(0, 5), UPDATE.OK.value, ...device])));
    },
    onData(listener) {
      answer = listener;
    },
    onClose: () => {},
    close: () => {},
  };
  await expect(new DeviceClient(line).hello()).rejects.toMatchObject({ code: 'PE9028' });
});
