import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { loadModel } from '../../compiler/model/load.js';
import { CLI, cli, temporaryFolder } from '../helpers/cli.js';
import { decayJson } from '../train/helpers.js';

/** The command train: what it writes and prints, and how it ends. */

vi.setConfig({ testTimeout: 120_000 });

const folder = temporaryFolder();
const place = (name: string) => join(folder, name);
const write = (name: string, json: object) => writeFileSync(place(name), JSON.stringify(json));
const train = (...args: string[]) => cli(['train', ...args], { cwd: folder });
write('decay.json', decayJson());

describe('pinn-edge train', () => {
  it('writes a trained model with its physics and says how far it is from the solution', () => {
    const { code, out } = train('decay.json', '-o', 'trained.json', '--init', '0', '--steps', '40');
    expect(code).toBe(0);
    expect(out).toContain('decay: 19 weights, 40 steps');
    expect(out).toMatch(/u, relative L2 error +- +\d\.\de-[3-9]/);
    expect(out).toContain('trained.json');
    const model = loadModel(place('trained.json'), nodeFiles);
    expect(model.physics?.conditions).toEqual(decayJson().physics.conditions);
    const again = train('decay.json', '-o', 'again.json', '--init', '0', '--steps', '40');
    expect(again.code).toBe(0);
    expect(readFileSync(place('again.safetensors'))).toEqual(readFileSync(place('trained.safetensors')));
  });

  it('goes on from a model that it wrote, and has JSON for machines', () => {
    const { code, out } = train('trained.json', '-o', 'more.json', '--steps', '5', '--json');
    expect(code).toBe(0);
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.filter(({ event }) => event === 'step')).toHaveLength(5);
    const { loss, exact, stopped } = events.at(-1);
    expect(loss.after).toBeLessThanOrEqual(loss.before);
    expect(exact.before[0].name).toBe('u');
    expect(stopped).toBe('all steps taken');
  });

  it('keeps the best at Ctrl-C', async () => {
    // Adam for ever: it must be interrupted.
    const args = ['train', 'decay.json', '-o', 'cut.json', '--method', 'adam', '--steps', '1000000000', '--json'];
    const child = spawn(process.execPath, [CLI, ...args], { cwd: folder });
    let out = '';
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    child.stdout.on('data', (text) => {
      if (out.split('\n').length < 20 && `${out}${text}`.split('\n').length >= 20) child.kill('SIGINT');
      out += text;
    });
    expect(await ended).toBe(0);
    const result = JSON.parse(out.trim().split('\n').at(-1)!);
    expect(result.stopped).toBe('interrupted');
    expect(result.steps).toBeGreaterThan(10);
    expect(loadModel(place('cut.json'), nodeFiles).name).toBe('decay');
  });

  it('stops after --seconds', () => {
    const { code, out } = train(
      'decay.json',
      '-o',
      'timed.json',
      '--method',
      'adam',
      '--steps',
      '100000000',
      '--seconds',
      '1',
    );
    expect(code).toBe(0);
    expect(out).toContain('(interrupted)');
  });

  it('continues an interrupted run with the options that it was begun with, and with no others', () => {
    const args = ['decay.json', '-o', 'run.json', '--init', '3', '--method', 'adam', '--steps', '100000000'];
    expect(train(...args, '--continue').err).toContain('PE4306: run.json has no interrupted run to continue');
    expect(train(...args, '--seconds', '1').code).toBe(0);
    const { step } = JSON.parse(readFileSync(place('run.json.run'), 'utf8'));
    const before = readFileSync(place('run.safetensors'));
    const refused = (more: string[], ...parts: string[]) => {
      const { code, err } = train(...more);
      expect(code).toBe(2);
      for (const part of parts) expect(err).toContain(part);
    };
    const again = [...args, '--continue'];
    refused(again.with(6, 'lbfgs'), 'PE4307', '--method "adam", continued with "lbfgs"');
    refused([...again, '--causal', 't'], '--causal none, continued with "t"');
    write('other.json', decayJson(5));
    refused(again.with(0, 'other.json'), 'with the model another, continued with this');
    expect(readFileSync(place('run.safetensors'))).toEqual(before);
    expect(train(...again, '--seconds', '1').code).toBe(0);
    expect(JSON.parse(readFileSync(place('run.json.run'), 'utf8')).step).toBeGreaterThan(step);
  });

  it('has nothing to continue where all steps were taken, and does not go on with stages', () => {
    const args = ['decay.json', '-o', 'whole.json', '--init', '3', '--steps', '3'];
    expect(train(...args).code).toBe(0);
    expect(existsSync(place('whole.json.run'))).toBe(false);
    expect(train(...args, '--continue').code).toBe(2);
    const staged = ['decay.json', '-o', 'staged.json', '--blocks', '1e-3', '--steps', '100000', '--seconds', '1'];
    expect(train(...staged).code).toBe(0);
    expect(train(...staged, '--continue').err).toContain('runs with --blocks go in stages');
  });

  it('ends with code 1 and the last good weights where the loss is no number any more', () => {
    const json = decayJson(4, {
      residuals: [{ name: 'logarithm', expression: '1e-6*log(u)' }],
      conditions: [{ where: 't = 0', expression: 'u + 3' }],
    });
    json.tensors.b2.data = [2];
    write('log.json', json);
    const { code, err } = train('log.json', '-o', 'kept.json', '--method', 'adam', '--steps', '20000');
    expect(err).toMatch(
      /PE4303: the loss is no longer a number at step \d+ \(logarithm\); kept.json has the best weights/,
    );
    expect(code).toBe(1);
    expect(loadModel(place('kept.json'), nodeFiles).name).toBe('decay');
  });

  it('puts matrices into blocks on the way and says what each adaptation did', () => {
    const args = [
      '--init',
      '0',
      '--steps',
      '30',
      '--blocks',
      '1e-3',
      '--every',
      '15',
      '--block-rank',
      '0.01',
      '--kernel',
      '1',
    ];
    const { code, out } = train('decay.json', '-o', 'blocks.json', ...args);
    expect(code).toBe(0);
    expect(out).toMatch(/blocks at step +numbers +kernel off by +later\n +3 +19 -> \d+ /);
    expect(out).toMatch(/\n +18 +\d+ -> \d+ /);
    expect(loadModel(place('blocks.json'), nodeFiles).name).toBe('decay');
  });

  it.each([
    [['--every', '5'], '--every: is for matrices in blocks; give --blocks, too'],
    [['--blocks', '0'], '--blocks: must be a number above 0 and below 1, found 0'],
    [['--blocks', '1e-3', '--kernel', '-1'], '--kernel: must be a number from 0 on, found -1'],
    [['--blocks', '1e-3', '--from', 'k=2'], '--from: does not go with --blocks'],
    [['--blocks', '1e-3', '--freeze', 'b1'], '--freeze: does not go with --blocks'],
    [['--causal', 'x'], '--causal x: there is no "x"; known are t'],
    [['--from', 'nu=1'], '--from nu=1: there is no "nu"'],
    [['--from', 'k'], 'expected parameter=value'],
    [['--freeze', 'w9'], '--freeze w9: there is no "w9"'],
    [['--method', 'sgd'], 'must be one of auto, lm, adam, lbfgs'],
    [['--steps', '0'], 'must be a whole number from 1'],
    [['-o', 'decay.json'], 'is the model that is read'],
  ])('refuses %j', (args, reason) => {
    const { code, err } = train('decay.json', ...(args.includes('-o') ? [] : ['-o', 'never.json']), ...args);
    expect(err).toContain(reason);
    expect(code).toBe(2);
    expect(existsSync(place('never.json'))).toBe(false);
  });

  it.each([
    ['no conditions', { conditions: undefined }, 'or an empty list where the graph itself satisfies them'],
    [
      'a condition outside the box',
      { conditions: [{ where: 't = 3', expression: 'u' }] },
      't = 3 is outside of its range',
    ],
    ['data with other columns', { data: [{ columns: ['t', 'v'], rows: [[0, 1]] }] }, 'columns t, v'],
    ['a loss without a value', { residuals: [{ name: 'r', expression: 'log(-u^2)' }] }, 'at step 0 (r)'],
  ])('refuses %s', (_name, physics, reason) => {
    write('bad.json', decayJson(4, physics));
    const { code, err } = train('bad.json', '-o', 'never.json');
    expect(err).toContain(reason);
    expect(code).toBe(2);
    expect(existsSync(place('never.json'))).toBe(false);
  });
});
