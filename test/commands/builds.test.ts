import { spawn } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Goal } from '../../compiler/code/cost/goal.js';
import { buildModel } from '../../compiler/commands/build-model.js';
import { type CompressedModel, type Compressor, compressModel } from '../../compiler/compress/compress.js';
import { BUILD_DEFAULTS } from '../../compiler/deliver/build.js';
import type { Report } from '../../compiler/deliver/package/report.js';
import type { Target } from '../../compiler/deliver/package/target.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { EXIT } from '../../compiler/diagnostics.js';
import { parameterCount } from '../../compiler/model/types.js';
import { compressOnly } from '../../compiler/pipeline/compress-only.js';
import { exampleFile } from '../boards/setup.js';
import { CLI, cli, temporaryFolder } from '../helpers/cli.js';
import { modelFrom, perceptron, randoms, tensor } from '../helpers/models.js';

/** What a build says and keeps: advice that works, one search, one count of parameters, files that are checked. */

const folder = temporaryFolder();
const model = join(folder, 'net.json');
const build = join(folder, 'build');
const PLAIN = ['--compress', 'none'];
const env = { XDG_CACHE_HOME: join(folder, 'cache') };

function expectSentence(result: ReturnType<typeof cli>, code: number, ...parts: string[]): void {
  expect(result.code, result.err).toBe(code);
  expect(result.err).not.toMatch(/\n\s+at /);
  for (const part of parts) expect(result.err).toContain(part);
}

beforeAll(() => {
  writeFileSync(model, JSON.stringify(perceptron([2, 8, 8, 2])));
  const built = cli(['build', model, ...PLAIN, '--tol', '1e-2', '-o', build]);
  expect(built.code, built.err).toBe(0);
});

describe('an unreachable tolerance', () => {
  it.each(['--tol', '--tol-abs'])('%s is answered in its own terms, with one that works', (option) => {
    const ask = (value: string) =>
      cli(['build', model, ...PLAIN, '--precision', '8', option, value, '-o', join(folder, 'nearest')]);
    const refused = ask('1e-5');
    expectSentence(refused, EXIT.checkFailed, 'PE4001');
    const nearest = new RegExp(`try ${option} (\\S+)`).exec(refused.err)![1];
    const built = ask(nearest);
    expect(built.code, built.err).toBe(0);
  });
});

describe('models with structured weights', () => {
  const next = randoms(3);
  const matrix = (rows: number, cols: number) => tensor([rows, cols], next, 0.6);
  const structured = join(folder, 'structured.json');
  writeFileSync(
    structured,
    JSON.stringify({
      format: 'pinn-edge/1',
      name: 'structured',
      inputs: ['x', 'y', 'nu'].map((name) => ({ name, min: -1, max: 1 })),
      outputs: [
        { name: 'u', value: 'head', index: 0 },
        { name: 'v', value: 'head', index: 1 },
      ],
      tensors: {
        'a.weight': matrix(8, 3),
        'a.bias': tensor([8], next, 0.3),
        'b.left': matrix(8, 2),
        'b.right': matrix(2, 8),
        'c.top': matrix(4, 8),
        'c.left': matrix(4, 1),
        'c.right': matrix(1, 8),
        'c.bias': tensor([8], next, 0.3),
        'd.out': tensor([1, 2, 2], next, 0.6),
        'd.in0': tensor([2, 2, 2], next, 0.6),
        'd.in1': tensor([2, 4, 1], next, 0.6),
      },
      nodes: [
        { name: 'in', op: 'concat', inputs: ['x', 'y', 'nu'] },
        { name: 'a', op: 'dense', inputs: ['in'], weight: 'a.weight', bias: 'a.bias' },
        { name: 'ta', op: 'tanh', inputs: ['a'] },
        { name: 'b', op: 'low_rank', inputs: ['ta'], left: 'b.left', right: 'b.right' },
        { name: 'tb', op: 'tanh', inputs: ['b'] },
        {
          name: 'c',
          op: 'hierarchical',
          inputs: ['tb'],
          width: 8,
          bias: 'c.bias',
          leaves: [
            { rows: [0, 4], cols: [0, 8], weight: 'c.top' },
            { rows: [4, 8], cols: [0, 8], left: 'c.left', right: 'c.right' },
          ],
        },
        { name: 'tc', op: 'tanh', inputs: ['c'] },
        { name: 'head', op: 'tensor_train', inputs: ['tc'], outputCores: ['d.out'], inputCores: ['d.in0', 'd.in1'] },
      ],
    }),
  );

  it.each([
    ['--fix', 'nu=0.25'],
    ['--input', 'x=0:0.5'],
    ['--outputs', 'v'],
  ])('are read with %s %s', (option, value) => {
    const read = cli(['inspect', structured, option, value, '--json']);
    expect(read.code, read.err).toBe(0);
    const { tensors, inputs, outputs } = JSON.parse(read.out);
    expect(tensors).toHaveLength(11);
    expect(inputs).toHaveLength(option === '--fix' ? 2 : 3);
    expect(outputs).toHaveLength(option === '--outputs' ? 1 : 2);
  });

  it('give with --fix what they give at that value', () => {
    const place = (name: string) => join(folder, name);
    const fixed = ['build', structured, ...PLAIN, '--tol', '1e-3', '-o', place('held'), '--fix', 'nu=0.25'];
    expect(cli(fixed)).toMatchObject({ code: 0 });
    expect(cli(['build', structured, ...PLAIN, '--tol', '1e-3', '-o', place('free')])).toMatchObject({ code: 0 });
    const run = (name: string, grid: string) =>
      JSON.parse(cli(['simulate', place(name), '--grid', grid, '--engine', 'reference', '--json']).out);
    const held = run('held', 'x=-1:1:5,y=-1:1:5');
    const free = run('free', 'x=-1:1:5,y=-1:1:5,nu=0.25');
    held.forEach(({ u, v }: Record<string, number>, i: number) => {
      expect(u).toBeCloseTo(free[i].u, 12);
      expect(v).toBeCloseTo(free[i].v, 12);
    });
  });

  it('and others are held only at values of their range', () => {
    for (const value of ['1.5', '-7']) {
      expectSentence(cli(['inspect', structured, '--fix', `nu=${value}`]), 2, 'PE3005', `nu=${value}`, '-1 to 1');
    }
    expect(cli(['inspect', structured, '--fix', 'nu=1']).code).toBe(0);
  });
});

it('names are given once, and a range beyond that of the model is said', () => {
  for (const [option, ...values] of [
    ['--input', 'x0=0:1', 'x0=-1:0'],
    ['--fix', 'x0=0', 'x0=1'],
    ['--outputs', 'y0,y0'],
  ]) {
    const given = values.flatMap((value) => [option, value]);
    expectSentence(cli(['inspect', model, ...given]), 2, 'PE3005', option, 'is given twice');
  }
  const wider = cli(['inspect', model, '--input', 'x0=-1:1.5']);
  expect(wider.code).toBe(0);
  expect(wider.err).toContain('input "x0" reaches beyond the -1 to 1 of the file');
  expect(cli(['inspect', model, '--input', 'x0=-0.5:1'])).toMatchObject({ code: 0, err: '' });
});

describe('files of a build that are damaged', () => {
  const damaged = join(folder, 'damaged');
  const report = () => JSON.parse(readFileSync(join(build, 'report.json'), 'utf8'));
  const writeReport = (value: unknown) => writeFileSync(join(damaged, 'report.json'), JSON.stringify(value));

  it('end in a sentence: a missing table.txt', () => {
    cpSync(build, damaged, { recursive: true });
    rmSync(join(damaged, 'table.txt'));
    expectSentence(cli(['inspect', damaged]), 2, 'PE1001', 'table.txt', 'no such file');
  });

  it.each<[string, (r: Report) => unknown, string]>([
    ['without outputs', ({ outputs: _, ...rest }) => rest, "must have required property 'outputs'"],
    [
      'with an exponent of words',
      (r) => ({ ...r, inputs: [{ ...r.inputs[0], exponent: 'ten' }] }),
      'inputs[0].exponent',
    ],
    ['of an unknown engine', (r) => ({ ...r, engine: 'jit' }), 'engine must be equal to one of'],
    ['with negative memory', (r) => ({ ...r, memoryBytes: -1 }), 'memoryBytes'],
    ['with a field of another tool', (r) => ({ ...r, extra: 1 }), 'extra'],
  ])('end in a sentence: a report %s', (_name, change, part) => {
    cpSync(build, damaged, { recursive: true });
    writeReport(change(report()));
    for (const command of ['inspect', 'verify'])
      expectSentence(cli([command, damaged]), 2, 'PE1007', 'report.json is damaged', part);
  });

  it('end in a sentence: a report of other inputs than the model', () => {
    cpSync(build, damaged, { recursive: true });
    const { inputs, ...rest } = report();
    writeReport({ ...rest, inputs: [inputs[1], inputs[0]] });
    expectSentence(cli(['verify', damaged]), 2, 'PE1008', 'report.json', 'x1, x0');
    writeReport({ ...rest, inputs: [inputs[0]] });
    expectSentence(cli(['verify', damaged]), 2, 'PE1008', 'report.json', '2 inputs');
  });
});

describe('compression within a build', () => {
  const net = modelFrom(perceptron([2, 6, 6, 1]));
  const settings = { ...BUILD_DEFAULTS, tol: { all: 3e-2, outputs: {} }, cache: false };

  const counting = (): { compressor: Compressor; results: CompressedModel[] } => {
    const results: CompressedModel[] = [];
    const compressor: Compressor = async (...args) => {
      results.push(await compressModel(...args));
      return results.at(-1)!;
    };
    return { compressor, results };
  };

  it('is made once where a build for speed does not fit and one for size follows', async () => {
    const { compressor, results } = counting();
    const wide = modelFrom(perceptron([2, 20, 20, 1]));
    const svd = { ...settings, compress: 'svd' } as const;
    const make = async (goal: Goal | undefined, target: Target, say: (text: string) => void = () => {}) => {
      const { report } = await buildModel(wide, target, { ...svd, for: goal }, 'wide', say, compressor);
      return report;
    };
    const esp32 = loadTarget('esp32');
    const [fast, small] = [await make(undefined, esp32), await make('size', esp32)];
    expect(fast.options.goal).toBe('speed');
    expect(fast.ramBytes).toBeGreaterThan(small.ramBytes);
    results.length = 0;
    const said: string[] = [];
    const tight = await make(undefined, { ...esp32, ramBlockBytes: small.ramBytes }, (text) => said.push(text));
    expect(said.join('')).toContain('so it is built for size');
    expect(tight.options.goal).toBe('size');
    expect(results).toHaveLength(1);
  });

  it('looks for fewer bytes, and for less work where --for speed asks for it', async () => {
    const methods = async (goal: 'speed' | 'size' | undefined) => {
      const { compressor, results } = counting();
      await buildModel(net, loadTarget('esp32'), { ...settings, for: goal }, 'net', () => {}, compressor);
      return new Set(results[0].attempts.map(({ by }) => by));
    };
    // Zeros save bytes and no time, so they are only looked for where bytes count.
    expect(await methods('speed')).not.toContain('magnitude');
    expect(await methods('size')).toContain('magnitude');
    expect(await methods(undefined)).toContain('magnitude');
  });

  it('is in the report: parameters are those of the network that is built', () => {
    const place = join(folder, 'compressed');
    const built = cli(['build', model, '--tol', '3e-2', '-o', place], { env });
    expect(built.code, built.err).toBe(0);
    const { parameters, compress, float32Bytes } = JSON.parse(readFileSync(join(place, 'report.json'), 'utf8'));
    expect(compress.parameters.before).toBe(8 * 3 + 8 * 9 + 2 * 9);
    expect(parameters).toBe(compress.parameters.after);
    expect(parameters).toBeLessThan(compress.parameters.before);
    expect(float32Bytes).toBe(4 * compress.parameters.before);
  });
});

describe('parameters are counted alike before and after, by compress and by inspect', () => {
  const next = randoms(8);
  // Scalings that fold into the layers beside them, and weights that a tensor train has fewer of.
  const json = {
    format: 'pinn-edge/1',
    name: 'scaled',
    inputs: ['x', 'y'].map((name) => ({ name, min: 0, max: 1 })),
    outputs: [{ name: 'u', value: 'out' }],
    tensors: {
      w1: tensor([12, 2], next, 1),
      b1: tensor([12], next, 0.5),
      w2: tensor([12, 12], next, 0.4),
      b2: tensor([12], next, 0.3),
      w3: tensor([1, 12], next, 0.5),
    },
    nodes: [
      { name: 'in', op: 'concat', inputs: ['x', 'y'] },
      { name: 'unit', op: 'scale', inputs: ['in'], scale: [2, 2], shift: [-1, -1] },
      { name: 'z1', op: 'dense', inputs: ['unit'], weight: 'w1', bias: 'b1' },
      { name: 'h1', op: 'tanh', inputs: ['z1'] },
      { name: 'z2', op: 'dense', inputs: ['h1'], weight: 'w2', bias: 'b2' },
      { name: 'h2', op: 'tanh', inputs: ['z2'] },
      { name: 'half', op: 'scale', inputs: ['h2'], scale: [0.5], shift: [0.1] },
      { name: 'e', op: 'exp', inputs: ['half'] },
      { name: 'out', op: 'dense', inputs: ['e'], weight: 'w3' },
    ],
  };

  it.each(['tt', 'lowrank', 'hmatrix', 'prune', 'int16'] as const)('by the method %s', async (method) => {
    const scaled = modelFrom(json);
    const compress = { method, share: 1, refine: false };
    const { parameters, bytes, model: small } = await compressOnly(scaled, { tolerance: 0.2, compress });
    expect(parameters.before).toBe(parameterCount(scaled));
    expect(bytes.before).toBe(4 * parameterCount(scaled));
    expect(parameters.after).toBe(parameterCount(small ?? scaled));
  });

  it('of every attempt, as of the network that is written', async () => {
    for (const method of ['tt', 'lowrank', 'prune'] as const) {
      const compress = { method, share: 1, refine: false, round: false };
      const { attempts, model: small } = await compressOnly(modelFrom(json), { tolerance: 0.2, compress });
      const kept = attempts.filter((attempt) => attempt.kept);
      expect(kept.length, method).toBeGreaterThan(0);
      expect(kept.at(-1)!.parameters, method).toBe(parameterCount(small!));
    }
  });
});

it('Ctrl-C ends a build at once, in the middle of a stage', async () => {
  const args = ['build', exampleFile('front'), ...PLAIN, '--tol', '1e-4', '-o', join(folder, 'stopped')];
  const child = spawn(process.execPath, [CLI, ...args]);
  let out = '';
  child.stdout.on('data', (text) => {
    // The stage that follows this line takes seconds without a pause.
    if (/compress +off/.test(out) === false && /compress +off/.test(out + text)) child.kill('SIGINT');
    out += text;
  });
  const signal = await new Promise((resolve) => child.on('exit', (_code, ended) => resolve(ended)));
  expect(signal).toBe('SIGINT');
  expect(out).not.toContain('quantize');
});
