import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, strToU8, zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import type { FileReader } from '../../compiler/host/file-reader.js';
import { detectFormat, readModelBytes, requireNoForeignFolder } from '../../compiler/import/detect.js';
import { importModel } from '../../compiler/import/import.js';
import { initialSpec } from '../../compiler/import/spec-init.js';
import { memoryFiles } from './helpers.js';

/** Every kind of file is known by its content, whatever its name; those that are not read come with one step. */

const folder = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');
const fixture = (name: string) => new Uint8Array(readFileSync(join(folder, name)));
const bytesOf = (...parts: (string | number[])[]) =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? [...Buffer.from(part, 'latin1')] : part)));

test('gzip around a file of any format is unpacked', () => {
  for (const name of ['params.pkl.gz', 'w.npz.gz', 'net.onnx.gz']) {
    const inner = name === 'net.onnx.gz' ? 'mlp.legacy.onnx' : name === 'w.npz.gz' ? 'mlp.npz' : 'mlp-protocol4.pkl';
    const files = memoryFiles({ [name]: gzipSync(fixture(inner)) });
    const format = name === 'net.onnx.gz' ? 'onnx' : name === 'w.npz.gz' ? 'numpy' : 'torch';
    expect(detectFormat(name, readModelBytes(name, files))).toBe(format);
  }
});

describe('formats under another name', () => {
  const files: [name: string, original: string, format: string][] = [
    ['model.pth.tar', 'mlp.pt', 'torch'],
    ['pytorch_model.bin', 'mlp.pt', 'torch'],
    ['weights.bin', 'mlp-protocol4.pkl', 'torch'],
    ['net.pdparams', 'mlp-protocol2.pkl', 'torch'],
    ['best.ckpt', 'keras-sequential.h5', 'keras'],
    ['best.pt', 'keras-sequential.keras', 'keras'],
    ['net.json', 'mlp.safetensors', 'safetensors'],
    ['weights', 'mlp.npz', 'numpy'],
    ['params', 'flax.msgpack', 'flax'],
    ['checkpoint_100', 'flax.msgpack', 'flax'],
    ['net.onnx', 'mlp.legacy.onnx', 'onnx'],
  ];
  test.each(files)('%s with the content of %s is %s', (name, original, format) => {
    expect(detectFormat(name, fixture(original))).toBe(format);
  });

  test('a pinn-edge/1 model, whatever its name', () => {
    for (const text of ['{"format":"pinn-edge/1"}', '\ufeff {\n}'])
      expect(detectFormat('model.txt', strToU8(text))).toBe('json');
    expect(detectFormat('model.json', strToU8('[]'))).toBe('json');
  });
});

/** A NumPy array as `np.save` writes it. */
function npy(values: number[]): Uint8Array {
  const header = `{'descr': '<f8', 'fortran_order': False, 'shape': (${values.length},), }`.padEnd(117) + '\n';
  const data = new Uint8Array(Float64Array.from(values).buffer);
  return bytesOf('\x93NUMPY', [1, 0, header.length, 0], header, [...data]);
}

const leveldb = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];

const OTHERS: [name: string, bytes: Uint8Array, title: RegExp, step: RegExp][] = [
  ['net.tflite', bytesOf([0x1c, 0, 0, 0], 'TFL3', [0, 0]), /TensorFlow Lite/, /Keras model or the ONNX/],
  ['net.bin', bytesOf([0x1c, 0, 0, 0], 'TFL3', [0, 0]), /TensorFlow Lite/, /Keras model or the ONNX/],
  ['net.ort', bytesOf([0x1c, 0, 0, 0], 'ORTM', [0, 0]), /ONNX Runtime/, /\.onnx/],
  ['model.ckpt-20000.index', bytesOf([0, 0], leveldb), /TensorFlow checkpoint/, /load_checkpoint.*savez/],
  ['anything', bytesOf([0, 0], leveldb), /TensorFlow checkpoint/, /load_checkpoint/],
  ['model.ckpt-20000.index', bytesOf([0, 1, 2, 3]), /TensorFlow checkpoint/, /load_checkpoint/],
  ['model.ckpt.data-00000-of-00001', bytesOf([1, 2, 3]), /data of a TensorFlow checkpoint/, /load_checkpoint/],
  ['model.ckpt.meta', bytesOf([1, 2, 3]), /TensorFlow 1 checkpoint/, /load_checkpoint/],
  ['checkpoint', bytesOf('model_checkpoint_path: "model.ckpt-1"'), /list of TensorFlow checkpoints/, /load_checkpoint/],
  ['saved_model.pb', bytesOf([8, 1]), /SavedModel/, /tf2onnx/],
  ['frozen.pb', bytesOf([8, 1]), /frozen TensorFlow graph/, /--graphdef/],
  ['w.mat', bytesOf('MATLAB 5.0 MAT-file, Platform: posix'), /MATLAB/, /scipy\.io\.loadmat/],
  ['w.mat', bytesOf([0, 0, 0, 0]), /MATLAB/, /scipy\.io\.loadmat/],
  ['w.jld2', bytesOf('HDF5-based Julia Data Format'), /Julia/, /npzwrite/],
  [
    'net.pt2',
    zipSync({ 'net/archive_format': strToU8('pt2'), 'net/models/model.json': strToU8('{}') }),
    /torch\.export/,
    /torch\.onnx\.export/,
  ],
  ['w.bz2', bytesOf('BZh91AY'), /bzip2/, /bunzip2/],
  ['w.xz', bytesOf('\xfd7zXZ\0'), /xz/, /unxz/],
  ['w.zst', bytesOf([0x28, 0xb5, 0x2f, 0xfd]), /zstd/, /unzstd/],
  ['w.tar', bytesOf(new Array(257).fill(0), 'ustar'), /tar archive/, /tar xf/],
  ['model.mdlus', bytesOf([1, 2, 3]), /PhysicsNeMo/, /model\.pt/],
  ['export.zip', zipSync({ 'run/net.onnx': strToU8('x') }), /zip archive/, /import run\/net\.onnx/],
  ['net.eqx', bytesOf([...npy([1, 2])], [...npy([3])]), /Equinox/, /model\.layers.*savez|savez.*model\.layers/],
  ['net.eqx', bytesOf('{"width": 8}\n', [...npy([1, 2])]), /Equinox/, /savez/],
  ['net.pdmodel', bytesOf([10, 0]), /Paddle/, /pdparams/],
  ['net.h5', bytesOf('version https://git-lfs.github.com/spec/v1\n'), /Git LFS/, /git lfs pull/],
  ['net.onnx', bytesOf('<!DOCTYPE html><html>'), /web page/, /download/],
];

describe('kinds that are not read', () => {
  test.each(OTHERS)('%s', async (name, bytes, title, step) => {
    for (const attempt of [
      () => importModel(name, memoryFiles({ [name]: bytes })),
      () => initialSpec(name, memoryFiles({ [name]: bytes })),
    ]) {
      const error = await attempt().then(
        () => undefined,
        (thrown) => thrown as Error & { code: string; exitCode: number },
      );
      expect(error?.code).toBe('PE7011');
      expect(error?.exitCode).toBe(2);
      const [, found, next] = /^.* is (.*), which is not read; (.*)$/.exec(error?.message ?? '') ?? [];
      expect(found).toMatch(title);
      expect(next).toMatch(step);
    }
  });

  test('what nothing tells', () => {
    expect(() => detectFormat('notes.txt', strToU8('hello'))).toThrow(/cannot tell what notes.txt is/);
    // One array alone is no Equinox file.
    expect(detectFormat('w.npy', npy([1, 2, 3]))).toBe('numpy');
  });
});

/** A folder that holds files of these names. */
function folderWith(...names: string[]): FileReader {
  return {
    read: (path) => {
      if (path === 'run') throw Object.assign(new Error('folder'), { code: 'EISDIR' });
      return names.some((name) => path === `run/${name}`) ? new Uint8Array([1]) : undefined;
    },
    beside: (file, name) => `${dirname(file)}/${name}`,
  };
}

describe('folders and prefixes', () => {
  const folders: [string[], RegExp][] = [
    [['saved_model.pb', 'keras_metadata.pb'], /SavedModel.*tf2onnx/],
    [['_CHECKPOINT_METADATA', 'manifest.ocdbt'], /Orbax.*flatten_dict/],
    [['checkpoint', 'ckpt-1.index'], /TensorFlow checkpoints.*load_checkpoint/],
    [['config.json', 'model.weights.h5'], /\.keras file that was unpacked/],
    [['data.pkl', 'version'], /PyTorch file that was unpacked/],
  ];
  test.each(folders)('a folder of %s', (names, message) => {
    expect(() => readModelBytes('run', folderWith(...names))).toThrow(message);
    expect(() => requireNoForeignFolder('run', folderWith(...names))).toThrow(message);
  });

  test('the prefix of a TensorFlow checkpoint', () => {
    expect(() => readModelBytes('run/model.ckpt-7', folderWith('model.ckpt-7.index'))).toThrow(
      /prefix.*load_checkpoint/,
    );
  });

  test('other folders and missing files are what they were', () => {
    expect(() => readModelBytes('run', folderWith('report.json'))).toThrow(/it is a folder, not a file/);
    expect(() => readModelBytes('none.h5', folderWith())).toThrow(/there is no such file/);
    expect(() => requireNoForeignFolder('run', folderWith('report.json'))).not.toThrow();
  });
});
