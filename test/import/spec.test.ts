import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { EXPRESSION_FUNCTIONS } from '../../compiler/import/expression-nodes.js';
import { importModel } from '../../compiler/import/import.js';
import { parseSpec } from '../../compiler/import/network-spec.js';
import { parseFix, parseInput, parseKeep, parseOutput } from '../../compiler/import/options.js';
import { initialSpec } from '../../compiler/import/spec-init.js';
import type { ImportOptions } from '../../compiler/import/types.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { files } from './helpers.js';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');
const cases = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as Record<
  string,
  { points: number[][]; outputs: number[][] }
>;

const run = (file: string, options: ImportOptions = {}) => importModel(join(folder, file), files, options);
const inputs = (...texts: string[]) => texts.map(parseInput);
const withSpec = (spec: object): ImportOptions => ({ spec: { file: 'spec.json', text: JSON.stringify(spec) } });
const box = [
  { name: 'x', min: -1, max: 1 },
  { name: 't', min: -1, max: 1 },
];

describe('options', () => {
  test('inputs with ranges and units', () => {
    expect(parseInput('x=-1:1')).toEqual({ name: 'x', min: -1, max: 1 });
    expect(parseInput('T=2.5e2:400:K')).toEqual({ name: 'T', min: 250, max: 400, unit: 'K' });
    expect(parseInput('x')).toEqual({ name: 'x' });
    for (const bad of ['x=1', 'x=1:', 'x=a:b', '=0:1', '1x=0:1', 'x=1:1', 'x=0:1=2']) {
      expect(() => parseInput(bad), bad).toThrow(/--input/);
    }
  });

  test('outputs, kept outputs and fixed inputs', () => {
    expect(parseOutput('u:m/s')).toEqual({ name: 'u', unit: 'm/s' });
    expect(parseKeep('u, v')).toEqual(['u', 'v']);
    expect(parseFix(['nu=0.01', 'k=-2'])).toEqual({ nu: 0.01, k: -2 });
    expect(() => parseFix(['nu'])).toThrow('--fix nu: expected name=value, such as nu=0.01');
    expect(() => parseKeep('u,,v')).toThrow('--outputs');
    expect(() => parseOutput('2u')).toThrow('--output');
  });

  test('missing ranges are asked for with the flags to give', async () => {
    await expect(run('mlp.dynamo.onnx')).rejects.toThrow(
      'no range for inputs "x0", "x1"; a range is never guessed, so add --input x0=min:max --input x1=min:max',
    );
    await expect(run('separate.legacy.onnx', { inputs: inputs('t=0:1') })).rejects.toThrow(
      'no range for input "x"; a range is never guessed, so add --input x=min:max --input t=0:1',
    );
  });

  test('a wrong number of inputs or outputs is one sentence', async () => {
    await expect(run('mlp.dynamo.onnx', { inputs: inputs('x=0:1') })).rejects.toThrow(
      'has 2 input columns, but 1 --input was given',
    );
    const options = { inputs: inputs('x=0:1', 'y=0:1', 't=0:1'), outputs: [parseOutput('u')] };
    await expect(run('heads.dynamo.onnx', options)).rejects.toThrow('has 3 outputs, but there are 1 --output');
  });

  test('inputs that the file names may come in any order', async () => {
    const { model } = await run('separate.dynamo.onnx', { inputs: inputs('t=0:2', 'x=-1:1:m') });
    expect(model.inputs).toEqual([
      { name: 'x', min: -1, max: 1, unit: 'm' },
      { name: 't', min: 0, max: 2 },
    ]);
  });

  test('dropped outputs take everything with them that only they need', async () => {
    const given = { inputs: inputs('x=0:1', 'y=0:1', 't=0:1'), outputs: ['u', 'v', 'p'].map(parseOutput) };
    const all = (await run('heads.dynamo.onnx', given)).model;
    const { model, notes } = await run('heads.dynamo.onnx', { ...given, keep: ['p'] });
    expect(model.outputs.map(({ name }) => name)).toEqual(['p']);
    expect(model.nodes.length).toBe(all.nodes.length - 2);
    expect(model.tensors.size).toBe(all.tensors.size - 4);
    expect(notes).toContain('outputs u, v dropped');
    await expect(run('heads.dynamo.onnx', { ...given, keep: ['w'] })).rejects.toThrow(
      'output "w" is not there; there are u, v, p',
    );
  });

  test('a fixed input is folded into the network', async () => {
    const free = (await run('hard-bc.dynamo.onnx', { inputs: inputs('x=-1:1', 't=0:1') })).model;
    const { model } = await run('hard-bc.dynamo.onnx', { inputs: inputs('x=-1:1', 't'), fix: { t: 0.25 } });
    expect(model.inputs.map(({ name }) => name)).toEqual(['x']);
    for (const x of [-0.7, 0.1, 0.9]) {
      const wanted = evaluateReference(free, Float64Array.of(x, 0.25))[0];
      expect(evaluateReference(model, Float64Array.of(x))[0]).toBeCloseTo(wanted, 14);
    }
    expect(model.nodes.some((node) => node.op === 'exp')).toBe(false);
    await expect(run('hard-bc.dynamo.onnx', { inputs: inputs('x=-1:1', 't'), fix: { nu: 1 } })).rejects.toThrow(
      'input "nu" is not there',
    );
  });
});

describe('specs', () => {
  test('normalisation, expressions, constants, scales and units', async () => {
    const plain = (await run('mlp.pt', { inputs: inputs('x=-1:1', 't=-1:1') })).model;
    const { model } = await run(
      'mlp.pt',
      withSpec({
        name: 'scaled',
        inputs: [
          { name: 'x', min: 0, max: 10, unit: 'm', normalize: { min: 0, max: 10 } },
          { name: 't', min: 0, max: 4, normalize: { mean: 2, std: 2 } },
        ],
        constants: { nu: 0.5 },
        network: { activation: 'tanh' },
        outputs: [
          { name: 'u', unit: 'm/s', scale: 3, offset: 1, expression: '-x^2*nu + t*(1 - x/10)*N' },
          { name: 'n', expression: 'max(N, where(x - 5, 0.25, log(1 + t))) + abs(sin(2*pi*x))/sqrt(4)' },
        ],
      }),
    );
    expect(model.name).toBe('scaled');
    for (const [x, t] of [
      [1, 3.5],
      [7.5, 0.5],
      [9, 2],
    ]) {
      const n = evaluateReference(plain, Float64Array.of(x / 5 - 1, t / 2 - 1))[0];
      const [u, m] = evaluateReference(model, Float64Array.of(x, t));
      expect(u).toBeCloseTo(3 * (-x * x * 0.5 + t * (1 - x / 10) * n) + 1, 12);
      expect(m).toBeCloseTo(Math.max(n, x > 5 ? 0.25 : Math.log(1 + t)) + Math.abs(Math.sin(2 * Math.PI * x)) / 2, 12);
    }
  });

  test('output expressions go on top of a graph as well', async () => {
    const file = 'mlp.dynamo.onnx';
    const plain = (await run(file, { inputs: inputs('x=-1:1', 't=-1:1') })).model;
    const { model } = await run(file, withSpec({ inputs: box, outputs: [{ name: 'u', expression: 't*(1 - x^2)*N' }] }));
    const point = Float64Array.of(0.3, 0.8);
    expect(evaluateReference(model, point)[0]).toBeCloseTo(0.8 * (1 - 0.09) * evaluateReference(plain, point)[0], 14);
  });

  test('what is inferred is said, what is assumed is marked', async () => {
    const { notes } = await run('mlp.pt', { inputs: inputs('x=-1:1', 't=-1:1') });
    expect(notes).toContain('inferred: 2-6-6-1, layers 0 to 4');
    expect(notes.some((note) => note.startsWith('assumed: the activation is tanh'))).toBe(true);
    const folded = (await run('rwf.pt', { inputs: inputs('x=-1:1', 't=-1:1') })).notes;
    expect(folded).toContain('random weight factorisation of 2 layers folded into their weights');
  });

  test('a network that does not chain is refused with its shapes', async () => {
    await expect(
      run('resnet.pt', withSpec({ inputs: box, network: { layers: ['first', 'nolayer'] } })),
    ).rejects.toThrow(/no layer "nolayer"; it has first, last/);
    await expect(
      run('laaf.pt', withSpec({ inputs: box, network: { layers: ['linears.0', 'linears.0'] } })),
    ).rejects.toThrow(/layer "linears.0" reads 2 values and gets 8/);
  });

  test('mistakes in expressions name their place', async () => {
    const output = (expression: string) =>
      run('mlp.pt', withSpec({ inputs: box, network: { activation: 'tanh' }, outputs: [{ name: 'u', expression }] }));
    await expect(output('N * nu')).rejects.toThrow('spec.json: expression "N * nu" of output "u": unknown name "nu"');
    await expect(output('f(x)')).rejects.toThrow('unknown function "f"');
    await expect(output('N[3]')).rejects.toThrow('index 3 of a value of width 1');
    await expect(output('x +')).rejects.toThrow(/expression "x \+"/);
    await expect(output('x ^ 40')).rejects.toThrow('the exponent 40 is beyond 16');
    await expect(output(`${'('.repeat(4000)}x${')'.repeat(4000)}`)).rejects.toThrow(/PinnEdgeError|deeply|expression/);
  });

  test('comments are allowed, and every mistake is reported with its path', () => {
    expect(parseSpec('s.json', '// note\n{ /* a */ "name": "n", }')).toEqual({ name: 'n' });
    expect(() => parseSpec('s.json', '{ "name": }')).toThrow(/s.json is not JSON: ValueExpected in line 1/);
    const wrong =
      '{ "inputs": [{ "name": "x", "min": 2, "max": 1 }], "network": { "activation": "tanj" }, "colour": 1 }';
    expect(() => parseSpec('s.json', wrong)).toThrow(/colour/);
    expect(() => parseSpec('s.json', wrong)).toThrow(/network.activation: found "tanj", expected one of/);
    expect(() => parseSpec('s.json', `${'['.repeat(100_000)}`)).toThrow(/s.json/);
  });

  test('the spec that --init writes is valid and leads to the same network', async () => {
    for (const [file, name] of Object.entries({
      'laaf.pt': '',
      'mlp.npz': 'npz',
      'deeponet.pt': 'state-dict-deeponet',
      'separate.dynamo.onnx': 'separate.dynamo',
    })) {
      const text = await initialSpec(join(folder, file), files);
      const spec = parseSpec(file, text);
      expect(text).toContain('"name"');
      // Slopes that no layer reads are the user's to place.
      const asked = file === 'laaf.pt' ? /a\.0, a\.1 are read by nothing.*"slope": "a\.0"/ : /no range for input/;
      await expect(run(file, { spec: { file: 'init.json', text } })).rejects.toThrow(asked);
      if (!name) continue;
      const { points, outputs } = cases[name];
      const given = spec.inputs!.map((input) => ({ name: input.name, min: -1, max: 1 }));
      const { model } = await run(file, { spec: { file: 'init.json', text }, inputs: given });
      const found = evaluateReference(model, Float64Array.from(points.flat()));
      outputs.flat().forEach((wanted, i) => {
        expect(found[i]).toBeCloseTo(wanted, 5);
      });
    }
  });
});

describe('unsupported operations', () => {
  test('are named with their node and what to do', async () => {
    const bytes = readFileSync(join(folder, 'mlp.legacy.onnx')).toString('latin1').replaceAll('Tanh', 'Tans');
    const changed = { read: () => Buffer.from(bytes, 'latin1'), beside: (_: string, name: string) => name };
    await expect(importModel('net.onnx', changed, { inputs: inputs('x=0:1', 't=0:1') })).rejects.toThrow(
      /net.onnx: operation Tans of node "\/1\/Tan[hs]" is not supported; write the layer with/,
    );
  });
});

test('docs/import.md lists the functions of expressions', () => {
  const text = readFileSync(join(PACKAGE_ROOT, 'docs/import.md'), 'utf8');
  const [, section] = text.match(/### Expressions of a spec\n(.*?)\n## /s)!;
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  const listed = rows.flatMap((row) => [...row.split('|')[1].matchAll(/`(\w+)/g)].map(([, name]) => name));
  expect(listed.sort()).toEqual([...EXPRESSION_FUNCTIONS].sort());
});
