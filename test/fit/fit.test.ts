import { describe, expect, it } from 'vitest';
import { withTangents } from '../../compiler/import/fit-tangents.js';
import { fitBuild } from '../../compiler/run/fit/fit.js';
import { studentQuantile } from '../../compiler/run/fit/interval.js';
import { FIT_RESULTS, type Measurement } from '../../compiler/run/fit/job.js';
import { readMeasurements } from '../../compiler/run/fit/measurements.js';
import { randoms } from '../helpers/models.js';
import { fitted, sensor } from './helpers.js';

const SIGMA = 0.02;

function normal(next: () => number): number {
  return Math.sqrt(-2 * Math.log(0.5 * (next() + 1) || 1e-9)) * Math.cos(Math.PI * next());
}

function measure(seed: number, a: number, b: number, count = 20): Measurement[] {
  const next = randoms(seed);
  return Array.from({ length: count }, (_, k) => {
    const x = -0.95 + (1.9 * k) / (count - 1 || 1);
    return {
      inputs: [x, 0, 0, 0.5],
      output: 'y',
      value: Math.tanh(2 * a * x + b) + SIGMA * normal(next),
      sigma: SIGMA,
    };
  });
}

describe('fits', async () => {
  const { build, files } = await fitted(['a', 'b']);
  const free = ['a', 'b'];

  it('find parameters as float64 does, inside their intervals, in few steps', async () => {
    let [inside, steps] = [0, 0];
    const trials = 100;
    for (let seed = 1; seed <= trials; seed++) {
      const [a, b] = [0.8 + 0.009 * seed, 0.6 - 0.01 * seed];
      const { result, values, covariance, iterations, reference } = await fitBuild(build, measure(seed, a, b), {
        free,
      });
      expect(result).toBe(FIT_RESULTS.ok);
      expect(iterations).toBeLessThanOrEqual(12);
      steps += iterations;
      const errors = values.map((value, i) => Math.abs(value - [a, b][i]) / Math.sqrt(covariance[i][i]));
      if (errors[0] <= 1.96) inside++;
      for (let i = 0; i < 2; i++) {
        const apart = Math.abs(values[i] - reference.values[i]);
        expect(apart / Math.sqrt(covariance[i][i]), `seed ${seed}`).toBeLessThan(0.2);
      }
      expect(covariance[0][1]).toBe(covariance[1][0]);
    }
    expect(steps / trials).toBeLessThan(6);
    expect(inside).toBeGreaterThanOrEqual(90);
    expect(inside).toBeLessThan(100);
  });

  it('give the same bits on every engine', async () => {
    const other = (await fitted(free, ['y'], 'wasm3')).build;
    const measured = measure(7, 1.3, 0.2);
    for (const settings of [{ free }, { free, filter: true, process: { a: 0.01 } }]) {
      const c = await fitBuild(build, measured, settings);
      expect((await fitBuild(build, measured, settings, 'oracle')).numbers).toEqual(c.numbers);
      const wasm = await fitBuild(other, measured, settings);
      for (const engine of ['v8', 'oracle', 'c'] as const) {
        expect((await fitBuild(other, measured, settings, engine)).numbers).toEqual(wasm.numbers);
      }
    }
  });

  it('by a filter end where those of all measurements at once do', async () => {
    for (const [seed, a, b] of [
      [1, 1, 0.3],
      [2, 1.7, -0.5],
    ]) {
      // Not from one saturated end to the other: what a filter has linearised once it does not look at again.
      const all = measure(seed, a, b, 30);
      const measured = all.map((_, k) => all[(7 * k + 15) % 30]);
      const batch = await fitBuild(build, measured, { free });
      const filter = await fitBuild(build, measured, { free, filter: true });
      const standard = batch.covariance.map((row, i) => Math.sqrt(row[i]));
      for (const [i, value] of filter.values.entries()) {
        expect(Math.abs(value - batch.values[i])).toBeLessThan(2 * standard[i]);
      }
      expect(Math.abs(filter.values[0] / batch.values[0] - 1)).toBeLessThan(0.02);
    }
  });

  it('follow a parameter that wanders when they are told so', async () => {
    const measured = Array.from({ length: 200 }, (_, k) => measure(k + 1, 0.8 + 0.004 * k, 0.1, 20)[(k * 7) % 20]);
    const fixed = await fitBuild(build, measured, { free, filter: true });
    const wandering = await fitBuild(build, measured, { free, filter: true, process: { a: 0.02 } });
    const off = ({ values }: { values: number[] }) => Math.abs(values[0] - 1.596);
    expect(off(wandering)).toBeLessThan(0.1);
    expect(off(fixed)).toBeGreaterThan(2 * off(wandering));
    expect(wandering.covariance[0][0]).toBeGreaterThan(fixed.covariance[0][0]);
  });

  it('end on the edge of the box, and say so', async () => {
    const { result, atEdge, values } = await fitBuild(build, measure(3, 2.4, 0), { free });
    expect([result, atEdge, values[0]]).toEqual([FIT_RESULTS.atEdge, ['a'], 2]);
  });

  it('hold what is not fitted at what the measurements say', async () => {
    const measured = measure(4, 1.2, 0.4).map((m) => ({ ...m, inputs: [m.inputs[0], 0, 0.4, 0.5] }));
    const { names, values } = await fitBuild(build, measured, { free: ['a'] });
    expect(names).toEqual(['a']);
    expect(Math.abs(values[0] - 1.2)).toBeLessThan(0.05);
  });

  it('refuse what cannot be fitted', async () => {
    const result = async (measured: Measurement[], settings = {}) => {
      const answer = await fitBuild(build, measured, { free, ...settings });
      expect(answer.values).toEqual([]);
      return [answer.result, answer.at];
    };
    const measured = measure(5, 1.2, 0.1);
    const with1 = (change: Partial<Measurement>) => measured.map((m, k) => (k === 1 ? { ...m, ...change } : m));
    expect(await result(measured.slice(0, 1))).toEqual([FIT_RESULTS.few, 0]);
    expect(await result(with1({ value: Number.NaN }))).toEqual([FIT_RESULTS.measurement, 1]);
    expect(await result(with1({ sigma: 0 }))).toEqual([FIT_RESULTS.measurement, 1]);
    expect(await result(with1({ sigma: Number.POSITIVE_INFINITY }))).toEqual([FIT_RESULTS.measurement, 1]);
    expect(await result(with1({ inputs: [1.01, 0, 0, 0.5] }))).toEqual([FIT_RESULTS.outside, 1]);
    expect(await result(with1({ inputs: [Number.NaN, 0, 0, 0.5] }))).toEqual([FIT_RESULTS.measurement, 1]);
    expect(await result(measured, { start: { a: 3 } })).toEqual([FIT_RESULTS.argument, 0]);
    expect(await result(measured, { maxIterations: 1 })).toEqual([FIT_RESULTS.steps, 0]);
    // Where x is 0, y does not change with a.
    const blind = measured.map((m) => ({ ...m, inputs: [0, 0, 0, 0.5], value: 0.1 }));
    expect(await result(blind)).toEqual([FIT_RESULTS.noEffect, 0]);
    // At one x, any a has its b.
    const same = measured.map((m) => ({ ...m, inputs: [0.5, 0, 0, 0.5], value: 0.7 }));
    expect(await result(same)).toEqual([FIT_RESULTS.alike, 0]);
    await expect(fitBuild(build, with1({ output: 'y_a' }), { free })).rejects.toThrow(
      'outputs that can be measured are y',
    );
  });

  it('refuse parameters that only their product tells', async () => {
    const { build } = await fitted(['a', 'b'], ['z']);
    const measured = Array.from({ length: 20 }, (_, k) => {
      const x = -0.9 + 0.09 * k;
      return { inputs: [x, 0, 0, 0.5], output: 'z', value: 0.6 * x, sigma: 0.01 };
    });
    const { result } = await fitBuild(build, measured, { free: ['a', 'b'], start: { a: 1.5, b: 0.5 } });
    expect(result).toBe(FIT_RESULTS.alike);
  });

  it('are refused for parameters that change nothing', () => {
    expect(() => withTangents(sensor(), ['c'])).toThrow('input "c" changes no output (y)');
    expect(() => withTangents(sensor(), ['d'])).toThrow('there is no input "d"');
    expect(() => withTangents(sensor(), ['a', 'a'])).toThrow('given twice');
  });

  it('bring their code along, and only where they are asked for', () => {
    const header = files.get('c/fit.h') as string;
    expect(header).toContain('sensor_eval(inputs, outputs)');
    expect(files.get('pinn_fit.h')).toContain('pe_eval((pe_t *)context, inputs, outputs)');
    expect(files.has('c/pe_fit.c')).toBe(true);
    expect([...files.keys()].filter((path) => path.startsWith('firmware/bare-metal/model/pe_fit_job'))).toEqual([]);
    expect(files.has('firmware/bare-metal-fit/model/pe_fit_job.c')).toBe(true);
  });

  it('read measurements, or say what is wrong with them', () => {
    const read = (text: string, facts = {}) =>
      readMeasurements('m.csv', text, build.report, {
        free,
        known: { c: 0.5 },
        sigma: { all: 0.1, outputs: {} },
        ...facts,
      });
    expect(read('x,y\n0.5,0.7\n0.1,\n').measurements).toEqual([
      { inputs: [0.5, 1.25, 0, 0.5], output: 'y', value: 0.7, sigma: 0.1 },
    ]);
    expect(read('x,y,sigma\n0.5,0.7,0.3\n').measurements[0].sigma).toBe(0.3);
    expect(read('x,y\n0.5,0.7\n', { sigma: undefined }).isSigmaKnown).toBe(false);
    const wrong: [string, string][] = [
      ['x,y\n2,0.7\n', 'row 2, x is 2, outside of its range -1 to 1'],
      ['x,y\nnan,0.7\n', 'row 2, x is "nan", expected a number'],
      ['x,y\n0.1,NaN\n', 'row 2, y is "NaN", expected a number'],
      ['x,y,sigma\n0.1,0.2,0\n', 'row 2, sigma is 0, expected a number above 0'],
      ['y\n0.1\n', 'x must be one of them'],
      ['x\n0.1\n', 'no column of a measured output (y)'],
      ['x,y,q\n0.1,1,1\n', 'column "q" is neither'],
      ['x,c,y\n0.1,1,1\n', 'has a column "c", which --known gives, too'],
      ['x,y\n0.1\n', 'Invalid Record Length'],
    ];
    for (const [text, reason] of wrong) expect(() => read(text)).toThrow(reason);
  });

  it("know Student's t", () => {
    const known: [number, number][] = [
      [1, 12.7062],
      [5, 2.5706],
      [10, 2.2281],
      [19, 2.093],
      [100, 1.984],
    ];
    for (const [freedom, quantile] of known) expect(studentQuantile(freedom)).toBeCloseTo(quantile, 3);
  });
});
