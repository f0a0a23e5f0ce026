import { strToU8, unzipSync, zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { importModel } from '../../compiler/import/import.js';
import { parseInput } from '../../compiler/import/options.js';
import { processorClock } from '../helpers/clock.js';
import { memoryFiles } from './helpers.js';

/** Files made to harm: refused by name, at once, with nothing executed and little memory used. */

const text = (s: string) => [...new TextEncoder().encode(s)];
const STOP = 0x2e;

async function refusal(file: string, bytes: number[] | Uint8Array): Promise<string> {
  const before = process.memoryUsage().rss;
  const milliseconds = processorClock();
  const attempt = importModel(file, memoryFiles({ [file]: Uint8Array.from(bytes) }), {
    inputs: ['x=0:1'].map(parseInput),
  });
  const message = await attempt.then(
    () => 'imported',
    (error) => {
      expect(error.name).toBe('PinnEdgeError');
      expect(error.exitCode).toBe(2);
      return (error as Error).message;
    },
  );
  expect(milliseconds()).toBeLessThan(2000);
  expect(process.memoryUsage().rss - before).toBeLessThan(600 * 2 ** 20);
  expect(message).not.toContain('\n');
  return message;
}

describe('pickles', () => {
  test('a call of os.system is refused by name', async () => {
    // cos\nsystem\n(S'...' tR. as pickletools would show it, protocol 2.
    const payload = [0x80, 2, ...text('cos\nsystem\n'), 0x28, 0x58, 4, 0, 0, 0, ...text('true'), 0x74, 0x52, STOP];
    expect(await refusal('evil.pkl', payload)).toMatch(/asks for "os.system".*nothing was executed/);
    expect(await refusal('evil.pt', zipSync({ 'archive/data.pkl': Uint8Array.from(payload) }))).toMatch(/"os.system"/);
  });

  test('so are builtins that reach further', async () => {
    for (const name of ['eval', 'exec', 'getattr', '__import__', 'open']) {
      const payload = [0x80, 4, 0x8c, 8, ...text('builtins'), 0x8c, name.length, ...text(name), 0x93, STOP];
      expect(await refusal('evil.pkl', payload)).toContain(`"builtins.${name}"`);
    }
  });

  test('a class of the user is refused with what to do instead', async () => {
    const payload = [0x80, 2, ...text('c__main__\nNet\n'), 0x29, 0x81, STOP];
    expect(await refusal('net.pth', payload)).toMatch(/"__main__.Net".*state_dict/);
  });

  test('opcodes that weights never use are refused by name', async () => {
    expect(await refusal('evil.pkl', [0x80, 2, 0x28, ...text('ios\nsystem\n'), STOP])).toContain('the opcode INST');
    expect(await refusal('evil.pkl', [0x80, 2, 0x82, 1, STOP])).toContain('the opcode EXT1');
    expect(await refusal('evil.pkl', [0x80, 2, 0xfe, STOP])).toContain('the opcode 0xfe');
  });

  test('a call through something that is no name', async () => {
    expect(await refusal('evil.pkl', [0x80, 2, 0x4e, 0x29, 0x52, STOP])).toMatch(/a call of something other/);
  });

  test('deep recursion', async () => {
    const depth = 500_000;
    expect(await refusal('deep.pkl', [0x80, 2, ...new Array<number>(depth).fill(0x28), STOP])).toMatch(
      /nested too deeply/,
    );
    const tuples = [0x80, 2, 0x29, ...new Array<number>(depth).fill(0x85), STOP];
    expect(await refusal('deep.pkl', tuples)).toMatch(/nested too deeply/);
    // A dict in itself: } q0 X"a" h0 s .
    const loop = [0x80, 2, 0x7d, 0x71, 0, 0x58, 1, 0, 0, 0, 0x61, 0x68, 0, 0x73, STOP];
    expect(await refusal('loop.pkl', loop)).toMatch(/holds no tensors/);
  });

  test('huge lengths', async () => {
    expect(await refusal('huge.pkl', [0x80, 2, 0x58, 0xff, 0xff, 0xff, 0xff, STOP])).toMatch(/ends in the middle/);
    expect(await refusal('huge.pkl', [0x80, 4, 0x8d, ...new Array<number>(7).fill(0xff), 0x7f, STOP])).toMatch(
      /ends in the middle/,
    );
    expect(await refusal('huge.pkl', [0x80, 2, 0x8b, 0xff, 0xff, 0xff, 0x7f, STOP])).toMatch(/512 bits/);
  });

  test('shared structure that grows without end when it is unfolded', async () => {
    // Each level is a list of two references to the one below: 2^40 leaves.
    const levels: number[] = [];
    for (let i = 0; i < 40; i++) levels.push(0x86, 0x71, 0, 0x68, 0);
    const bomb = [0x80, 2, 0x5d, 0x71, 0, 0x68, 0, ...levels, 0x85, STOP];
    expect(await refusal('laughs.pkl', bomb)).toMatch(/nested too deeply|no tensors/);
  });
});

describe('other formats', () => {
  test('a zip bomb', async () => {
    const bomb = zipSync({ 'a.npy': new Uint8Array(1000) });
    // What the directory says the entry unpacks to: bytes 24 to 27 of its record.
    const directory = bomb.findIndex(
      (_, i) => bomb[i] === 0x50 && bomb[i + 1] === 0x4b && bomb[i + 2] === 1 && bomb[i + 3] === 2,
    );
    new DataView(bomb.buffer, bomb.byteOffset).setUint32(directory + 24, 600 * 2 ** 20, true);
    expect(await refusal('bomb.npz', bomb)).toMatch(/unpack to more than 512 MiB/);
  });

  test('ONNX weights outside the folder of the model', async () => {
    const { readFileSync } = await import('node:fs');
    const bytes = readFileSync(new URL('./fixtures/mlp-external.onnx', import.meta.url));
    const at = bytes.indexOf('mlp-external.bin');
    const changed = Buffer.from(bytes.toString('latin1').replaceAll('mlp-external.bin', '../../etc/passwd'), 'latin1');
    expect(at).toBeGreaterThan(0);
    expect(await refusal('model.onnx', changed)).toMatch(/outside the model's folder/);
  });

  /** A Keras file with this model and the weights of a fixture. */
  async function kerasFile(model: object): Promise<Uint8Array> {
    const { readFileSync } = await import('node:fs');
    const entries = unzipSync(readFileSync(new URL('./fixtures/keras-sequential.keras', import.meta.url)));
    return zipSync({ ...entries, 'config.json': strToU8(JSON.stringify(model)) });
  }

  test('a Keras model of models that call each other without end', async () => {
    const input = { class_name: 'InputLayer', config: { name: 'x', batch_shape: [null, 1] }, inbound_nodes: [] };
    let model: object = { class_name: 'Dropout', config: { name: 'm0', rate: 0.1 } };
    for (let depth = 1; depth <= 14; depth++) {
      const last = `m${depth - 1}`;
      const calls = Array.from({ length: 10 }, (_, k) => [[k === 0 ? ['x', 0, 0, {}] : [last, k - 1, 0, {}]]].flat());
      const config = {
        name: `m${depth}`,
        layers: [input, { ...model, name: last, inbound_nodes: calls }],
        input_layers: [['x', 0, 0]],
        output_layers: [[last, 9, 0]],
      };
      model = { class_name: 'Functional', config };
    }
    expect(await refusal('net.keras', await kerasFile(model))).toMatch(/calls layers more than 20000 times/);
  });

  test('a Keras layer that repeats its input without end', async () => {
    const layers = [
      { class_name: 'InputLayer', config: { name: 'x', batch_shape: [null, 1] } },
      { class_name: 'RepeatVector', config: { name: 'r', n: 1e9 } },
    ];
    const bytes = await kerasFile({ class_name: 'Sequential', config: { name: 's', layers } });
    expect(await refusal('net.keras', bytes)).toMatch(/a value of shape \[1000000000, 1\] is too large/);
  });

  test('MessagePack that is nested, or longer than the file', async () => {
    const levels = Array.from({ length: 200_000 }, () => [0x81, 0xa1, 0x61]).flat();
    expect(await refusal('p.msgpack', [...levels, 0xc0])).toMatch(/not a readable Flax file/);
    expect(await refusal('p.msgpack', [0x81, 0xa1, 0x61, 0xdf, 0xff, 0xff, 0xff, 0xff])).toMatch(/not a readable Flax/);
    // An array that says it has 2^40 elements.
    const array = [0x93, 0x91, 0xcf, 0, 0, 1, 0, 0, 0, 0, 0, 0xa7, ...text('float32'), 0xc4, 1, 0];
    const leaf = [0x81, 0xa1, 0x61, 0xc7, array.length, 1, ...array];
    expect(await refusal('p.msgpack', leaf)).toMatch(/which is too large/);
  });

  test('text that is none of the formats', async () => {
    expect(await refusal('notes.txt', text('hello'))).toMatch(/cannot tell what notes.txt is/);
    expect(await refusal('model.onnx', text('hello, this is not protobuf'))).toMatch(/not a readable ONNX file/);
    expect(await refusal('model.h5', text('hello'))).toMatch(/not a readable Keras file/);
  });
});
