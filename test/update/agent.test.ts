import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DeviceClient, words } from '../../compiler/deliver/device/client.js';
import { decodeFrame, encodeFrame, FrameReader } from '../../compiler/deliver/device/frame.js';
import { permit } from '../../compiler/deliver/device/permit.js';
import { openTransport } from '../../compiler/deliver/device/transport.js';
import { sendImage } from '../../compiler/deliver/device/update.js';
import { UPDATE } from '../../compiler/deliver/image/image-format.js';
import { goldenVectors } from '../../compiler/deliver/package/golden.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { temporaryFolder } from '../helpers/cli.js';
import { modelFrom, perceptron, randoms } from '../helpers/models.js';
import { smallModel } from '../package/fixture.js';
import { buildDevice, noisy, type RunningDevice, startDevice } from './device.js';
import { imageOf } from './fixture.js';

const folder = temporaryFolder();
let program = '';
let oldModel: CompiledModel;
let newModel: CompiledModel;
let oldImage: Uint8Array;
let newImage: Uint8Array;
const builtIn = join(folder, 'old.img');
const devices: RunningDevice[] = [];

beforeAll(async () => {
  oldModel = await smallModel();
  newModel = await compile(modelFrom({ ...perceptron([3, 5, 1], 'sin'), name: 'newer' }), { tolerance: 1e-3 });
  oldImage = imageOf(oldModel, { version: 3 });
  newImage = imageOf(newModel, { version: 4 });
  writeFileSync(builtIn, oldImage);
  program = buildDevice(folder);
}, 300_000);

afterAll(async () => {
  for (const device of devices) await device.kill();
});

let flashes = 0;
async function device(flash = join(folder, `flash${flashes++}`)): Promise<RunningDevice> {
  const started = await startDevice(program, { flash, builtIn });
  devices.push(started);
  return started;
}

/** Golden vectors of the model (the first `count`), evaluated on the device, are those of the oracle. */
async function requireAnswers(client: DeviceClient, model: CompiledModel, count?: number): Promise<void> {
  const { table } = model.lowered;
  const inputs = Int32Array.from(goldenVectors(model.model, table).inputWords.slice(0, count).flat());
  const info = await client.hello();
  const { outputs } = await client.evaluate(info, inputs);
  expect(outputs).toEqual(createOracle(table).run(inputs).outputs);
}

const rollBack = async (client: DeviceClient) =>
  client.request('ROLLBACK', permit(await client.hello(), 'ROLLBACK', 0));

describe('frames', () => {
  test('carry any bytes, without a zero inside', () => {
    const next = randoms(3);
    for (let length = 0; length < 600; length += 1 + (length >> 4)) {
      for (const kind of [0, 1, 2]) {
        const packet = Uint8Array.from({ length }, (_, i) => [0, 1 + (i % 255), Math.floor((next() + 1) * 128)][kind]);
        const frame = encodeFrame(packet);
        expect([frame[0], frame.at(-1)]).toEqual([0, 0]);
        expect(frame.subarray(1, -1).includes(0)).toBe(false);
        expect(decodeFrame(frame.subarray(1, -1))).toEqual(packet);
        expect(new FrameReader().push(frame)).toEqual([packet]);
      }
    }
  });

  test('that were damaged are seen to be', () => {
    const frame = encodeFrame(Uint8Array.from({ length: 300 }, (_, i) => i));
    for (let bit = 8; bit < 8 * (frame.length - 1); bit++) {
      const damaged = Uint8Array.from(frame);
      damaged[bit >> 3] ^= 1 << (bit & 7);
      expect(new FrameReader().push(damaged).every((packet) => packet === undefined)).toBe(true);
    }
  });
});

describe('the agent', () => {
  test('replaces a model while it answers, and returns to it', async () => {
    const { port, said } = await device();
    const client = new DeviceClient(await openTransport(port));
    const info = await client.hello();
    expect(info).toMatchObject({ name: 'mlp', version: 3, slot: 2, inputCount: 2, outputCount: 2, goldenCount: 28 });
    let queries = 0;
    const between = {
      bytes: 250,
      run: async () => {
        await requireAnswers(client, oldModel);
        queries++;
      },
    };
    const figures = await sendImage(client, newImage, { between });
    expect(figures).toMatchObject({ slot: 0, resumedAt: 0, repeats: 0 });
    expect(queries).toBeGreaterThan(5);
    expect(await client.hello()).toMatchObject({ name: 'newer', version: 4, slot: 0 });
    await requireAnswers(client, newModel);
    expect((await client.request('GOLDEN')).result).toBe(UPDATE.OK.value);
    expect((await rollBack(client)).result).toBe(UPDATE.OK.value);
    await requireAnswers(client, oldModel);
    expect(said()).toMatch(/runs mlp in slot 2\nruns newer in slot 0\nruns mlp in slot 2/);
    client.close();
  }, 60_000);

  test('survives 1 % corrupted, dropped and duplicated bytes in both directions', async () => {
    const { port } = await device();
    const line = noisy(await openTransport(port), 0.01, 11);
    const client = new DeviceClient(line, { answerMs: 15, slowAnswerMs: 3000, patienceMs: 60_000, contactMs: 60_000 });
    await requireAnswers(client, oldModel, 5);
    const between = { bytes: 2000, run: () => requireAnswers(client, oldModel, 3) };
    const figures = await sendImage(client, newImage, { between });
    await requireAnswers(client, newModel);
    // A repeated request is not executed again: an even number of rollbacks would end at the new model.
    expect((await rollBack(client)).result).toBe(UPDATE.OK.value);
    await requireAnswers(client, oldModel, 5);
    expect(line.damaged).toBeGreaterThan(200);
    expect(figures.repeats).toBeGreaterThan(50);
    client.close();
  }, 120_000);

  test('goes on with a transfer after the connection was lost', async () => {
    const { port } = await device();
    const first = new DeviceClient(await openTransport(port), { patienceMs: 1000 });
    const stop = new Error('unplugged');
    const onProgress = (sent: number) => {
      if (sent > newImage.length / 2) throw stop;
    };
    await expect(sendImage(first, newImage, { onProgress })).rejects.toBe(stop);
    first.close();
    const second = new DeviceClient(await openTransport(port));
    await requireAnswers(second, oldModel);
    const figures = await sendImage(second, newImage);
    expect(figures.resumedAt).toBeGreaterThan(newImage.length / 2);
    await requireAnswers(second, newModel);
    second.close();
  }, 60_000);

  test('runs the old or the new model after its power failed at any time', async () => {
    const flash = join(folder, 'killed');
    for (const share of [0, 0.3, 0.7, 1]) {
      const running = await device(flash);
      const client = new DeviceClient(await openTransport(running.port), { patienceMs: 300 });
      const onProgress = (sent: number) => {
        if (sent >= share * newImage.length) running.process.kill('SIGKILL');
      };
      await expect(sendImage(client, newImage, { onProgress })).rejects.toMatchObject({ code: 'PE9014' });
      client.close();
      await running.kill();
    }
    const { port } = await device(flash);
    const client = new DeviceClient(await openTransport(port));
    await requireAnswers(client, oldModel);
    await sendImage(client, newImage);
    await requireAnswers(client, newModel);
    client.close();
  }, 60_000);

  test('refuses what it does not understand, and goes on', async () => {
    const { port } = await device();
    const transport = await openTransport(port);
    const client = new DeviceClient(transport);
    const next = randoms(5);
    const noise = (length: number) => Uint8Array.from({ length }, () => Math.floor((next() + 1) * 128));
    for (let i = 0; i < 200; i++) transport.write(noise(i * 5));
    transport.write(encodeFrame(noise(3)));
    transport.write(encodeFrame(noise(600)));
    const { result } = await client.request('DATA', noise(3));
    expect(result).toBe(UPDATE.REQUEST.value);
    expect((await client.request('DATA', words([0, 1, 2]))).result).toBe(UPDATE.STATE.value);
    expect((await client.request('FINISH', words([0]))).result).toBe(UPDATE.STATE.value);
    expect((await client.request('FINISH')).result).toBe(UPDATE.REQUEST.value);
    expect((await client.request('BEGIN', words([2 ** 31, 1, 0]))).result).toBe(UPDATE.TOO_LARGE.value);
    expect((await client.request('BEGIN', words([1]))).result).toBe(UPDATE.REQUEST.value);
    expect((await client.request('EVALUATE', words([1]))).result).toBe(UPDATE.REQUEST.value);
    expect((await client.request('EVALUATE', noise(344))).result).toBe(UPDATE.OK.value);
    expect((await client.request('EVALUATE', noise(352))).result).toBe(UPDATE.REQUEST.value);
    expect((await client.request('ROLLBACK')).result).toBe(UPDATE.REQUEST.value);
    expect((await rollBack(client)).result).toBe(UPDATE.NO_PREVIOUS.value);
    await requireAnswers(client, oldModel);
    client.close();
  }, 60_000);
});
