import { describe, expect, test } from 'vitest';
import { PinnEdgeError } from '../../compiler/diagnostics.js';
import type { Tensor } from '../../compiler/model/types.js';
import {
  answers,
  apply,
  type Dense,
  dense,
  importTensors,
  type Named,
  named,
  numbers,
  tanh,
  transposed,
  type Vector,
  vector,
} from './networks.js';

/** State dicts that hold more than a chain of layers: refused by name, and right once a spec says what is what. */

const random = numbers(11);
const layers = [dense(random, 5, 2), dense(random, 5, 5), dense(random, 1, 5)];
const [first, hidden, last] = layers;
const names = ['l1', 'l2', 'l3'];
const plain: Named = layers.flatMap((layer, i) => named(names[i], layer));
const POINT = [0.3, -0.6];
const number = (value: number) => vector([value]);

async function refusal(tensors: Named, spec?: object): Promise<string> {
  const error = await importTensors(tensors, spec).then(
    () => undefined,
    (e) => e,
  );
  expect(error).toBeInstanceOf(PinnEdgeError);
  expect(error.exitCode).toBe(2);
  expect(error.message).not.toContain('\n');
  return error.message;
}

async function expectAnswer(tensors: Named, spec: object | undefined, wanted: Vector, point = POINT) {
  const result = await importTensors(tensors, spec, point.length);
  answers(result, point).forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i], 12);
  });
  return result;
}

const chain = (x: Vector) => apply(last, tanh(apply(hidden, tanh(apply(first, x)))));
const layerNorm = (x: Vector, gamma: Vector, beta: Vector, eps = 1e-5) => {
  const mean = x.reduce((s, v) => s + v, 0) / x.length;
  const variance = x.reduce((s, v) => s + (v - mean) ** 2, 0) / x.length;
  return x.map((v, i) => ((v - mean) / Math.sqrt(variance + eps)) * gamma[i] + beta[i]);
};

describe('tensors that nothing reads', () => {
  const gamma = random(5);
  const beta = random(5);
  const extra: Record<string, { tensors: Named; field: string }> = {
    'layer normalisation': {
      tensors: [
        ['n1.weight', vector(gamma)],
        ['n1.bias', vector(beta)],
      ],
      field: '{ "layerNorm": "n1" }',
    },
    PReLU: { tensors: [['act1.weight', number(0.25)]], field: '{ "prelu": "act1" }' },
    'a slope per neuron': { tensors: [['a.0', vector(gamma)]], field: '"slope": "a.0"' },
    'a slope per layer': { tensors: [['alpha', vector([1, 2])]], field: '"slope": "alpha"' },
    'bounds of the inputs': {
      tensors: [
        ['lb', vector([-1, 0])],
        ['ub', vector([1, 2])],
      ],
      field: '"normalize": { "min", "max" }',
    },
    'moments of the inputs': {
      tensors: [
        ['x_mean', vector([0.5, 1])],
        ['x_std', vector([2, 3])],
      ],
      field: '"normalize": { "mean", "std" }',
    },
    'a matrix of frequencies': { tensors: [['B', first.weight]], field: '{ "fourier" }' },
    'a scalar that is no coefficient': { tensors: [['gain', number(2)]], field: '"constants"' },
  };
  for (const [what, { tensors, field }] of Object.entries(extra)) {
    test(`${what}: refused by name, with the field of the spec`, async () => {
      const message = await refusal([...plain, ...tensors]);
      for (const [name] of tensors) expect(message).toContain(name);
      expect(message).toContain(field);
      expect(message).toContain('--init');
      // A spec that lists the layers and forgets them is refused as well.
      expect(await refusal([...plain, ...tensors], { network: { layers: names } })).toContain(tensors[0][0]);
      // And what the user calls unused is left out.
      const ignore = tensors.map(([name]) => name);
      await expectAnswer([...plain, ...tensors], { ignore }, chain(POINT));
    });
  }

  test('what training keeps is left out with a note', async () => {
    const kept: Named = [
      ['lambda_1', number(0.01)],
      ['nu', number(0.01)],
      ['loss_weights', vector([1, 10, 100])],
      ['log_vars', vector([0, 1])],
      ['lambda_u', vector(random(40))],
      ['optimizer.exp_avg', first.weight],
      ['num_batches_tracked', number(3)],
    ];
    const { notes } = await expectAnswer([...plain, ...kept], undefined, chain(POINT));
    expect(notes.find((note) => note.startsWith('not used: '))).toBe(
      `not used: ${kept.map(([name]) => name).join(', ')}`,
    );
    // A matrix of such a name is part of a network.
    expect(await refusal([...plain, ['lambda_u', hidden.weight]])).toContain('lambda_u');
  });

  test('a pattern of "ignore" that meets nothing is refused', async () => {
    expect(await refusal(plain, { ignore: ['old.*'] })).toContain('"ignore" names old.*, which the file does not have');
    await expectAnswer(
      [...plain, ['old.w1', hidden.weight], ['old.x', number(1)]],
      { ignore: ['old.*'] },
      chain(POINT),
    );
  });
});

describe('what a spec says of them', () => {
  const gamma = Array.from(random(5));
  const beta = Array.from(random(5));

  test('layer normalisation before and after the activation', async () => {
    const tensors: Named = [...plain, ['n.weight', vector(gamma)], ['n.bias', vector(beta)]];
    const before = apply(last, tanh(apply(hidden, tanh(layerNorm(apply(first, POINT), gamma, beta)))));
    await expectAnswer(
      tensors,
      {
        network: {
          layers: [{ layer: 'l1', activation: 'none' }, { layerNorm: 'n', activation: 'tanh' }, 'l2', 'l3'],
          activation: 'tanh',
        },
      },
      before,
    );
    const after = apply(last, tanh(apply(hidden, layerNorm(tanh(apply(first, POINT)), gamma, beta, 1e-3))));
    await expectAnswer(
      tensors,
      { network: { layers: ['l1', { layerNorm: 'n', eps: 1e-3 }, 'l2', 'l3'], activation: 'tanh' } },
      after,
    );
  });

  test('batch normalisation in evaluation mode', async () => {
    const [mean, variance] = [random(5), random(5).map((v) => Math.abs(v) + 0.1)];
    const tensors: Named = [
      ...plain,
      ['bn.weight', vector(gamma)],
      ['bn.bias', vector(beta)],
      ['bn.running_mean', vector(mean)],
      ['bn.running_var', vector(variance)],
      ['bn.num_batches_tracked', number(7)],
    ];
    expect(await refusal(tensors)).toContain('{ "batchNorm": "bn" }');
    const z = apply(first, POINT).map((v, i) => ((v - mean[i]) / Math.sqrt(variance[i] + 1e-5)) * gamma[i] + beta[i]);
    await expectAnswer(
      tensors,
      {
        network: {
          activation: 'tanh',
          layers: [{ layer: 'l1', activation: 'none' }, { batchNorm: 'bn', activation: 'tanh' }, 'l2', 'l3'],
        },
      },
      apply(last, tanh(apply(hidden, tanh(z)))),
    );
  });

  test('PReLU with one slope and with one per neuron', async () => {
    for (const slopes of [[0.25], gamma]) {
      const act = (x: Vector) => x.map((v, i) => (v > 0 ? v : v * slopes[slopes.length === 1 ? 0 : i]));
      await expectAnswer(
        [...plain, ['act.weight', vector(slopes)]],
        { network: { activation: 'tanh', layers: ['l1', { prelu: 'act' }, 'l2', 'l3'] } },
        apply(last, tanh(apply(hidden, act(apply(first, POINT))))),
      );
    }
  });

  test('slopes per neuron, per layer, and out of one vector', async () => {
    const scaled = (x: Vector, s: (i: number) => number) => x.map((v, i) => v * s(i));
    await expectAnswer(
      [...plain, ['a', vector(gamma)]],
      { network: { activation: 'tanh', layers: [{ layer: 'l1', slope: 'a', slopeFactor: 10 }, 'l2', 'l3'] } },
      apply(last, tanh(apply(hidden, tanh(scaled(apply(first, POINT), (i) => 10 * gamma[i]))))),
    );
    await expectAnswer(
      [...plain, ['alpha', vector([0.5, 2])]],
      {
        tensors: { a0: { of: 'alpha', shape: [1] }, a1: { of: 'alpha', offset: 1 } },
        network: { activation: 'tanh', layers: [{ layer: 'l1', slope: 'a0' }, { layer: 'l2', slope: 'a1' }, 'l3'] },
      },
      apply(last, tanh(scaled(apply(hidden, tanh(scaled(apply(first, POINT), () => 0.5))), () => 2))),
    );
  });

  test('buffers that inputs are normalised with', async () => {
    const inputs = (normalize: object) => ['x', 't'].map((name) => ({ name, min: -1, max: 1, normalize }));
    const bounds: Named = [...plain, ['lb', vector([-2, 0])], ['ub', vector([2, 5])]];
    const [x, t] = POINT;
    await expectAnswer(
      bounds,
      { inputs: inputs({ min: 'lb', max: 'ub' }), network: { activation: 'tanh' } },
      chain([x / 2, (2 * t) / 5 - 1]),
    );
    const moments: Named = [...plain, ['mean', number(0.5)], ['std', vector([2, 3])]];
    await expectAnswer(
      moments,
      { inputs: inputs({ mean: 'mean', std: 'std' }), network: { activation: 'tanh' } },
      chain([(x - 0.5) / 2, (t - 0.5) / 3]),
    );
    const wrong = { inputs: inputs({ min: 'nolb', max: 'ub' }), network: { activation: 'tanh' } };
    expect(await refusal(bounds, wrong)).toContain('neither the file nor one of "files" has a tensor "nolb"');
  });

  test('residual additions', async () => {
    const h = tanh(apply(first, POINT));
    await expectAnswer(
      plain,
      { network: { activation: 'tanh', layers: ['l1', { residual: ['l2'] }, 'l3'] } },
      apply(
        last,
        tanh(apply(hidden, h)).map((v, i) => v + h[i]),
      ),
    );
    await expectAnswer(
      [...plain, ['alpha', vector(gamma)]],
      { network: { activation: 'tanh', layers: ['l1', { residual: ['l2'], alpha: 'alpha' }, 'l3'] } },
      apply(
        last,
        tanh(apply(hidden, h)).map((v, i) => gamma[i] * v + (1 - gamma[i]) * h[i]),
      ),
    );
  });
});

describe('what a state dict cannot tell', () => {
  test('the order of layers of equal widths is assumed, and the model keeps saying so', async () => {
    const twin = dense(random, 5, 5);
    const swapped: Named = [
      ...named('inp', first),
      ...named('h2', twin),
      ...named('h1', hidden),
      ...named('out', last),
    ];
    const { model, notes } = await importTensors(swapped);
    const note = notes.find((text) => text.includes('h2, h1'));
    expect(note).toMatch(
      /^assumed: the layers h2, h1, which have equal widths, are applied in this order, with no input added around them/,
    );
    expect(model.assumed).toContain(note!.replace('assumed: ', ''));
    expect(model.assumed?.some((text) => text.startsWith('the activation is tanh'))).toBe(true);
    const given = apply(last, tanh(apply(twin, tanh(apply(hidden, tanh(apply(first, POINT)))))));
    const { model: told } = await expectAnswer(
      swapped,
      { network: { activation: 'tanh', layers: ['inp', 'h1', 'h2', 'out'] } },
      given,
    );
    expect(told.assumed).toBeUndefined();
  });

  const blocks: Record<string, string[]> = {
    'blocks.N': ['blocks.0', 'blocks.1'],
    'blocks of two layers': ['blocks.0.0', 'blocks.0.2'],
    'fch.N.0.fc1': ['fch.0.0.fc1', 'fch.0.0.fc2'],
    'one fc1 per block': ['hidden.0.fc1', 'hidden.1.fc1'],
    'res1, res2': ['res1', 'res2'],
    'residual_layers.N': ['residual_layers.0', 'residual_layers.1'],
    skip: ['skip', 'skip_2'],
  };
  for (const [what, [a, b]] of Object.entries(blocks)) {
    test(`blocks named like residual ones are asked for: ${what}`, async () => {
      const twin = dense(random, 5, 5);
      const tensors: Named = [...named('inp', first), ...named(a, hidden), ...named(b, twin), ...named('out', last)];
      const message = await refusal(tensors);
      expect(message).toContain(`${a}, ${b} look like residual blocks`);
      expect(message).toContain(`{ "residual": ["${a}"] }`);
      const straight = apply(last, tanh(apply(twin, tanh(apply(hidden, tanh(apply(first, POINT)))))));
      await expectAnswer(tensors, { network: { activation: 'tanh', layers: ['inp', a, b, 'out'] } }, straight);
    });
  }

  test('names that only look so are a chain', async () => {
    const chains = [
      ['fcs.0', 'fch.0.0', 'fce'],
      ['net.0.linear', 'net.1.linear', 'net.2.linear'],
      ['net.net.0.0', 'net.net.1.0', 'net.net.2.0'],
      ['model.0.fc1', 'model.0.fc2', 'model.0.fc3'],
      ['resolution_in', 'hidden', 'respond'],
    ];
    for (const [a, b, c] of chains)
      await expectAnswer([...named(a, first), ...named(b, hidden), ...named(c, last)], undefined, chain(POINT));
  });

  test('square matrices of no known layout are asked for', async () => {
    const square = [dense(random, 2, 2), dense(random, 2, 2)];
    const tensors: Named = square.flatMap(
      ({ weight, bias }, i): Named => [
        [`W${i}`, transposed(weight)],
        [`b${i}`, bias],
      ],
    );
    expect(await refusal(tensors)).toContain('[out, in] as in PyTorch or [in, out]');
    const wanted = apply(square[1], tanh(apply(square[0], POINT)));
    await expectAnswer(tensors, { network: { activation: 'tanh', layout: 'in,out' } }, wanted);
    await expectAnswer(
      tensors,
      {
        network: {
          activation: 'tanh',
          layout: 'in,out',
          layers: [
            { weight: 'W0', bias: 'b0' },
            { weight: 'W1', bias: 'b1' },
          ],
        },
      },
      wanted,
    );
    const listed = {
      network: {
        activation: 'tanh',
        layers: [
          { weight: 'W0', bias: 'b0' },
          { weight: 'W1', bias: 'b1' },
        ],
      },
    };
    expect(await refusal(tensors, listed)).toContain('give its "layout"');
    // Names that frameworks give tell; that of PyTorch's in a file of another writer is an assumption.
    const { notes } = await expectAnswer(
      square.flatMap((layer, i) => named(`l${i}`, layer)),
      undefined,
      wanted,
    );
    expect(notes.some((note) => note.startsWith('assumed: the square matrices are [out, in]'))).toBe(true);
    const flax = square.flatMap(
      ({ weight, bias }, i): Named => [
        [`Dense_${i}.kernel`, transposed(weight)],
        [`Dense_${i}.bias`, bias],
      ],
    );
    await expectAnswer(flax, undefined, wanted);
  });
});

describe('weights in parts', () => {
  const norm = (v: Float64Array) => Math.sqrt(v.reduce((s, x) => s + x * x, 0));
  const split = ({ weight }: Dense, dim: 0 | 1): { v: Tensor; g: Tensor } => {
    const [rows, cols] = weight.shape;
    const count = dim === 0 ? rows : cols;
    const g = new Float64Array(count);
    weight.data.forEach((w, i) => {
      g[dim === 0 ? Math.floor(i / cols) : i % cols] += w * w;
    });
    // v of another length: only its direction counts.
    const v = weight.data.map((w, i) => w * (1 + (dim === 0 ? Math.floor(i / cols) : i % cols)));
    return {
      v: { shape: weight.shape, data: v },
      g: { shape: dim === 0 ? [rows, 1] : [1, cols], data: g.map(Math.sqrt) },
    };
  };

  for (const dim of [0, 1] as const) {
    for (const [how, v, g] of [
      ['old', '.weight_v', '.weight_g'],
      ['new', '.parametrizations.weight.original1', '.parametrizations.weight.original0'],
    ]) {
      test(`weight normalisation with dim=${dim}, ${how} parametrisation, by the shape of g`, async () => {
        const tensors: Named = layers.flatMap((layer, i): Named => {
          const parts = split(layer, dim);
          return [
            [`${names[i]}.bias`, layer.bias],
            [`${names[i]}${g}`, parts.g],
            [`${names[i]}${v}`, parts.v],
          ];
        });
        await expectAnswer(tensors, undefined, chain(POINT));
      });
    }
  }

  test('weight normalisation of the whole matrix', async () => {
    const tensors: Named = layers.flatMap(
      ({ weight, bias }, i): Named => [
        [`${names[i]}.bias`, bias],
        [`${names[i]}.weight_g`, number(norm(weight.data))],
        [`${names[i]}.weight_v`, { shape: weight.shape, data: weight.data.map((w) => 3 * w) }],
      ],
    );
    await expectAnswer(tensors, undefined, chain(POINT));
  });

  for (const [how, w, u, v] of [
    ['old', '.weight_orig', '.weight_u', '.weight_v'],
    ['new', '.parametrizations.weight.original', '.parametrizations.weight.0._u', '.parametrizations.weight.0._v'],
  ]) {
    test(`spectral normalisation, ${how} parametrisation: divided by u^T W v as stored`, async () => {
      const scaled: Dense[] = [];
      const tensors: Named = layers.flatMap(({ weight, bias }, i): Named => {
        const [rows, cols] = weight.shape;
        const [left, right] = [random(rows), random(cols)];
        const wv = Array.from({ length: rows }, (_, r) =>
          right.reduce((s, x, c) => s + weight.data[r * cols + c] * x, 0),
        );
        const sigma = wv.reduce((s, x, r) => s + x * left[r], 0);
        scaled.push({ weight: { shape: weight.shape, data: weight.data.map((x) => x / sigma) }, bias });
        return [
          [`${names[i]}.bias`, bias],
          [`${names[i]}${w}`, weight],
          [`${names[i]}${u}`, vector(left)],
          [`${names[i]}${v}`, vector(right)],
        ];
      });
      const [a, b, c] = scaled;
      const { notes } = await expectAnswer(tensors, undefined, apply(c, tanh(apply(b, tanh(apply(a, POINT))))));
      expect(notes).toContain('spectral normalisation of 3 layers folded into their weights');
    });
  }

  for (const [kind, reshape] of [
    ['of one dimension, as PyTorch writes it', (rows: number, cols: number) => [rows, cols, 1]],
    ['of two dimensions, as PyTorch writes it', (rows: number, cols: number) => [rows, cols, 1, 1]],
  ] as const) {
    test(`a convolution of width 1 ${kind} is a dense layer`, async () => {
      const tensors: Named = layers.flatMap(
        ({ weight, bias }, i): Named => [
          [`${names[i]}.weight`, { shape: reshape(weight.shape[0], weight.shape[1]), data: weight.data }],
          [`${names[i]}.bias`, bias],
        ],
      );
      const { notes } = await expectAnswer(tensors, undefined, chain(POINT));
      expect(notes).toContain('convolutions of width 1 are taken as dense layers, point by point');
    });
  }

  test('convolutions of width 1 under weight normalisation, and as kernels of Keras', async () => {
    const normalised: Named = layers.flatMap(({ weight, bias }, i): Named => {
      const [rows, cols] = weight.shape;
      const norms = Array.from({ length: rows }, (_, r) => Math.hypot(...weight.data.slice(r * cols, (r + 1) * cols)));
      return [
        [`${names[i]}.bias`, bias],
        [`${names[i]}.weight_g`, { shape: [rows, 1, 1], data: Float64Array.from(norms) }],
        [`${names[i]}.weight_v`, { shape: [rows, cols, 1], data: weight.data.map((x) => 3 * x) }],
      ];
    });
    await expectAnswer(normalised, undefined, chain(POINT));
    const kernels: Named = layers.flatMap(({ weight, bias }, i): Named => {
      const { shape, data } = transposed(weight);
      return [
        [`${names[i]}.kernel`, { shape: [1, ...shape], data }],
        [`${names[i]}.bias`, bias],
      ];
    });
    await expectAnswer(kernels, undefined, chain(POINT));
  });

  test('wider convolutions and stacked networks are refused by name', async () => {
    const wide: Tensor = { shape: [5, 2, 3], data: new Float64Array(30) };
    const stacked: Tensor = { shape: [4, 5, 2], data: new Float64Array(40) };
    for (const [name, tensor] of [
      ['conv.weight', wide],
      ['ensemble.kernel', stacked],
    ] as const) {
      const message = await refusal([[name, tensor]]);
      expect(message).toContain(`${name} [${tensor.shape.join(', ')}] is no matrix but an array of more axes`);
    }
  });

  test('what pruning masks is no weight', async () => {
    const masks = layers.map(({ weight }) => weight.data.map((_, i) => (i % 3 === 0 ? 0 : 1)));
    const tensors: Named = layers.flatMap(
      ({ weight, bias }, i): Named => [
        [`${names[i]}.bias`, bias],
        [`${names[i]}.weight_orig`, weight],
        [`${names[i]}.weight_mask`, { shape: weight.shape, data: masks[i] }],
      ],
    );
    const [a, b, c] = layers.map(({ weight, bias }, i) => ({
      weight: { shape: weight.shape, data: weight.data.map((w, k) => w * masks[i][k]) },
      bias,
    }));
    await expectAnswer(tensors, undefined, apply(c, tanh(apply(b, tanh(apply(a, POINT))))));
    const [, , [mask, { shape, data }]] = tensors;
    const other: Named = [...tensors.slice(0, 2), [mask, { shape: [shape[1], shape[0]], data }], ...tensors.slice(3)];
    expect(await refusal(other, undefined)).toContain('make the pruning permanent');
  });

  test('factors of a square layer go along the axis that the other layers show', async () => {
    const factors = layers.map(({ bias }) => bias.data.map((b) => 0.5 + Math.abs(b)));
    // W = diag(exp(s)) V, V being [out, in] as in PyTorch: the hidden layer is square.
    const tensors: Named = layers.flatMap(
      ({ weight, bias }, i): Named => [
        [
          `${names[i]}.V`,
          { shape: weight.shape, data: weight.data.map((x, k) => x / factors[i][Math.floor(k / weight.shape[1])]) },
        ],
        [`${names[i]}.s`, vector(factors[i].map(Math.log))],
        [`${names[i]}.bias`, bias],
      ],
    );
    await expectAnswer(tensors, undefined, chain(POINT));
    const inOut: Named = layers.flatMap(({ weight, bias }, i): Named => {
      const { shape, data } = transposed(weight);
      return [
        [`${names[i]}.V`, { shape, data: data.map((x, k) => x / factors[i][k % shape[1]]) }],
        [`${names[i]}.s`, vector(factors[i].map(Math.log))],
        [`${names[i]}.bias`, bias],
      ];
    });
    await expectAnswer(inOut, undefined, chain(POINT));
    const square: Named = [
      ['l.V', hidden.weight],
      ['l.s', hidden.bias],
      ['l.bias', hidden.bias],
    ];
    expect(await refusal(square)).toContain('along the rows or the columns of its square weight');
  });
});
