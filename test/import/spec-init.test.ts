import { describe, expect, test } from 'vitest';
import { importModel } from '../../compiler/import/import.js';
import { parseSpec } from '../../compiler/import/network-spec.js';
import { parseInput } from '../../compiler/import/options.js';
import { initialSpec } from '../../compiler/import/spec-init.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { writeSafetensors } from '../../compiler/model/safetensors.js';
import { memoryFiles } from './helpers.js';
import { apply, dense, type Named, named, numbers, tanh, transposed, vector } from './networks.js';
import { npy, pickle } from './pickles.js';

/** What `import --init` proposes: true counts, networks, gates and prefixes, and assumptions that stay marked. */

const random = numbers(5);

async function init(file: string, bytes: Uint8Array) {
  const text = await initialSpec(file, memoryFiles({ [file]: bytes }));
  return { text, spec: parseSpec('spec.json', text) };
}

const ofTensors = (tensors: Named) => init('net.safetensors', writeSafetensors(new Map(tensors)));

/** The network of a spec as `--init` wrote it, ranges added. */
async function importAsWritten(file: string, bytes: Uint8Array, text: string) {
  const { inputs = [] } = parseSpec('spec.json', text);
  return importModel(file, memoryFiles({ [file]: bytes }), {
    spec: { file: 'spec.json', text },
    inputs: inputs.map(({ name }) => parseInput(`${name}=-1:1`)),
  });
}

test('one output per row of the last layer, one input per column of the first', async () => {
  const net = [dense(random, 6, 17), dense(random, 3, 6)];
  const { spec } = await ofTensors(net.flatMap((layer, i) => named(`l${i}`, layer)));
  expect(spec.inputs).toHaveLength(17);
  expect(spec.outputs).toHaveLength(3);
});

test('an assumed activation stays marked, and the note stays on import and in the model', async () => {
  const net = [dense(random, 6, 2), dense(random, 6, 6), dense(random, 1, 6)];
  const bytes = writeSafetensors(new Map(net.flatMap((layer, i) => named(`l${i}`, layer))));
  const { text, spec } = await init('net.safetensors', bytes);
  expect(text).toMatch(/"activation": "tanh", \/\/ assumed/);
  expect(spec.network?.assumed).toContain('activation');
  const { model, notes } = await importAsWritten('net.safetensors', bytes, text);
  expect(notes.some((note) => note.startsWith('assumed: the activation is tanh'))).toBe(true);
  expect(model.assumed?.some((note) => note.startsWith('the activation is tanh'))).toBe(true);
  const checked = text.replace(/"assumed": \[[^\]]*\],/, '');
  const told = await importAsWritten('net.safetensors', bytes, checked);
  expect(told.model.assumed).toBeUndefined();
  expect(told.notes.join()).not.toContain('assumed');
});

test('several networks are proposed as such, with their inputs', async () => {
  const u = [dense(random, 6, 2), dense(random, 1, 6)];
  const p = [dense(random, 4, 2), dense(random, 2, 4)];
  const tensors = [...u.flatMap((l, i) => named(`net_u.${i}`, l)), ...p.flatMap((l, i) => named(`net_p.${i}`, l))];
  const bytes = writeSafetensors(new Map(tensors));
  const { text, spec } = await init('net.safetensors', bytes);
  expect(Object.keys(spec.networks ?? {}).sort()).toEqual(['net_p', 'net_u']);
  expect(spec.outputs).toHaveLength(3);
  const { model } = await importAsWritten('net.safetensors', bytes, text);
  const x = [0.2, -0.4];
  const two = (net: typeof u) => apply(net[1], tanh(apply(net[0], x)));
  const found = Array.from(evaluateReference(model, Float64Array.from(x)));
  const wanted = Object.keys(spec.networks ?? {}).flatMap((name) => two(name === 'net_u' ? u : p));
  expect(found).toEqual(wanted.map((v) => expect.closeTo(v, 12)));
});

test('the gates of a modified MLP are proposed, and the spec is right as it is', async () => {
  const [U, V, first, hidden, last] = [
    dense(random, 6, 2),
    dense(random, 6, 2),
    dense(random, 6, 2),
    dense(random, 6, 6),
    dense(random, 1, 6),
  ];
  const bytes = writeSafetensors(
    new Map([
      ...named('net.0', first),
      ...named('net.1', hidden),
      ...named('net.2', last),
      ...named('U', U),
      ...named('V', V),
    ]),
  );
  const { text, spec } = await init('net.safetensors', bytes);
  expect(spec.network?.gates).toEqual({ u: 'U', v: 'V' });
  expect(spec.network?.assumed).toContain('gates');
  const { model } = await importAsWritten('net.safetensors', bytes, text);
  const x = [0.2, -0.4];
  const [u, v] = [tanh(apply(U, x)), tanh(apply(V, x))];
  const gate = (h: number[]) => h.map((value, i) => value * u[i] + (1 - value) * v[i]);
  const wanted = apply(last, gate(tanh(apply(hidden, gate(tanh(apply(first, x)))))));
  expect(evaluateReference(model, Float64Array.from(x))[0]).toBeCloseTo(wanted[0], 12);
});

test('blocks that look residual are marked where they stand', async () => {
  const net = [dense(random, 6, 2), dense(random, 6, 6), dense(random, 1, 6)];
  const tensors = [...named('inp', net[0]), ...named('blocks.0', net[1]), ...named('out', net[2])];
  const { text } = await ofTensors(tensors);
  expect(text).toMatch(/"blocks\.0", \/\/ \[6, 6\]; \{ "residual": \["blocks\.0"\] \} where its input is added/);
  // A spec that nobody has looked through does not settle it.
  const bytes = writeSafetensors(new Map(tensors));
  await expect(importAsWritten('net.safetensors', bytes, text)).rejects.toThrow(
    /blocks\.0 look like residual blocks: write/,
  );
  const settled = text
    .replace('"activation", "layers"', '"activation"')
    .replace('"blocks.0",', '{ "residual": ["blocks.0"] },');
  const { model } = await importAsWritten('net.safetensors', bytes, settled);
  const h = tanh(apply(net[0], [0.2, 0.3]));
  const wanted = apply(
    net[2],
    tanh(apply(net[1], h)).map((value, i) => value + h[i]),
  );
  expect(evaluateReference(model, Float64Array.of(0.2, 0.3))[0]).toBeCloseTo(wanted[0], 12);
});

test('every matrix is a candidate where no name tells the layers', async () => {
  const tensors: Named = [
    ['first_matrix', dense(random, 6, 2).weight],
    ['second_matrix', dense(random, 1, 6).weight],
    ['shift_a', vector(random(6))],
  ];
  const { spec, text } = await ofTensors(tensors);
  expect(spec.network?.layers).toEqual(['first_matrix', 'second_matrix']);
  expect(spec.network?.assumed).toEqual(['activation', 'layers']);
  expect(text).toContain('shift_a [6]');
  expect(spec.inputs).toHaveLength(2);
  // In lists that do not fit together, too.
  const loose = await init('p.pkl', pickle([[dense(random, 6, 2).weight], dense(random, 1, 5).weight]));
  expect(loose.spec.network?.layers).toHaveLength(2);
});

test('the layout of square matrices stays a question', async () => {
  const bytes = writeSafetensors(
    new Map<string, ReturnType<typeof vector>>([
      ['A', dense(random, 2, 2).weight],
      ['C', dense(random, 2, 2).weight],
    ]),
  );
  const { text, spec } = await init('net.safetensors', bytes);
  expect(spec.network?.assumed).toEqual(['activation', 'layers', 'layout']);
  await expect(importAsWritten('net.safetensors', bytes, text)).rejects.toThrow(/may be \[out, in\] or \[in, out\]/);
  await importAsWritten('net.safetensors', bytes, text.replace(', "layout" ]', ' ]'));
});

test('bounds and other tensors are named with their field', async () => {
  const net = [dense(random, 6, 2), dense(random, 1, 6)];
  const { text } = await ofTensors([
    ...net.flatMap((layer, i) => named(`l${i}`, layer)),
    ['lb', vector([-1, 0])],
    ['ub', vector([1, 1])],
    ['n1.weight', vector(random(6))],
    ['n1.bias', vector(random(6))],
    ['lambda_1', vector([2])],
  ]);
  expect(text).toContain('"normalize": { "min": "lb", "max": "ub" }');
  expect(text).toContain('n1.weight [6]: { "layerNorm": "n1" }');
  expect(text).toContain('lambda_1 [1]: not used');
});

test('one vector: what is there, and how to cut it', async () => {
  const { text } = await init('flat.npy', npy('<f8', [105], new Uint8Array(840)));
  expect(text).toContain('one vector of 105 numbers');
  expect(text).toContain('2-8-8-1');
  const cut = text
    .replace(/^ {2}\/\/ ("tensors": \{|"network": .*|\},)$/gm, '  $1')
    .replace(/^ {2}\/\/ {3}("[Wb]\d": .*)$/gm, '    $1');
  expect(Object.keys(parseSpec('spec.json', cut).tensors ?? {})).toEqual(['W0', 'b0', 'W1', 'b1', 'W2', 'b2']);
});

describe('keys of a spec without effect', () => {
  const net = [dense(random, 6, 2), dense(random, 6, 6), dense(random, 1, 6)];
  const gates = [...named('U', dense(random, 6, 2)), ...named('V', dense(random, 6, 2))];
  const plain = net.flatMap((layer, i) => named(`net.${i}`, layer));
  const inputs = [
    { name: 'x', min: -1, max: 1 },
    { name: 't', min: -1, max: 1 },
  ];
  const layers = ['net.0', 'net.1', 'net.2'];
  const run = (tensors: Named, spec: object) =>
    importModel('n.safetensors', memoryFiles({ 'n.safetensors': writeSafetensors(new Map(tensors)) }), {
      spec: { file: 'spec.json', text: JSON.stringify({ inputs, ...spec }) },
    });

  test('gates are applied with inferred layers as with listed ones', async () => {
    const tensors = [...plain, ...gates];
    const uv = { u: 'U', v: 'V' };
    const values = await Promise.all(
      [{ layers }, { prefix: 'net.' }, {}].map(async (own) => {
        const { model } = await run(tensors, { network: { activation: 'tanh', gates: uv, ...own } });
        return evaluateReference(model, Float64Array.of(0.3, -0.2))[0];
      }),
    );
    expect(values[1]).toBe(values[0]);
    expect(values[2]).toBe(values[0]);
    const { model } = await run(plain, { network: { activation: 'tanh' } });
    expect(evaluateReference(model, Float64Array.of(0.3, -0.2))[0]).not.toBeCloseTo(values[0], 3);
  });

  test('gates within residual blocks are those that the layers ask for', async () => {
    const network = (gated: boolean) => ({
      activation: 'tanh',
      gates: { u: 'U', v: 'V' },
      layers: ['net.0', { residual: [{ layer: 'net.1', gated }] }, 'net.2'],
    });
    const x = [0.3, -0.2];
    const of = (name: string) => ({
      weight: new Map(gates).get(`${name}.weight`)!,
      bias: new Map(gates).get(`${name}.bias`)!,
    });
    const [u, v] = [tanh(apply(of('U'), x)), tanh(apply(of('V'), x))];
    const gate = (h: number[]) => h.map((value, i) => value * u[i] + (1 - value) * v[i]);
    const h = gate(tanh(apply(net[0], x)));
    for (const gated of [true, false]) {
      const inner = tanh(apply(net[1], h));
      const sum = (gated ? gate(inner) : inner).map((value, i) => value + h[i]);
      const { model } = await run([...plain, ...gates], { network: network(gated) });
      expect(evaluateReference(model, Float64Array.from(x))[0]).toBeCloseTo(apply(net[2], sum)[0], 12);
    }
  });

  const residual = ['net.0', { residual: ['net.1'] }, 'net.2'];
  const refused: Record<string, [object, RegExp, Named?]> = {
    'a gate that is not there': [
      { network: { prefix: 'net.', gates: { u: 'nosuch', v: 'V' } } },
      /no layer "nosuch"/,
      gates,
    ],
    'gates beside residual blocks that do not say': [
      { network: { layers: residual, gates: { u: 'U', v: 'V' } } },
      /"gates" beside residual blocks/,
      gates,
    ],
    'gates of a single layer': [
      { networkInputs: ['x', 't'], network: { layers: ['net.0'], gates: { u: 'U', v: 'V' } } },
      /"gates" .*they mix no layer/,
      gates,
    ],
    'gated without gates': [
      { network: { layers: [{ layer: 'net.0', gated: true }, 'net.1', 'net.2'] } },
      /"gated" .*no gates/,
    ],
    'omega without hidden layers': [{ network: { layers: ['net.0'], omega: 30 } }, /"omega" .*no hidden layer/],
    'slope where every layer has its own': [
      { network: { slope: 2, layers: [{ layer: 'net.0', omega: 2 }, { layer: 'net.1', omega: 2 }, 'net.2'] } },
      /"slope" .*every hidden layer has its own/,
    ],
    'outputActivation beside that of the last layer': [
      { network: { outputActivation: 'sin', layers: ['net.0', 'net.1', { layer: 'net.2', activation: 'tanh' }] } },
      /"outputActivation" .*says its own/,
    ],
    'prefix with listed layers': [{ network: { prefix: 'net.', layers } }, /"prefix"/],
    'layout where every layer has its own': [
      { network: { layout: 'in,out', layers: layers.map((layer) => ({ layer, layout: 'out,in' })) } },
      /"layout" .*every layer has its own/,
    ],
    'normalize beside expressions': [
      { inputs: [{ ...inputs[0], normalize: { mean: 0, std: 2 } }, inputs[1]], networkInputs: ['x', 't'], network: {} },
      /"normalize" of input "x" has no effect/,
    ],
    'constants that nothing uses': [{ constants: { nu: 0.1 }, network: {} }, /constant "nu" has no effect/],
    'networkInputs beside own inputs': [
      { networkInputs: ['x', 't'], networks: { A: { inputs: ['t', 'x'] } } },
      /"networkInputs" has no effect/,
    ],
    'a network that nothing reads': [
      { networks: { A: { layers }, B: { layers } }, outputs: [{ name: 'u', expression: 'A' }] },
      /network "B" has no effect/,
    ],
  };
  for (const [name, [spec, message, more = []]] of Object.entries(refused)) {
    test(`${name} is refused`, async () => {
      await expect(run([...plain, ...more], spec)).rejects.toThrow(message);
    });
  }

  test('a bias named beside a layer is used', async () => {
    const own = vector(random(6));
    const { model } = await run([...plain.filter(([name]) => name !== 'net.0.bias'), ['shift', own]], {
      network: { activation: 'tanh', layers: [{ layer: 'net.0', bias: 'shift' }, 'net.1', 'net.2'] },
    });
    const x = [0.1, 0.2];
    const wanted = apply(net[2], tanh(apply(net[1], tanh(apply({ weight: net[0].weight, bias: own }, x)))));
    expect(evaluateReference(model, Float64Array.from(x))[0]).toBeCloseTo(wanted[0], 12);
  });

  test('a derivative is refused in one sentence, which names the option that adds it', async () => {
    for (const [word, by] of [
      ['N_x', 'x'],
      ['N_xt', 'xt'],
      ['u_t', 't'],
    ]) {
      const refused = run(plain, { network: {}, outputs: [{ name: 'u', expression: `2*${word}` }] });
      await expect(refused).rejects.toThrow(`"${word}" is a derivative of the network`);
      await expect(refused).rejects.toThrow(`add --derive "u = psi_${by}" --outputs u`);
    }
  });
});

describe('networks that read one another', () => {
  const net = [dense(random, 6, 2), dense(random, 6, 6), dense(random, 1, 6)];
  const bytes = writeSafetensors(new Map(net.flatMap((layer, i) => named(`l${i}`, layer))));
  const inputs = ['x', 't'].map((name) => ({ name, min: -1, max: 1 }));
  const run = async (spec: object) =>
    (
      await importModel('n.safetensors', memoryFiles({ 'n.safetensors': bytes }), {
        spec: { file: 's.json', text: JSON.stringify({ inputs, ...spec }) },
      })
    ).model;
  const part = (reads: string[], layer: string, outputActivation = 'tanh') => ({
    inputs: reads,
    layers: [layer],
    activation: 'tanh',
    outputActivation,
  });

  test('take as many nodes as one network', async () => {
    const one = await run({ network: { activation: 'tanh', layers: ['l0', 'l1', 'l2'] } });
    const three = await run({
      networks: { A: part(['x', 't'], 'l0'), B: part(['A'], 'l1'), C: part(['B'], 'l2', 'none') },
      outputs: [{ name: 'u', expression: 'C' }],
    });
    expect(three.nodes.map(({ op }) => op)).toEqual(one.nodes.map(({ op }) => op));
  });

  test('a layer that several of them use is stored once', async () => {
    const model = await run({
      networks: { A: part(['x', 't'], 'l0'), B: part(['A'], 'l1'), C: part(['B'], 'l1'), D: part(['C'], 'l2', 'none') },
      outputs: [{ name: 'u', expression: 'D' }],
    });
    expect(model.tensors.size).toBe(6);
    expect(model.nodes.filter((node) => node.op === 'dense')).toHaveLength(4);
  });
});

test('one vector is cut up as proposed, and what the proposal assumes stays marked', async () => {
  const net = [dense(random, 8, 2), dense(random, 8, 8), dense(random, 1, 8)];
  // As JAX ravels pairs (W, b): W row by row, [in, out].
  const flat = net.flatMap(({ weight, bias }) => [...transposed(weight).data, ...bias.data]);
  const bytes = npy('<f8', [flat.length], new Uint8Array(Float64Array.from(flat).buffer));
  const { text } = await init('flat.npy', bytes);
  expect(text).toContain('2-8-8-1');
  const uncommented = text
    .replaceAll(/^ {2}\/\/ ( *"(tensors|network|W\d|b\d)".*|\},)$/gm, '  $1')
    .replace('{ "name": "x0"', '{ "name": "x1" },\n    { "name": "x0"');
  const { model, notes } = await importAsWritten('flat.npy', bytes, uncommented);
  const x = [0.2, -0.4];
  const wanted = apply(net[2], tanh(apply(net[1], tanh(apply(net[0], x)))))[0];
  expect(evaluateReference(model, Float64Array.from(x))[0]).toBeCloseTo(wanted, 12);
  expect(notes.join('\n')).toContain('assumed: the activation is tanh');
});
