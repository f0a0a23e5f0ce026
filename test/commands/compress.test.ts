import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';

/** What `pinn-edge compress` refuses before it searches, and what it says of a search. */

const folder = temporaryFolder();
const model = join(folder, 'net.json');
writeFileSync(model, JSON.stringify(perceptron([2, 6, 6, 1])));
const file = join(folder, 'file');
writeFileSync(file, '');
mkdirSync(join(folder, 'a-folder'));
writeFileSync(join(folder, 'theirs.safetensors'), 'weights of somebody');
const env = { XDG_CACHE_HOME: join(folder, 'cache') };

describe('pinn-edge compress refuses, before any work,', () => {
  it.each<[string, string[], string[]]>([
    ['two tolerances', ['--tol', '1e-3', '--tol-abs', '1e-3'], ['PE3007']],
    ['two budgets', ['--max-bytes', '100', '--max-instructions', '9000'], ['PE4102']],
    ['a method beside a budget', ['--max-bytes', '100', '--method', 'svd'], ['PE3008', '--method', '--max-bytes']],
    ['a tolerance beside a budget', ['--max-bytes', '100', '--tol', '1e-3'], ['PE3008', '--tol']],
    ['effort beside a budget', ['--max-instructions', '9000', '--effort', 'quick'], ['PE3008', '--effort']],
    ['a tree without hierarchical matrices', ['--method', 'svd', '--tree', 'hodlr'], ['PE3008', '--tree']],
    ['no refinement of what cannot do without', ['--no-refine'], ['PE3008', '--no-refine']],
    ['a teacher where nothing is refined', ['--teacher', 'both', '--method', 'int8'], ['PE3008', '--teacher both']],
    ['a teacher of splines', ['--teacher', 'both', '--method', 'spline'], ['PE3008', '--method spline']],
    ['a teacher of tensor trains', ['--teacher', 'both', '--method', 'tt'], ['PE3008', '--method tt']],
    ['the physics of a model that has none', ['--teacher', 'physics'], ['PE4301', 'physics block']],
    ['another teacher', ['--teacher', 'me'], ['PE3005', 'network, physics, both']],
    ['to write over the model', ['-o', join(folder, 'a-folder', '..', 'net.json')], ['PE3009']],
    ['to write over weights of another', ['-o', join(folder, 'theirs.json')], ['PE3011', 'theirs.safetensors']],
    ['a name of another format', ['-o', join(folder, 'net.onnx')], ['PE3010']],
    ['a folder as a file', ['-o', join(folder, 'a-folder')], ['PE1004', 'is a folder']],
    ['a file as a folder', ['-o', join(file, 'small.json')], ['PE1004', 'is a file']],
    ['pictures in a file', ['--svg', file], ['PE1004', 'is a file']],
  ])('%s', (_name, options, parts) => {
    const before = readFileSync(model, 'utf8');
    const { code, out, err } = cli(['compress', model, ...options], { env });
    expect(code, err).toBe(2);
    expect(out).toBe('');
    expect(err.trim().split('\n')).toHaveLength(1);
    for (const part of parts) expect(err).toContain(part);
    expect(readFileSync(model, 'utf8')).toBe(before);
    expect(existsSync(join(folder, 'net.small.json'))).toBe(false);
  });
});

describe('pinn-edge compress', () => {
  it('ends with a sentence where a file system makes no folders', () => {
    if (!existsSync('/proc/self')) return;
    const { code, err } = cli(['compress', model, '--method', 'int16', '-o', '/proc/none/small.json'], { env });
    expect(code, err).toBe(2);
    expect(err).toContain('PE1004');
  });

  it('says of every method how far it came', () => {
    // Of four inputs, which leave no spline to try: after one, few methods are worth a look.
    const four = join(folder, 'four.json');
    writeFileSync(four, JSON.stringify(perceptron([4, 6, 6, 1])));
    const { code, out, err } = cli(
      ['compress', four, '--tol', '1e-2', '--effort', 'quick', '-o', join(folder, 'small.json')],
      { env },
    );
    expect(code, err).toBe(0);
    for (const method of ['prune', 'lowrank', 'svd', 'magnitude', 'tt', 'hmatrix'])
      expect(out).toMatch(new RegExp(`^ {2}${method} +\\d+ +(\\d+ parameters|none within)`, 'm'));
    const parameters = Number(/-> (\d+) parameters/.exec(out)![1]);
    const shown = [...out.matchAll(/ {2}(\d+) parameters/g)].map((match) => Number(match[1]));
    expect(Math.min(...shown)).toBe(parameters);
  });

  it('says of every layer what it costs', () => {
    const small = join(folder, 'layers.json');
    const { code, out, err } = cli(['compress', model, '--tol', '1e-1', '--method', 'int8', '-o', small], { env });
    expect(code, err).toBe(0);
    const layer = /^ {2}z\d +\d x \d +dense +8 bit +\d+ B +\d+ of \d+ MACs +error \S+ +\d+ % of the whole$/gm;
    expect(out.match(layer)).toHaveLength(3);
  });

  it('speaks of no tolerance where there is a budget instead', () => {
    const small = join(folder, 'budget.json');
    const { code, out, err } = cli(['compress', model, '--max-bytes', '110', '-o', small], { env });
    expect(code, err).toBe(0);
    expect(out).toMatch(/tried \d+ networks\n.* parameters, \d+ B, relative error \d/);
    const again = cli(['compress', model, '--max-bytes', '110', '-o', small], { env });
    expect(again.out).toContain('networks when this was asked before');
    expect(out + err + again.out).not.toContain('tolerance');
  });

  it('a method that cannot keep a tolerance names one that it keeps', () => {
    // Ranks that are full keep any tolerance, but for float32, in which they are written and which does not hold thirds.
    const thirds = join(folder, 'thirds.json');
    const json = perceptron([2, 6, 6, 1]) as { tensors: Record<string, { data: number[] }> };
    for (const tensor of Object.values(json.tensors)) tensor.data = tensor.data.map((v) => v / 3);
    writeFileSync(thirds, JSON.stringify(json));
    const ask = (method: string, option: string, value: string) =>
      cli(['compress', thirds, '--method', method, option, value, '-o', join(folder, 'm.json')], { env });
    for (const [method, option] of [
      ['int8', '--tol'],
      ['int8', '--tol-abs'],
      ['svd', '--tol'],
    ]) {
      const refused = ask(method, option, '1e-15');
      expect(refused.code, refused.err).toBe(1);
      const nearest = new RegExp(`or ${option} (\\S+)`).exec(refused.err)![1];
      const kept = ask(method, option, nearest);
      expect(kept.code, kept.err).toBe(0);
    }
  });
});
