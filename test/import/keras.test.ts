import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate';
import { parse } from 'jsonc-parser';
import { describe, expect, test } from 'vitest';
import { importModel } from '../../compiler/import/import.js';
import { parseInput } from '../../compiler/import/options.js';
import { initialSpec } from '../../compiler/import/spec-init.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { files, memoryFiles } from './helpers.js';

/** Keras 2 and 3, HDF5 and Flax: answers are those of the framework (fixtures/make_keras.py), the rest is refused. */

const folder = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');

interface Case {
  points: number[][];
  outputs: number[][];
  inputs?: string[];
  spec?: { inputs?: { name: string }[] };
}

const cases = JSON.parse(readFileSync(join(folder, 'keras-cases.json'), 'utf8')) as Record<string, Case>;

function optionsOf({ points, inputs, spec }: Case) {
  const names = inputs ?? (spec?.inputs ? [] : points[0].map((_, i) => `x${i}=-1:1`));
  const ranged = spec && { ...spec, inputs: spec.inputs?.map((input) => ({ ...input, min: -1, max: 1 })) };
  return {
    inputs: names.map(parseInput),
    ...(ranged ? { spec: { file: 'spec.json', text: JSON.stringify(ranged) } } : {}),
  };
}

describe('answers of the framework', () => {
  for (const [name, known] of Object.entries(cases)) {
    test(name, async () => {
      const { model } = await importModel(join(folder, name), files, optionsOf(known));
      expect(model.outputs.length).toBe(known.outputs[0].length);
      const found = evaluateReference(model, Float64Array.from(known.points.flat()));
      known.outputs.flat().forEach((wanted, i) => {
        const { name: output } = model.outputs[i % model.outputs.length];
        const error = Math.abs(found[i] - wanted) / Math.max(1, Math.abs(wanted));
        // Keras computes some of these in float32.
        expect(error, `${output} at point ${Math.floor(i / model.outputs.length)}`).toBeLessThan(1e-6);
      });
    });
  }

  test('outputs in a dict have its names', async () => {
    const known = cases['keras3-nested.keras'];
    const { model } = await importModel(join(folder, 'keras3-nested.keras'), files, optionsOf(known));
    expect(model.outputs.map(({ name }) => name)).toEqual(['v_0', 'v_1', 'u', 'b_0', 'b_1']);
  });

  test('a layer that is called three times is stored once', async () => {
    for (const name of ['keras3-nested.keras', 'keras2-nested.h5']) {
      const { model } = await importModel(join(folder, name), files, optionsOf(cases[name]));
      expect([...model.tensors.keys()].filter((tensor) => tensor.startsWith('shared.weight'))).toEqual([
        'shared.weight',
      ]);
    }
  });

  test('a function of the user is taken for the mathematical one, and that is said', async () => {
    const name = 'keras3-activations.keras';
    const { notes } = await importModel(join(folder, name), files, optionsOf(cases[name]));
    expect(notes.join('\n')).toMatch(/assumed: the function "sin" that layer "dense_3" calls/);
  });
});

type Layer = { class_name: string; config: Record<string, unknown>; inbound_nodes: { kwargs: object }[] };

/** A fixture with the configuration of its first layer of a class changed. */
function changed(file: string, className: string, change: (layer: Layer) => void): Uint8Array {
  const entries = unzipSync(readFileSync(join(folder, file)));
  const json = JSON.parse(strFromU8(entries['config.json'])) as { config: { layers: Layer[] } };
  change(json.config.layers.find((layer) => layer.class_name === className)!);
  return zipSync({ ...entries, 'config.json': strToU8(JSON.stringify(json)) });
}

async function refusal(bytes: Uint8Array | string, name = 'net.keras', spec?: object): Promise<string> {
  const reader = typeof bytes === 'string' ? files : memoryFiles({ [name]: bytes });
  const file = typeof bytes === 'string' ? join(folder, bytes) : name;
  const options = spec ? { spec: { file: 's.json', text: JSON.stringify(spec) } } : {};
  return importModel(file, reader, options).then(
    () => 'imported',
    (error) => {
      expect(error.name).toBe('PinnEdgeError');
      expect(error.exitCode).toBe(2);
      return (error as Error).message;
    },
  );
}

describe('what is not understood is refused by layer, key and value', () => {
  const settings: [file: string, className: string, key: string, value: unknown, message: RegExp][] = [
    [
      'normalization',
      'LayerNormalization',
      'rms_scaling',
      true,
      /"layer_normalization" is not supported with rms_scaling = true/,
    ],
    ['normalization', 'BatchNormalization', 'renorm', true, /BatchNormalization .* renorm = true/],
    ['normalization', 'Rescaling', 'future', 2, /Rescaling of node "rescaling_1" .* future = 2/],
    ['normalization', 'Rescaling', 'scale', 'big', /Rescaling .* scale = "big"/],
    ['normalization', 'Rescaling', 'scale', [1, 2], /2 numbers as its scale for a value of shape \[3\]/],
    ['shapes', 'Permute', 'dims', [1, 3], /Permute of node "permute" .*dims = \[1,3\]/],
    ['shapes', 'Concatenate', 'axis', 5, /Concatenate of node "concatenate" .*axis 5 is not one of/],
    ['activations', 'LeakyReLU', 'negative_slope', 'steep', /LeakyReLU of node "leaky_re_lu_1" .*"steep" stands for/],
    ['shapes', 'Flatten', 'data_format', 'channels_first', /Flatten .* data_format = "channels_first"/],
    ['shapes', 'EinsumDense', 'equation', 'abc,abd->cd', /with the equation abc,abd->cd/],
    ['shapes', 'EinsumDense', 'equation', 'abc,cad->bd', /with the equation abc,cad->bd/],
    ['activations', 'Activation', 'activation', 'sparsemax', /with the activation "sparsemax"/],
    ['activations', 'Dense', 'activation', { class_name: 'function', config: 'swish' }, /with the activation .*swish/],
    ['activations', 'Dense', 'activation', { class_name: '__lambda__', config: { value: 'x' } }, /with the activation/],
    ['activations', 'Dense', 'lora_rank', 4, /lora_rank = 4/],
    [
      'activations',
      'Dense',
      'dtype',
      { class_name: 'QuantizedDTypePolicy', config: { mode: 'int8', source_name: 'float32' } },
      /"dense" is not supported, which was quantised \(int8\).*before model\.quantize\(\)/,
    ],
    ['activations', 'Dense', 'dtype', 'int4_from_float32', /quantised \(int4_from_float32\)/],
  ];
  for (const [file, className, key, value, message] of settings) {
    test(`${className} with ${key} = ${JSON.stringify(value)}`, async () => {
      const bytes = changed(`keras3-${file}.keras`, className, ({ config }) => {
        config[key] = value;
      });
      const found = await refusal(bytes);
      expect(found).toMatch(message);
      expect(found).not.toContain('\n');
    });
  }

  test('null, names and training are no refusals', async () => {
    const bytes = changed('keras3-normalization.keras', 'Rescaling', ({ config }) => {
      Object.assign(config, { future: null, trainable: false, activity_regularizer: { class_name: 'L2' } });
    });
    expect(await refusal(bytes)).toMatch(/no range for inputs/);
  });

  test('a layer that is called as in training', async () => {
    const bytes = changed('keras3-normalization.keras', 'BatchNormalization', ({ inbound_nodes: [node] }) => {
      node.kwargs = { training: true };
    });
    expect(await refusal(bytes)).toMatch(/called with training = true/);
  });

  test('a class of the user, with the way to ONNX of this Keras', async () => {
    const bytes = changed('keras3-normalization.keras', 'Rescaling', (layer) => {
      layer.class_name = 'MyLayer';
    });
    const message = await refusal(bytes);
    expect(message).toMatch(/operation MyLayer of node "rescaling_1" .*model\.export\("net\.onnx", format="onnx"\)/);
    expect(message).not.toContain('tf2onnx');
  });

  test('Lambda and a subclassed model, with the spec', async () => {
    expect(await refusal('keras3-lambda.keras')).toMatch(/Lambda of node "lambda" .*Python code of its own.*spec/);
    expect(await refusal('keras3-subclass.keras')).toMatch(/its class "Net" is Python code.*give --spec/);
    const spec = await initialSpec(join(folder, 'keras3-subclass.keras'), files);
    expect(spec).toMatch(/"encoder",? +\/\/ \[2, 4\]\n.*"head" +\/\/ \[4, 1\]/);
  });

  test('hard_sigmoid where the file tells no version', async () => {
    const entries = unzipSync(changed('keras3-activations.keras', 'Activation', () => {}));
    delete entries['metadata.json'];
    expect(await refusal(zipSync(entries))).toMatch(/hard_sigmoid, which Keras 2 and 3 define differently/);
  });
});

describe('files of weights that list layers without weights', () => {
  test('before, after and among the others, each with its field of the spec', async () => {
    expect(await refusal('keras2-lambda.h5')).toMatch(/layer "lambda".*by an expression in outputs/);
    expect(await refusal('keras3-lambda.weights.h5')).toMatch(/layer "lambda".*by the layers under network/);
    const silent = { network: { activation: 'tanh' } };
    // What --init writes is refused until somebody has looked at it.
    const written = await initialSpec(join(folder, 'keras2-lambda.h5'), files);
    expect(written).toContain('layer "lambda"');
    expect(await refusal('keras2-lambda.h5', '', parse(written) as object)).toMatch(/layer "lambda"/);
    expect(await refusal('keras2-lambda.h5', '', silent)).toMatch(/layer "lambda"/);
  });

  test('integers for kernels', async () => {
    const entries = unzipSync(readFileSync(join(folder, 'keras3-subclass.keras')));
    const weights = entries['model.weights.h5'];
    // The class of the elements of the first dataset: a float of 8 bytes becomes an integer of 8 bytes.
    const text = Buffer.from(weights).toString('latin1');
    const float64 = '\x11\x20\x3f\x00\x08\x00\x00\x00';
    expect(text).toContain(float64);
    const integers = Buffer.from(text.replaceAll(float64, '\x10\x08\x00\x00\x08\x00\x00\x00'), 'latin1');
    expect(await refusal(new Uint8Array(integers), 'w.weights.h5')).toMatch(/holds integers.*before model\.quantize/);
  });
});

describe('HDF5', () => {
  test('what a newer version stores in another way is one clear step', async () => {
    expect(await refusal('hdf5-latest-attributes.h5')).toMatch(/attributes of its root .*without libver="latest"/);
    expect(await refusal('hdf5-latest-chunks.h5')).toMatch(/is stored in a way that is not read.*without libver/);
  });

  test('bytes in the middle of a larger buffer', async () => {
    const bytes = readFileSync(join(folder, 'hdf5-latest.h5'));
    const pool = Buffer.concat([Buffer.alloc(24), bytes, Buffer.alloc(8)]);
    const { model } = await importModel(
      'w.h5',
      memoryFiles({ 'w.h5': pool.subarray(24, 24 + bytes.length) }),
      optionsOf(cases['hdf5-latest.h5']),
    );
    expect(model.tensors.size).toBe(4);
  });
});
