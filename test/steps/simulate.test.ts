import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EngineName } from '../../compiler/code/engines/engine.js';
import { runSteps, type StepOptions } from '../../compiler/commands/steps.js';
import { type LoadedBuild, writeBuild } from '../../compiler/deliver/package/store.js';
import { congruential } from '../../compiler/judge/points/random.js';
import { STEP } from '../../compiler/run/steps/rollout.js';
import { simulateSteps } from '../../compiler/run/steps/trajectory.js';
import { nextStateWord } from '../../compiler/table/state-words.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { pendulum, pendulumStep, stepBuild } from './helpers.js';

/** Trajectories of step models: the state in words from step to step. */

const folder = temporaryFolder();
const STEPS = 400;
const initial = Float64Array.of(1.2, 0.3);
const drives = Float64Array.from({ length: STEPS }, (_, k) => 0.3 * Math.sin(0.05 * k));

let inC: LoadedBuild;
let inWasm: LoadedBuild;
beforeAll(async () => {
  const made = await stepBuild('c');
  inC = made;
  inWasm = await stepBuild('wasm3');
  writeBuild(join(folder, 'build'), made.files);
  writeBuild(
    join(folder, 'plain'),
    (
      await stepBuild(
        'c',
        pendulum((m) => delete m.state),
      )
    ).files,
  );
}, 60_000);

describe('the word of the next state', () => {
  it('is the nearest one, halves upwards, held to the range: as in integers without end', () => {
    const random = congruential(7);
    const word = () => Math.floor(random() * 2 ** 32) - 2 ** 31;
    for (let n = 0; n < 20_000; n++) {
      const [a, b] = [word() >> Math.floor(random() * 31), word() >> Math.floor(random() * 31)];
      const state = {
        input: 0,
        output: 0,
        shift: Math.floor(random() * 63) - 31,
        min: Math.min(a, b),
        max: Math.max(a, b),
      };
      const next = n % 3 ? word() : word() >> 20;
      const doubled = state.shift < 0 ? BigInt(next) << BigInt(1 - state.shift) : (2n * BigInt(next)) >> 0n;
      // floor(x + 1/2) of x = next / 2^shift, in halves.
      const exact =
        state.shift > 0 ? (doubled + (1n << BigInt(state.shift))) >> BigInt(state.shift + 1) : doubled >> 1n;
      const held = exact < BigInt(state.min) ? state.min : exact > BigInt(state.max) ? state.max : Number(exact);
      expect(nextStateWord(next, state)).toEqual({ word: held, isOutside: BigInt(held) !== exact });
    }
  });
});

describe('a trajectory', () => {
  it.each<[string, () => LoadedBuild, EngineName]>([
    ['c', () => inC, 'c'],
    ['oracle', () => inC, 'oracle'],
    ['wasm3', () => inWasm, 'wasm3'],
    ['v8', () => inWasm, 'v8'],
  ])('has the same words on every engine and stays near float64 (%s)', async (_, build, engine) => {
    const words = await simulateSteps(build(), initial, drives, STEPS, { engine });
    const [other] = await Promise.all([simulateSteps(build(), initial, drives, STEPS, { engine: 'oracle' })]);
    expect(words.words).toEqual(other.words);
    expect(words.states).toEqual(other.states);
    let [theta, omega] = initial;
    for (let k = 0; k < STEPS; k++) {
      [theta, omega] = pendulumStep(theta, omega, drives[k]);
      expect(Math.abs(words.states[2 * k + 2] - theta)).toBeLessThan(2e-3);
    }
    expect(words.statuses.every((status) => status === STEP.ok)).toBe(true);
  });

  it('of the reference is the model itself', async () => {
    const { states, words } = await simulateSteps(inC, initial, drives, STEPS, { engine: 'reference' });
    let [theta, omega] = initial;
    for (let k = 0; k < STEPS; k++) [theta, omega] = pendulumStep(theta, omega, drives[k]);
    expect([...states.subarray(2 * STEPS)]).toEqual([expect.closeTo(theta, 9), expect.closeTo(omega, 9)]);
    expect(words).toHaveLength(0);
  });

  it.each(['c', 'reference'] as const)('that leaves the box is held at its end, and says so (%s)', async (engine) => {
    const push = new Float64Array(STEPS).fill(0.5);
    const { states, statuses } = await simulateSteps(inC, Float64Array.of(1.9, 2), push, STEPS, { engine });
    const first = statuses.indexOf(STEP.left);
    expect(first).toBeGreaterThanOrEqual(0);
    expect(states[2 * first + 2]).toBe(2);
    for (let k = 0; k <= STEPS; k++) expect(Math.abs(states[2 * k])).toBeLessThanOrEqual(2);
  });

  it('with a drive beyond its range is held to it, and says so', async () => {
    const beyond = drives.map((u, k) => (k === 5 ? 0.9 : u));
    const at = drives.map((u, k) => (k === 5 ? 0.5 : u));
    for (const engine of ['c', 'reference'] as const) {
      const [far, near] = await Promise.all([beyond, at].map((u) => simulateSteps(inC, initial, u, 10, { engine })));
      expect([...far.statuses]).toEqual([0, 0, 0, 0, 0, STEP.clamped, 0, 0, 0, 0]);
      expect(far.states).toEqual(near.states);
    }
  });
});

describe('simulate --steps', () => {
  const run = (...options: string[]) => cli(['simulate', join(folder, 'build'), ...options]);

  it('prints a row before each step and the last state', async () => {
    const { code, out, err } = run('--steps', '3', '--initial', 'theta=1.2,omega=0.3', '--hold', 'u=0.25');
    expect([code, err]).toEqual([0, '']);
    const rows = out
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    expect(rows[0]).toEqual(['step', 'u', 'theta', 'omega', 'status']);
    expect(rows.map(([step]) => step)).toEqual(['step', '0', '1', '2', '3']);
    expect(rows[4]).toEqual(['3', '', expect.any(String), expect.any(String), '']);
    const { states } = await simulateSteps(inC, initial, new Float64Array(3).fill(0.25), 3);
    expect(rows.slice(1).flatMap((row) => [Number(row[2]), Number(row[3])])).toEqual([...states]);
  });

  it('takes the drive from a file, as many steps as it has rows', () => {
    const file = join(folder, 'u.csv');
    writeFileSync(file, `u\n0.1\n0.9\n-0.2\n`);
    const { code, out, err } = run('--drive', file, '--initial', 'theta=1', '--initial', 'omega=0', '--json');
    expect(code).toBe(0);
    expect(err).toContain('warning: an input lies outside of its range and was moved to the end of it in step 2');
    expect(JSON.parse(out)).toHaveLength(4);
    expect(JSON.parse(out)[1]).toMatchObject({ step: 1, u: 0.9, status: 'clamped' });
  });

  const start = { theta: 1, omega: 0 };
  it.each<[string, Partial<StepOptions>, string]>([
    [
      'no first value',
      { initial: { theta: 1 }, hold: { u: 0 } },
      'the state "omega" needs a first value: --initial omega=<value>',
    ],
    ['no drive', {}, 'nothing is given for u: --hold u=<value>, or a --drive file'],
    ['a start outside', { initial: { theta: 3, omega: 0 } }, '--initial theta=3: lies outside of the range -2 to 2'],
    ['a held input outside', { hold: { u: 1 } }, '--hold u=1: lies outside of the range -0.5 to 0.5'],
    [
      'a drive as a state',
      { initial: { ...start, u: 0 } },
      '--initial u: drives the model: give it with --hold or --drive',
    ],
    ['a state as a drive', { hold: { theta: 1 } }, '--hold theta: is a state, and --initial is where states begin'],
    ['an unknown input', { hold: { phi: 1 } }, '--hold phi: there is no such input; here it may be u'],
    ['a file that is not there', { drive: 'none.csv' }, 'cannot read none.csv'],
  ])('refuses %s in a sentence', async (_, options, sentence) => {
    await expect(runSteps(inC, { steps: 3, initial: start, hold: {}, ...options })).rejects.toThrow(sentence);
  });

  it.each<[string[], string]>([
    [['--steps', '3', '--initial', 'theta=1,omega=0', '--hold', 'u=NaN'], '--hold u=NaN: expected input=value'],
    [['--steps', '0'], 'must be a whole number from 1'],
    [['--initial', 'theta=1'], '--initial: is for trajectories: say how many --steps'],
    [['--steps', '2', '--grid', 'u=0'], '--steps: is for trajectories, and --points and --grid are for points'],
  ])('refuses %s in a sentence', (options, sentence) => {
    const { code, out, err } = run(...options);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(sentence);
  });

  it('refuses files that do not fit', async () => {
    const file = join(folder, 'short.csv');
    const driven = (options: Partial<StepOptions> = {}) =>
      runSteps(inC, { initial: start, hold: {}, drive: file, ...options });
    writeFileSync(file, 'u\n0.1\n');
    await expect(driven({ steps: 2 })).rejects.toThrow('short.csv: has 1 rows, for 2 steps');
    writeFileSync(file, 'u\nNaN\n');
    await expect(driven()).rejects.toThrow('short.csv: row 2, u is "NaN", expected a number');
    writeFileSync(file, 'v\n1\n');
    await expect(driven()).rejects.toThrow('short.csv: columns are v; expected u');
    await expect(driven({ hold: { u: 0 } })).rejects.toThrow('every input that is no state is held already');
  });

  it('refuses a build without state', () => {
    const { code, err } = cli(['simulate', join(folder, 'plain'), '--steps', '2']);
    expect(code).toBe(2);
    expect(err).toContain('plain is no step model: no output is the next value of an input');
  });
});
