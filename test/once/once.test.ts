import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Goal } from '../../compiler/code/cost/goal.js';
import type { BuildEngine } from '../../compiler/code/engines/build-engine.js';
import { PART } from '../../compiler/code/entry.js';
import { buildForTarget } from '../../compiler/deliver/build.js';
import { VALIDATE_SOURCES } from '../../compiler/deliver/package/firmware-files.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { congruential } from '../../compiler/judge/points/random.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import type { BlockTable } from '../../compiler/table/table.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { modelFrom, randoms, tensor } from '../helpers/models.js';
import { instantiator, type ModelExports } from '../helpers/webassembly.js';
import { C99, COMMON, compileOrThrow, includes, STUBS, WARNINGS, wasm3Object } from '../package/toolchain.js';
import { operatorBuild, operatorNet, withoutOnce } from './helpers.js';

const folder = temporaryFolder();

/** A run of operations in any order, with words inside and outside of the ranges, and what must come of each. */
function operations(table: BlockTable, once: readonly boolean[], count: number) {
  const random = congruential(5);
  const oracle = createOracle(table);
  const given = table.inputs.map(({ min, max }) => Math.max(min, Math.min(max, 0)));
  const places = [0, 1, 2].map((part) => given.flatMap((_, i) => (!part || once[i] === (part === 1) ? i : [])));
  return Array.from({ length: count }, (_, n) => {
    const operation = n ? Math.floor(random() * 4) % 3 : 1;
    const words = places[operation].map((i) => {
      const { min, max } = table.inputs[i];
      return Math.floor(min + (max - min) * (1.1 * random() - 0.05));
    });
    let isClamped = false;
    places[operation].forEach((i, k) => {
      const { min, max } = table.inputs[i];
      given[i] = Math.max(min, Math.min(max, words[k]));
      isClamped ||= given[i] !== words[k];
    });
    const { outputs } = oracle.run(Int32Array.from(given));
    return { operation, words, places: places[operation], result: Number(isClamped), outputs: [...outputs] };
  });
}

const isOnce = (inputs: readonly { once?: boolean }[]) => inputs.map(({ once }) => once === true);

describe('a module in two parts', () => {
  it.each<[Goal, number, string]>([
    ['size', 1, 'cortex-m4'],
    ['speed', 1, 'cortex-m4'],
    ['speed', 1, 'esp32'],
    ['speed', 9, 'esp32'],
    ['memory', 9, 'cortex-m4'],
  ])('gives the words of an evaluation, in any order: for %s, %i layers, %s', async (goal, depth, target) => {
    const { compiled, report } = await operatorBuild('wasm3', goal, { depth, target });
    const { table } = compiled.lowered;
    if (depth > 1) expect(table.records.length).toBeGreaterThan(32);
    expect(report.parts!.once.records + report.parts!.each.records).toBe(table.records.length);
    expect(report.parts!.once.macs + report.parts!.each.macs).toBe(report.macs);
    const module = instantiator(compiled.wasm)() as ModelExports & { evaluate(): number };
    const words = new Int32Array(module.memory.buffer);
    const [input, output] = [module.input() / 4, module.output() / 4];
    const outputCount = table.outputs.length;
    module.run();
    for (const { operation, words: given, places, result, outputs } of operations(table, isOnce(report.inputs), 300)) {
      for (const [k, i] of places.entries()) words[input + i] = given[k];
      words[output + outputCount] = [PART.BOTH, PART.ONCE, PART.EACH][operation];
      expect(module.evaluate()).toBe(result);
      if (operation !== 1) expect([...words.subarray(output, output + outputCount)]).toEqual(outputs);
    }
  });
});

/** The program of once_main.c around a build's sources. */
async function program(engine: BuildEngine, flags: readonly string[]) {
  const { files, compiled, report } = await operatorBuild(engine, 'speed');
  const place = join(folder, `${engine}${flags.length}`);
  mkdirSync(place, { recursive: true });
  const isLibrary = engine === 'wasm3';
  for (const [path, text] of files) {
    const name = /^c\/(.*\.[ch])$/.exec(path)?.[1] ?? (/^pinn_\w+\.h$/.test(path) ? path : undefined);
    if (name) writeFileSync(join(place, name), text);
  }
  const library = ['pinn_edge.c', 'pe_module.c', 'pe_arena.c', 'pe_crc32.c', 'pe_once.c', ...VALIDATE_SOURCES];
  const sources = isLibrary ? library.map((name) => join(COMMON, name)) : [join(place, 'model.c')];
  const all = [
    ...C99,
    ...flags,
    ...WARNINGS,
    ...(isLibrary ? ['-DWITH_LIBRARY'] : []),
    ...includes(place, ...(isLibrary ? [STUBS] : [])),
  ];
  const made = join(place, 'program');
  const objects = [...sources, join(PACKAGE_ROOT, 'test', 'once', 'once_main.c')].map((source, i) => {
    compileOrThrow('cc', [...all, '-c', source, '-o', `${made}${i}.o`]);
    return `${made}${i}.o`;
  });
  compileOrThrow('cc', [...flags, ...objects, ...(isLibrary ? [wasm3Object(flags)] : []), '-lm', '-o', made]);
  return { made, table: compiled.lowered.table, once: isOnce(report.inputs) };
}

describe('firmware', () => {
  it.each<[BuildEngine, string, string[]]>([
    ['c', 'optimised', ['-O2']],
    ['c', 'sanitized', ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined']],
    ['wasm3', 'optimised', ['-O2']],
  ])('of %s, %s, has two entry points with the words of an evaluation', async (engine, _name, flags) => {
    const { made, table, once } = await program(engine, flags);
    const cases = operations(table, once, 300);
    const input = Int32Array.from(cases.flatMap(({ operation, words }) => [operation, ...words]));
    const run = spawnSync(made, { input: Buffer.from(input.buffer), maxBuffer: 1e7 });
    expect([run.status, run.stderr.toString()]).toEqual([0, '']);
    const { buffer, byteOffset, length } = run.stdout;
    const found = new Int32Array(buffer.slice(byteOffset, byteOffset + length));
    expect([...found]).toEqual(
      cases.flatMap(({ operation, result, outputs }) => (operation === 1 ? [result] : [result, ...outputs])),
    );
  });

  it("has the library's own names where its functions are meant", async () => {
    const { files } = await operatorBuild('wasm3', 'size');
    expect(files.get('pinn_once.h')).toContain('the model "operator" by pe_once.h.');
    expect(files.get('pinn_once.h')).toContain('of inputs of pe_once and pe_each, by name');
    expect(files.get('pinn_once.h')).toContain('static const pe_once_parts_t operator_once = {');
  });

  it('has none of it where no input is given once', async () => {
    const { files } = await operatorBuild('wasm3', 'size', { change: withoutOnce });
    expect([...files.keys()].filter((name) => /once/.test(name))).toEqual([]);
    expect(files.get('pinn_model.h')).not.toContain('ONCE');
  });
});

describe('compression', () => {
  it('leaves the two parts apart', async () => {
    // Of three inputs: the whole function could be a spline.
    const nodes = (of: string, inputs: string[]) => [
      { name: `${of}0`, op: 'concat', inputs },
      { name: `${of}1`, op: 'dense', inputs: [`${of}0`], weight: `${of}w` },
      { name: `${of}2`, op: 'tanh', inputs: [`${of}1`] },
    ];
    const next = randoms(2);
    const model = modelFrom({
      format: 'pinn-edge/1',
      name: 'product',
      inputs: [
        { name: 'a', min: 0, max: 1, once: true },
        { name: 'x', min: 0, max: 1 },
        { name: 't', min: 0, max: 1 },
      ],
      outputs: [{ name: 'y', value: 'sum' }],
      tensors: {
        aw: tensor([24, 1], next, 2),
        xw: tensor([24, 2], next, 2),
        ones: { shape: [1, 24], data: Array(24).fill(1) },
      },
      nodes: [
        ...nodes('a', ['a']),
        ...nodes('x', ['x', 't']),
        { name: 'products', op: 'mul', inputs: ['a2', 'x2'] },
        { name: 'sum', op: 'dense', inputs: ['products'], weight: 'ones' },
      ],
    });
    const settings = { engine: 'c', goal: 'size', compress: 'auto', effort: 'quick', tolerance: 1e-2 } as const;
    const { report } = await buildForTarget(model, loadTarget('cortex-m4'), settings);
    expect(report.compress!.parameters.after).toBeLessThan(report.compress!.parameters.before);
    expect(report.parts!.once.macs).toBeGreaterThan(0);
    await expect(buildForTarget(model, loadTarget('cortex-m4'), { ...settings, compress: 'spline' })).rejects.toThrow(
      /cannot be given once/,
    );
  });
});

describe('build --once', () => {
  const file = join(folder, 'operator.json');
  const write = () => writeFileSync(file, JSON.stringify(operatorNet(1, withoutOnce)));
  const build = (...options: string[]) =>
    cli([
      'build',
      file,
      '--target',
      'cortex-m4',
      '--compress',
      'none',
      '--tol',
      '1e-2',
      '-o',
      join(folder, 'b'),
      ...options,
    ]);

  it('refuses a model whose outputs do not depend on the others', async () => {
    const onlyMean = (json: Record<string, unknown>) => {
      json.outputs = (json.outputs as object[]).slice(1);
    };
    await expect(operatorBuild('wasm3', 'size', { change: onlyMean })).rejects.toThrow(
      /no output depends on any other input/,
    );
  });

  it('takes ranges of names, and says what either part takes', async () => {
    write();
    const made = await build('--once', 'v[0:7]', '--engine', 'c');
    expect(made.out).toMatch(
      /parts +once for many points: 123 multiply-accumulates.*each point: \d+ multiply-accumulates/,
    );
    expect(made.code).toBe(0);
  });

  it.each([
    [['--once', 'q'], /there is no input "q"; inputs are/],
    [['--once', 'v[0:7],x,t'], /no other input is left/],
    [['--once', 'x', '--once', 'v0'], /nothing is computed of them that does not need the other inputs/],
    [['--once', 'v[0:7]', '--engine', 'wasm3+native'], /--engine wasm3 and c have both parts/],
  ])('refuses %j by name', async (options, message) => {
    write();
    const made = await build(...options);
    expect(made.code).toBe(2);
    expect(made.err).toMatch(message);
  });
});
