import { gzipSync, zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import type { Tensor } from '../../compiler/model/types.js';
import { answers, apply, dense, importFile, named, numbers, tanh, transposed, vector } from './networks.js';
import { jaxArray, npy, objectArray, type Picklable, pickle } from './pickles.js';

/** Networks in the containers that NumPy, JAX, Paddle and PyTorch programs save them in. */

const random = numbers(23);
const layers = [dense(random, 5, 2), dense(random, 4, 5), dense(random, 1, 4)];
const POINT = [0.4, -0.7];
const chain = (x: number[]) => apply(layers[2], tanh(apply(layers[1], tanh(apply(layers[0], x)))));
const weights = layers.map(({ weight }) => transposed(weight));
const biases = layers.map(({ bias }) => bias);
const row = ({ data }: Tensor): Tensor => ({ shape: [1, data.length], data });
const entries = (prefix = '', at = layers) => at.flatMap((layer, i) => named(`${prefix}l${i}`, layer));
const doubles = ({ data }: Tensor) => new Uint8Array(Float64Array.from(data).buffer);

async function expectChain(file: string, bytes: Uint8Array, spec?: object) {
  const result = await importFile(file, bytes, spec);
  expect(answers(result, POINT)[0]).toBeCloseTo(chain(POINT)[0], 12);
  return result;
}

async function refusal(file: string, bytes: Uint8Array, spec?: object, columns = 2): Promise<string> {
  const error = await importFile(file, bytes, spec, columns).then(
    () => undefined,
    (e) => e,
  );
  expect(error?.name).toBe('PinnEdgeError');
  expect(error.exitCode).toBe(2);
  return error.message;
}

const LISTS: Record<string, Picklable> = {
  'pairs (W, b)': weights.map((w, i) => ({ tuple: [w, biases[i]] })),
  'pairs (W, b), b as a row': weights.map((w, i) => ({ tuple: [w, row(biases[i])] })),
  'pairs [b, W]': weights.map((w, i) => [biases[i], w]),
  'pairs with empty ones for activations': weights.flatMap((w, i) => [{ tuple: [w, biases[i]] }, { tuple: [] }]),
  '[weights, biases]': [weights, biases],
  '[weights, biases], biases as rows': [weights, biases.map(row)],
  '(biases, weights)': { tuple: [biases, weights] },
  'in turn': weights.flatMap((w, i) => [w, biases[i]]),
  'a dict of lists': new Map<string, Picklable>([
    ['weights', weights],
    ['biases', biases],
  ]),
  'coefs_ and intercepts_': new Map<string, Picklable>([
    ['coefs_', weights],
    ['intercepts_', biases],
  ]),
  'dicts in a list': weights.map(
    (w, i) =>
      new Map<string, Picklable>([
        ['W', w],
        ['b', biases[i]],
      ]),
  ),
  'dicts of words in a list': weights.map(
    (w, i) =>
      new Map<string, Picklable>([
        ['weights', w],
        ['biases', biases[i]],
      ]),
  ),
  'pairs under a key': new Map<string, Picklable>([['params', weights.map((w, i) => ({ tuple: [w, biases[i]] }))]]),
  'pairs beside the state of an optimiser': new Map<string, Picklable>([
    ['params', weights.map((w, i) => [w, biases[i]])],
    ['opt_state', [weights[0], biases[0]]],
    ['epoch', 5],
    ['loss_history', [0.5, 0.25]],
  ]),
  'JAX arrays in pairs': weights.map((w, i) => ({ tuple: [jaxArray(w), jaxArray(biases[i])] })),
  'nested Python lists': weights.map((w, i) => [rows(w), Array.from(biases[i].data)]),
  'an array of objects': objectArray(weights.flatMap((w, i) => [w, biases[i]])),
  'a frozen dict of Flax': {
    call: ['flax.core.frozen_dict', 'FrozenDict'],
    args: [
      new Map<string, Picklable>([
        [
          'params',
          new Map<string, Picklable>(
            weights.map((w, i) => [
              `Dense_${i}`,
              new Map<string, Picklable>([
                ['kernel', jaxArray(w)],
                ['bias', jaxArray(biases[i])],
              ]),
            ]),
          ),
        ],
      ]),
    ],
  },
};

function rows({ shape: [count, width], data }: Tensor): number[][] {
  return Array.from({ length: count }, (_, r) => Array.from(data.subarray(r * width, (r + 1) * width)));
}

describe('lists of weights in pickles', () => {
  for (const [name, value] of Object.entries(LISTS)) {
    test(name, async () => {
      const { notes } = await expectChain('params.pkl', pickle(value));
      expect(notes.some((note) => note.startsWith('inferred: 2-5-4-1'))).toBe(true);
    });
  }

  test('weights without biases', async () => {
    const result = await importFile('w.pickle', pickle(weights));
    const bare = layers.map(({ weight }) => ({ weight, bias: vector(new Float64Array(weight.shape[0])) }));
    expect(answers(result, POINT)[0]).toBeCloseTo(
      apply(bare[2], tanh(apply(bare[1], tanh(apply(bare[0], POINT)))))[0],
      12,
    );
  });

  test('a tensor too many is not left out', async () => {
    const pairs = weights.map((w, i): Picklable => [w, biases[i]]);
    expect(
      await refusal(
        'p.pkl',
        pickle(
          new Map<string, Picklable>([
            ['params', pairs],
            ['extra', weights[1]],
          ]),
        ),
      ),
    ).toMatch(/its matrices .*extra \[5, 4\].* have no names of layers/);
    expect(await refusal('p.pkl', pickle([...pairs, [weights[1]]]))).toContain('--init');
  });
});

describe('NumPy files', () => {
  const object = (items: Tensor[]) => npy('|O', [items.length], pickle(objectArray(items)));

  test('arrays of objects in a .npz and a .npy, and a pickled dict in a .npy', async () => {
    await expectChain('w.npz', zipSync({ 'weights.npy': object(weights), 'biases.npy': object(biases) }));
    await expectChain('w.npy', object(weights.flatMap((w, i) => [w, biases[i]])));
    const dict = objectArray([new Map<string, Picklable>(entries())]);
    await expectChain(
      'w.npy',
      npy(
        '|O',
        [],
        pickle({
          ...dict,
          state: {
            tuple: [
              1,
              { tuple: [] },
              (dict.state as { tuple: Picklable[] }).tuple[2],
              false,
              [new Map<string, Picklable>(entries())],
            ],
          },
        }),
      ),
    );
  });

  test('arr_0, arr_1, ... as numpy.savez names arrays without names', async () => {
    const arrays = weights.flatMap((w, i) => [w, biases[i]]);
    // In the order of a directory: arr_10 would come before arr_2.
    const files = Object.fromEntries(arrays.map((t, i) => [`arr_${i}.npy`, npy('<f8', t.shape, doubles(t))]).reverse());
    await expectChain('w.npz', zipSync(files));
  });

  test('text is what the file says, and other elements are refused by name', async () => {
    const own = Object.fromEntries(entries().map(([name, t]) => [`${name}.npy`, npy('<f8', t.shape, doubles(t))]));
    const word = npy('<U4', [], Uint8Array.from([...'tanh'].flatMap((c) => [c.charCodeAt(0), 0, 0, 0])));
    const { notes } = await expectChain('w.npz', zipSync({ ...own, 'activation.npy': word }));
    expect(notes).toContain('the file says: activation tanh');
    expect(notes).toContain('inferred: the activation is tanh, as the file says in activation');
    const complex = npy('<c16', [1], new Uint8Array(16));
    expect(await refusal('w.npz', zipSync({ ...own, 'z.npy': complex }))).toContain(
      'the array "z" has elements of type <c16',
    );
    expect(
      await refusal(
        'w.npz',
        zipSync({ ...own, 'f.npy': npy('|O', [1], pickle({ call: ['os', 'system'], args: ['true'] })) }),
      ),
    ).toMatch(/"os.system".*nothing was executed/);
  });

  test('one vector of all parameters is cut up by a spec', async () => {
    const parts = layers.flatMap(({ bias }, i) => [weights[i], bias]);
    const all = parts.flatMap(({ data }) => Array.from(data));
    const bytes = npy('<f8', [all.length], doubles(vector(all)));
    expect(await refusal('flat.npy', bytes)).toMatch(
      /one vector of 44 numbers, which a spec can cut in pieces by "tensors"/,
    );
    const tensors: Record<string, object> = {};
    let offset = 0;
    parts.forEach(({ shape, data }, i) => {
      tensors[i % 2 ? `b${(i - 1) / 2}` : `W${i / 2}`] = { of: 'weight', offset, shape };
      offset += data.length;
    });
    await expectChain('flat.npy', bytes, { tensors, network: { activation: 'tanh' } });
    const { b2: _, ...short } = tensors;
    expect(await refusal('flat.npy', bytes, { tensors: short, network: {} })).toContain(
      'elements 43 to 43 of weight are in no piece',
    );
    const over = { ...tensors, b2: { of: 'weight', offset: 43, shape: [2] } };
    expect(await refusal('flat.npy', bytes, { tensors: over, network: {} })).toContain(
      'takes elements 43 to 44 of weight, which has 44',
    );
  });
});

describe('Paddle', () => {
  const square = [dense(random, 2, 2), dense(random, 2, 2)];
  const state = (at: typeof layers): [string, Picklable][] =>
    at.flatMap(({ weight, bias }, i): [string, Picklable][] => [
      [`l${i}.weight`, transposed(weight)],
      [`l${i}.bias`, bias],
    ]);
  const mark: [string, Picklable] = ['StructuredToParameterName@@', new Map([['l0.weight', 'linear_0.w_0']])];
  const wanted = apply(square[1], tanh(apply(square[0], POINT)))[0];

  for (const [how, file, value] of [
    ['its table of names', 'net.pkl', new Map([...state(square), mark])],
    ['its extension', 'net.pdparams', new Map(state(square))],
    [
      'pairs of name and numbers',
      'net.pkl',
      new Map<string, Picklable>([
        [
          'model',
          new Map(state(square).map(([name, t]): [string, Picklable] => [name, { tuple: [`linear.${name}`, t] }])),
        ],
      ]),
    ],
    [
      'its table within a checkpoint',
      'net.pickle',
      new Map<string, Picklable>([
        ['model_state_dict', new Map([...state(square), mark])],
        ['optimizer_state_dict', new Map()],
      ]),
    ],
  ] as const) {
    test(`square matrices are [in, out] by ${how}`, async () => {
      const { model, notes } = await importFile(file, pickle(value));
      expect(answers({ model, notes }, POINT)[0]).toBeCloseTo(wanted, 12);
      expect(notes.join()).not.toContain('StructuredToParameterName');
    });
  }

  test('and the others', async () => {
    await expectChain('net.pdparams', pickle(new Map([...state(layers), mark])));
  });
});

describe('checkpoints', () => {
  const state = new Map<string, Picklable>(entries());
  const checkpoint = (...more: [string, Picklable][]) =>
    pickle(new Map<string, Picklable>([['state_dict', state], ...more]));

  test('what they say is shown, and an activation is taken from it', async () => {
    const sine = layers.map((layer, i) => (i < 2 ? layer : layer));
    const { model, notes } = await importFile(
      'c.pkl',
      checkpoint([
        'config',
        new Map<string, Picklable>([
          ['activation', 'nn.Sin()'],
          ['layers', [2, 5, 4, 1]],
          ['lr', 0.5],
        ]),
      ]),
    );
    expect(notes).toContain('the file says: config.activation nn.Sin(), config.layers 2, 5, 4, 1, config.lr 0.5');
    const sin = (x: number[]) => x.map(Math.sin);
    expect(answers({ model, notes }, POINT)[0]).toBeCloseTo(
      apply(sine[2], sin(apply(sine[1], sin(apply(sine[0], POINT)))))[0],
      12,
    );
    expect(model.assumed).toBeUndefined();
  });

  for (const [path, said] of [
    ['config.arch resnet', new Map<string, Picklable>([['arch', 'resnet']])],
    ['config.model_type ModifiedMLP', new Map<string, Picklable>([['model_type', 'ModifiedMLP']])],
    ['config.fourier_features true', new Map<string, Picklable>([['fourier_features', true]])],
    ['config.use_layer_norm true', new Map<string, Picklable>([['use_layer_norm', true]])],
    ['config.omega_0 30', new Map<string, Picklable>([['omega_0', 30]])],
    ['config.activation stan', new Map<string, Picklable>([['activation', 'stan']])],
  ] as const) {
    test(`what contradicts a plain chain is asked for: ${path}`, async () => {
      const bytes = checkpoint(['config', said]);
      expect(await refusal('c.pkl', bytes)).toContain(`the file says ${path}, which is not a plain chain`);
      await expectChain('c.pkl', bytes, { network: { activation: 'tanh', layers: ['l0', 'l1', 'l2'] } });
    });
  }

  test('a plain network may call itself so', async () => {
    const words = new Map<string, Picklable>([
      ['arch', 'mlp'],
      ['model', 'FNN'],
      ['residual', false],
      ['omega_0', 1],
    ]);
    await expectChain('c.pkl', checkpoint(['config', words]));
    // The options of a training script, an object without a class of its own.
    await expectChain(
      'c.pkl',
      checkpoint([
        'args',
        { call: ['argparse', 'Namespace'], args: [], state: new Map<string, Picklable>([['net', 'mlp']]) },
      ]),
    );
    expect(
      await refusal(
        'c.pkl',
        checkpoint([
          'args',
          { call: ['argparse', 'Namespace'], args: [], state: new Map<string, Picklable>([['net', 'resnet']]) },
        ]),
      ),
    ).toContain('args.net resnet');
  });

  test('bounds in Python numbers are not left out', async () => {
    expect(await refusal('c.pkl', checkpoint(['lb', [-1, 0]], ['ub', [1, 2]]))).toMatch(
      /lb, ub are read by nothing.*"normalize"/,
    );
    expect(await refusal('c.pkl', checkpoint(['x_mean', 0.5], ['x_std', 2]))).toMatch(
      /x_mean, x_std are read by nothing/,
    );
  });

  test('a second network beside the first is not left out', async () => {
    const both = checkpoint(['net2', new Map<string, Picklable>(entries('p.'))]);
    await expect(importFile('c.pkl', both))
      .resolves.toMatchObject({ model: { outputs: [{}, {}] } })
      .catch(async () => {
        expect(await refusal('c.pkl', both)).toMatch(/net2/);
      });
    const averaged = checkpoint(['ema', new Map<string, Picklable>([['l1.weight', layers[1].weight]])]);
    expect(await refusal('c.pkl', averaged)).toMatch(/ema\.l1/);
    await expectChain('c.pkl', averaged, { ignore: ['ema.*'] });
  });
});

describe('pickles of objects', () => {
  const made = (module: string, name: string) =>
    pickle({ call: [module, name], args: [], state: new Map([['coefs_', weights]]) });
  for (const [module, name, advice] of [
    ['sklearn.neural_network._multilayer_perceptron', 'MLPRegressor', /skl2onnx/],
    ['joblib.numpy_pickle', 'NumpyArrayWrapper', /skl2onnx/],
    ['flax.training.train_state', 'TrainState', /jax\.tree_util/],
    ['equinox.nn._mlp', 'MLP', /jax\.tree_util/],
    ['keras.src.models.sequential', 'Sequential', /model\.save\("net\.keras"\)/],
    ['paddle.nn.layer.common', 'Linear', /paddle\.save/],
    ['__torch__', 'Net', /torch\.onnx\.export/],
    ['deepxde.nn.pytorch.fnn', 'FNN', /state_dict/],
    ['__main__', 'Net', /numpy\.savez/],
  ] as const) {
    test(`${module}.${name}: the step of that framework`, async () => {
      const message = await refusal('net.pkl', made(module, name));
      expect(message).toContain(`"${module}.${name}"`);
      expect(message).toContain('nothing was executed');
      expect(message).toMatch(advice);
      if (/sklearn|flax|equinox|joblib/.test(module)) expect(message).not.toMatch(/torch/);
    });
  }
});

describe('DeepONets', () => {
  const branch = [dense(random, 6, 2), dense(random, 4, 6)];
  const trunk = [dense(random, 6, 1), dense(random, 4, 6)];
  const two = (net: typeof branch, x: number[]) => apply(net[1], tanh(apply(net[0], x)));
  const dot = (a: number[], b: number[]) => a.reduce((s, v, i) => s + v * b[i], 0);
  const point = [0.3, -0.5, 0.8];
  const scalar = (value: number): Tensor => vector([value]);
  const nets = (a: string, b: string) =>
    [...branch.flatMap((l, i) => named(`${a}.${i}`, l)), ...trunk.flatMap((l, i) => named(`${b}.${i}`, l))] as [
      string,
      Picklable,
    ][];
  const run = async (state: [string, Picklable][], spec?: object) => {
    const wrapped = new Map<string, Picklable>([
      ['model_state_dict', new Map(state)],
      ['optimizer_state_dict', new Map()],
    ]);
    const result = await importFile('d.pkl', pickle(wrapped), spec, 3);
    return { ...result, values: answers(result, point) };
  };
  const [f, y] = [point.slice(0, 2), point.slice(2)];

  for (const name of ['b', 'b.0']) {
    test(`DeepXDE's: the trunk's last layer is activated, its bias is ${name}`, async () => {
      const { values, notes } = await run([...nets('branch.linears', 'trunk.linears'), [name, scalar(0.25)]]);
      expect(values[0]).toBeCloseTo(dot(two(branch, f), tanh(two(trunk, y))) + 0.25, 12);
      expect(notes.some((note) => /^assumed: the trunk's last layer is activated/.test(note))).toBe(true);
    });
  }

  test('one of own make: the trunk ends without activation, which is said', async () => {
    const { values, notes } = await run([...nets('branch', 'trunk'), ['b', scalar(0.5)]]);
    expect(values[0]).toBeCloseTo(dot(two(branch, f), two(trunk, y)) + 0.5, 12);
    expect(notes.some((note) => /^assumed: the trunk's last layer is not activated/.test(note))).toBe(true);
    expect(
      await refusal(
        'd.pkl',
        pickle(new Map<string, Picklable>([...nets('branch', 'trunk'), ['scale_out', scalar(2)]])),
        undefined,
        3,
      ),
    ).toContain('scale_out');
  });

  test('several outputs split branch and trunk', async () => {
    const { values } = await run([
      ...nets('branch.linears', 'trunk.linears'),
      ['b.0', scalar(0.25)],
      ['b.1', scalar(-0.5)],
    ]);
    const [a, t] = [two(branch, f), tanh(two(trunk, y))];
    expect(values).toEqual([
      expect.closeTo(dot(a.slice(0, 2), t.slice(0, 2)) + 0.25, 12),
      expect.closeTo(dot(a.slice(2), t.slice(2)) - 0.5, 12),
    ]);
  });

  test('a spec says it in its own words', async () => {
    const inputs = ['a', 'b', 'y'].map((name) => ({ name, min: -1, max: 1 }));
    const { values, model } = await run([...nets('branch', 'trunk'), ['b.0', scalar(0.5)]], {
      inputs,
      constants: { b0: 'b.0' },
      networks: {
        branch: { inputs: ['a', 'b'], prefix: 'branch.', activation: 'tanh' },
        trunk: { inputs: ['y'], prefix: 'trunk.', activation: 'tanh', outputActivation: 'tanh' },
      },
      outputs: [{ name: 'u', expression: 'dot(branch, trunk) + b0' }],
    });
    expect(values[0]).toBeCloseTo(dot(two(branch, f), tanh(two(trunk, y))) + 0.5, 12);
    expect(model.assumed).toBeUndefined();
  });
});

describe('compressed files', () => {
  test('gzip around a pickle, an array and a checkpoint', async () => {
    await expectChain('params.pkl.gz', gzipSync(pickle(LISTS['pairs (W, b)'])));
    await expectChain('w.npy.gz', gzipSync(npy('|O', [6], pickle(LISTS['an array of objects']))));
  });
});
