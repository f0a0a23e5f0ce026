import { describe, expect, test } from 'vitest';
import { importModel } from '../../compiler/import/import.js';
import { expandNames, shortenNames } from '../../compiler/import/name-ranges.js';
import { parseInputs, parseOutputs } from '../../compiler/import/options.js';
import { initialSpec } from '../../compiler/import/spec-init.js';
import { writeSafetensors } from '../../compiler/model/safetensors.js';
import { memoryFiles } from './helpers.js';
import { answers, apply, dense, named, numbers, tanh, vector } from './networks.js';
import { npy } from './pickles.js';

/** Shorthand for many inputs, and normalisers in files of their own. */

const random = numbers(11);
const COUNT = 21;
const net = [dense(random, 6, COUNT), dense(random, 2, 6)];
const bytes = writeSafetensors(new Map(net.flatMap((layer, i) => named(`l${i}`, layer))));
const point = Array.from(random(COUNT));
const [mean, std] = [random(COUNT), random(COUNT).map((v) => 1 + Math.abs(v))];
const f8 = (data: Float64Array) => npy('<f8', [data.length], new Uint8Array(data.buffer.slice(0)));

const importNet = (spec: object | undefined, texts: string[] = [], files: Record<string, Uint8Array> = {}) =>
  importModel('net.safetensors', memoryFiles({ 'net.safetensors': bytes, ...files }), {
    inputs: texts.flatMap(parseInputs),
    ...(spec ? { spec: { file: 'spec.json', text: JSON.stringify(spec) } } : {}),
  });

describe('names', () => {
  test('ranges count as Python does', () => {
    expect(expandNames('u[0:3]', '')).toEqual(['u0', 'u1', 'u2']);
    expect(expandNames('a1[9:11]', '')).toEqual(['a19', 'a110']);
    expect(expandNames('u', '')).toEqual(['u']);
    expect(expandNames('cos(u[0:3])', '')).toEqual(['cos(u[0:3])']);
    for (const empty of ['u[3:3]', 'u[4:3]', 'u[0:1025]']) {
      expect(() => expandNames(empty, `--input ${empty}`)).toThrow(/1 to 1024 are possible/);
    }
  });

  test('short and long forms are each other', () => {
    const names = ['x', ...Array.from({ length: 12 }, (_, i) => `u${i}`), 'u13', 't0', 't1', 'v08', 'v09', 'u12'];
    expect(shortenNames(names)).toEqual(['x', 'u[0:12]', 'u13', 't0', 't1', 'v08', 'v09', 'u12']);
    expect(shortenNames(names).flatMap((name) => expandNames(name, ''))).toEqual(names);
    expect(shortenNames([])).toEqual([]);
  });

  test('options give each its range and unit', () => {
    expect(parseInputs('u[0:2]=-1:1:m')).toEqual([
      { name: 'u0', min: -1, max: 1, unit: 'm' },
      { name: 'u1', min: -1, max: 1, unit: 'm' },
    ]);
    expect(parseInputs('x=0:1')).toEqual([{ name: 'x', min: 0, max: 1 }]);
    expect(parseOutputs('p[2:4]:Pa')).toEqual([
      { name: 'p2', unit: 'Pa' },
      { name: 'p3', unit: 'Pa' },
    ]);
    expect(parseOutputs('u:m/s[a:b]')).toEqual([{ name: 'u', unit: 'm/s[a:b]' }]);
    for (const bad of ['u[0:2', 'u[:2]=0:1', 'u[a:b]=0:1', '[0:2]=0:1', 'u[0:2]x=0:1', 'u[0:2]=1:0', 'u[0:-2]=0:1']) {
      expect(() => parseInputs(bad), bad).toThrow(/--input/);
    }
  });
});

test('one option for all inputs is the same as one for each', async () => {
  const short = await importNet(undefined, [`u[0:${COUNT}]=-1:1:m`]);
  const long = await importNet(
    undefined,
    Array.from({ length: COUNT }, (_, i) => `u${i}=-1:1:m`),
  );
  expect(short.model.inputs).toEqual(long.model.inputs);
  expect(answers(short, point)).toEqual(apply(net[1], tanh(apply(net[0], point))).map((v) => expect.closeTo(v, 12)));
});

test('a network of many inputs is asked for, and proposed by --init, in the short form', async () => {
  await expect(importNet(undefined)).rejects.toThrow(`add --input x[0:${COUNT}]=min:max`);
  const text = await initialSpec('net.safetensors', memoryFiles({ 'net.safetensors': bytes }));
  expect(text).toContain(`"name": "x[0:${COUNT}]"`);
  const spec = { file: 'spec.json', text };
  const files = memoryFiles({ 'net.safetensors': bytes });
  const { model } = await importModel('net.safetensors', files, { spec, inputs: parseInputs(`x[0:${COUNT}]=-1:1`) });
  expect(model.inputs.map(({ name }) => name)).toEqual(Array.from({ length: COUNT }, (_, i) => `x${i}`));
});

describe('normalisers in a file', () => {
  const scaler = writeSafetensors(new Map([['mu', vector(mean)] as const, ['sigma', vector(std)] as const]));
  const normalised = (x: number[]) => x.map((v, i) => (v - mean[i]) / std[i]);
  const wanted = apply(net[1], tanh(apply(net[0], normalised(point)))).map((v) => expect.closeTo(v, 12));
  const entry = { name: `u[0:${COUNT}]`, min: -1, max: 1, normalize: { mean: 'mu', std: 'sigma' } };

  test('each input has its own number', async () => {
    const imported = await importNet({ files: ['scaler.st'], inputs: [entry] }, [], { 'scaler.st': scaler });
    expect(answers(imported, point)).toEqual(wanted);
  });

  test('a .npy is named by its file', async () => {
    const own = { ...entry, normalize: { mean: 'mu', std: 'sigma' } };
    const files = { 'mu.npy': f8(mean), 'sigma.npy': f8(std) };
    const imported = await importNet({ files: ['mu.npy', 'sigma.npy'], inputs: [own] }, [], files);
    expect(answers(imported, point)).toEqual(wanted);
  });

  test('numbers may be those of one entry, beside other inputs', async () => {
    const part = writeSafetensors(new Map([['mu', vector(mean.slice(1))] as const, ['sigma', vector([2])] as const]));
    const inputs = [
      { name: 'y', min: -1, max: 1 },
      { ...entry, name: `u[1:${COUNT}]` },
    ];
    const imported = await importNet({ files: ['scaler.st'], inputs }, [], { 'scaler.st': part });
    const x = point.map((v, i) => (i === 0 ? v : (v - mean[i]) / 2));
    expect(answers(imported, point)).toEqual(apply(net[1], tanh(apply(net[0], x))).map((v) => expect.closeTo(v, 12)));
  });

  test('constants of expressions may be in it', async () => {
    const spec = { files: ['c.st'], constants: { k: 'factor' }, outputs: [{ name: 'a', expression: 'k*N[0]' }] };
    const files = { 'c.st': writeSafetensors(new Map([['factor', vector([2.5])] as const])) };
    const imported = await importNet(spec, [`u[0:${COUNT}]=-1:1`], files);
    expect(answers(imported, point)[0]).toBeCloseTo(2.5 * apply(net[1], tanh(apply(net[0], point)))[0], 12);
  });

  test('what does not fit is one sentence', async () => {
    const plain = { inputs: [{ ...entry, normalize: undefined }] };
    const refusals: [object, Record<string, Uint8Array>, RegExp][] = [
      [{ files: ['none.st'], inputs: [entry] }, {}, /none\.st: there is no such file/],
      [{ files: ['scaler.st'], ...plain }, { 'scaler.st': scaler }, /"files": scaler\.st has no effect/],
      [{ inputs: [entry] }, {}, /neither the file nor one of "files" has a tensor "mu"/],
      [
        { files: ['mu.npy'], inputs: [{ ...entry, normalize: { mean: 'mu', std: 1 } }] },
        { 'mu.npy': f8(mean.slice(2)) },
        /"mu" has 19 numbers for 21 inputs/,
      ],
      [{ files: ['net.safetensors'], inputs: [entry] }, {}, /rename one/],
      [{ files: ['text.st'], inputs: [entry] }, { 'text.st': new TextEncoder().encode('{"a": 1}') }, /text\.st/],
    ];
    for (const [spec, files, words] of refusals) await expect(importNet(spec, [], files)).rejects.toThrow(words);
  });
});
