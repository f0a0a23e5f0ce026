import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseState } from '../../compiler/import/options.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { stateRanges } from '../../compiler/judge/state-ranges.js';
import { loadModel } from '../../compiler/model/load.js';
import { statePlaces, withScaledState } from '../../compiler/model/state.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { modelFrom } from '../helpers/models.js';
import { pendulum, pendulumStep, stepBuild } from './helpers.js';

/** Step models in files: names, units and ranges of states. */

// biome-ignore lint/suspicious/noExplicitAny: tests break the file in every way a user might
type Json = any;

const folder = temporaryFolder();

function written(name: string, change?: (json: Json) => void): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(pendulum(change)));
  return path;
}

describe('the state of a model file', () => {
  it.each<[string, (json: Json) => void, string]>([
    [
      'a state that is no input',
      (m) => (m.state.phi = 'theta_next'),
      'state.phi: found a state "phi" that is no input',
    ],
    [
      'a next value that is no output',
      (m) => (m.state.theta = 'thet_next'),
      'state.theta: found "thet_next", which is no output',
    ],
    ['a node as a next value', (m) => (m.state.theta = 'both'), '"both", which is no output'],
    ['a hidden output', (m) => (m.outputs[1].hidden = true), 'state.theta: found "theta_next", which is hidden'],
    [
      'one output for two states',
      (m) => (m.state.omega = 'theta_next'),
      'the next value of "theta", expected an output of its own',
    ],
    [
      'units that differ',
      (m) => (m.outputs[1].unit = 'deg'),
      'found "theta_next" in "deg" and "theta" in "rad", expected one unit',
    ],
    ['a unit on one side', (m) => delete m.inputs[1].unit, '"theta_next" in "rad" and "theta" in no unit'],
    ['no state at all', (m) => (m.state = {}), 'state: found an object'],
    ['no object', (m) => (m.state = ['theta']), 'state: found an array of 1, expected an object'],
    ['a name that is no text', (m) => (m.state.theta = 3), 'state.theta: found 3'],
    [
      'an unknown conserved name',
      (m) => (m.physics.conserved.energy = 'omega^2 + phi'),
      'physics.conserved.energy: found "omega^2 + phi" (unknown name "phi")',
    ],
    [
      'a conserved expression of outputs',
      (m) => (m.physics.conserved.energy = 'omega_next'),
      'unknown name "omega_next"',
    ],
  ])('%s is refused in a sentence', (_, change, sentence) => {
    expect(() => modelFrom(pendulum(change))).toThrow(sentence);
  });

  it('is in the order of the inputs, wherever the outputs stand', () => {
    expect(statePlaces(modelFrom(pendulum()))).toEqual([
      { input: 1, output: 1 },
      { input: 2, output: 0 },
    ]);
    expect(statePlaces(modelFrom(pendulum((m) => delete m.state)))).toEqual([]);
  });

  it('has scale and offset of its next values in the graph, with the same reference', () => {
    const model = modelFrom(pendulum());
    const scaled = withScaledState(model);
    expect(scaled.outputs.map(({ scale = 1, offset = 0 }) => [scale, offset])).toEqual([
      [1, 0],
      [1, 0],
    ]);
    const points = Float64Array.of(0.5, 1.2, -2, -0.1, 0.3, 2.4);
    const [before, after] = [model, scaled].map((m) => evaluateReference(m, points));
    for (const [i, value] of before.entries()) expect(after[i]).toBeCloseTo(value, 12);
    const [theta, omega] = pendulumStep(1.2, -2, 0.5);
    expect([...after.subarray(0, 2)]).toEqual([expect.closeTo(omega, 12), expect.closeTo(theta, 12)]);
  });

  it('knows where one step leads', () => {
    const [theta, omega] = stateRanges(modelFrom(pendulum()));
    // The farthest corner: omega 2.5 + 0.1 (1 ... ) carries theta from 2 to 2.2 and a little more.
    expect(theta).toMatchObject({ input: 'theta', output: 'theta_next' });
    expect(theta.max).toBeCloseTo(2 + 0.1 * (2.5 - 0.1 * (Math.sin(2) - 0.5)), 9);
    expect(theta.leaves).toBeGreaterThan(0.01);
    expect(theta.leaves).toBeLessThan(0.1);
    expect(omega.leaves).toBeGreaterThan(0);
  });

  it.each<[string, (json: Json) => void, string]>([
    ['ten times the range', (m) => (m.outputs[1].scale = 1), '"theta_next", the next value of "theta", lies between'],
    ['beside the range', (m) => (m.outputs[1].offset = 5), '100 % of the steps leave it'],
    ['a hundredth of the range', (m) => (m.outputs[1].scale = 0.001), 'th of it is used'],
  ])('is refused where the next value has %s', async (_, change, sentence) => {
    await expect(compile(modelFrom(pendulum(change)))).rejects.toThrow(sentence);
  });
});

describe('a step model', () => {
  it('keeps its state through build, and says it', async () => {
    const { report, model, files } = await stepBuild();
    expect(report.state).toEqual([
      expect.objectContaining({ input: 'theta', output: 'theta_next' }),
      expect.objectContaining({ input: 'omega' }),
    ]);
    expect(report.outputs.map(({ scale, offset }) => [scale, offset])).toEqual([
      [1, 0],
      [1, 0],
    ]);
    expect(model.state).toEqual({ theta: 'theta_next', omega: 'omega_next' });
    expect(JSON.parse(files.get('reference/model.json') as string).state).toEqual(model.state);
  });

  it('is shown by inspect', () => {
    const { code, out } = cli(['inspect', written('shown')]);
    expect(code).toBe(0);
    expect(out).toMatch(
      /state\n {2}theta +next: theta_next +-2\.2\d+ \.\. 2\.2\d+ +\d.* % of the steps leave -2 \.\. 2\n/,
    );
    const json = JSON.parse(cli(['inspect', written('shown'), '--json']).out);
    expect(json.state).toHaveLength(2);
  });

  it('keeps its state through compress, and through changes on the command line', () => {
    const small = join(folder, 'small.json');
    const { code, err } = cli(['compress', written('large'), '-o', small, '--tol', '1e-2', '--input', 'u=-0.25:0.5']);
    expect([code, err]).toEqual([0, expect.any(String)]);
    expect(JSON.parse(readFileSync(small, 'utf8')).state).toEqual({ theta: 'theta_next', omega: 'omega_next' });
    expect(JSON.parse(readFileSync(small, 'utf8')).physics.conserved).toHaveProperty('energy');
  });

  it('is made one by --state', () => {
    const plain = written('plain', (m) => delete m.state);
    const { code, out } = cli([
      'inspect',
      plain,
      '--json',
      '--state',
      'omega=omega_next',
      '--state',
      'theta=theta_next',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(out).state.map(({ input }: Json) => input)).toEqual(['theta', 'omega']);
  });

  it.each<[string[], string]>([
    [['--fix', 'theta=1'], 'error PE3005: --fix theta=1: is a state of the model, whose next value is "theta_next"'],
    [['--outputs', 'omega_next'], 'leaves out "theta_next", the next value of the state "theta"; keep it'],
    [['--state', 'u=omega_next'], 'the next value of "omega", expected an output of its own'],
  ])('%s is refused in a sentence', (options, sentence) => {
    const { code, err } = cli(['inspect', written('refused'), ...options]);
    expect(code).toBe(2);
    expect(err).toContain(sentence);
  });

  it.each([
    ['theta', 'expected input=output, such as theta=theta_next'],
    ['theta=a=b', 'expected input=output'],
    ['theta=', 'names have letters'],
  ])('--state %s is refused', (text, sentence) => {
    expect(() => parseState([text])).toThrow(sentence);
    expect(() => parseState(['a=b', 'a=c'])).toThrow('a is given twice');
  });

  it('of an older file without a state has none', () => {
    const model = loadModel('examples/heat-rod/model.json', {
      read: (path) => readFileSync(path),
      beside: (file, name) => join(file, '..', name),
    });
    expect(stateRanges(model)).toEqual([]);
    expect(withScaledState(model)).toEqual(model);
  });
});
