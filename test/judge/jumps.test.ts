import { describe, expect, it } from 'vitest';
import { Judge, type PointFunction } from '../../compiler/judge/measure.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { modelFrom } from '../helpers/models.js';

/** u = a where 3 x + t > level, else b; both of the inputs. */
function chosen(level: number, a: object, b: object) {
  return modelFrom({
    format: 'pinn-edge/1',
    name: 'chosen',
    inputs: [
      { name: 'x', min: 0, max: 1 },
      { name: 't', min: 0, max: 1 },
    ],
    outputs: [{ name: 'u', value: 'u', scale: -2, offset: 1 }],
    tensors: { w: { shape: [1, 2], data: [3, 1] }, b: { shape: [1], data: [-level] } },
    nodes: [
      { name: 'xt', op: 'concat', inputs: ['x', 't'] },
      { name: 'c', op: 'dense', inputs: ['xt'], weight: 'w', bias: 'b' },
      { name: 'a', ...a },
      { name: 'b', ...b },
      { name: 'u', op: 'select', inputs: ['c', 'a', 'b'] },
    ],
  });
}

const AT_X = { op: 'scale', inputs: ['x'], scale: [1] };
const ABOVE_X = { op: 'scale', inputs: ['x'], scale: [1], shift: [0.25] };

describe('a choice that jumps', () => {
  const model = chosen(1.7, ABOVE_X, AT_X);
  const judge = new Judge(model);
  const [jump] = judge.lookForJumps([1e-3]);
  const errorOf = (points: Float64Array, answers: (wanted: Float64Array) => Float64Array) => {
    const wanted = evaluateReference(model, points);
    const got = answers(wanted);
    return judge.nearerSide(points, wanted, got).map((v, i) => Math.abs(v - got[i]));
  };

  it('is found, with its size and a place', () => {
    expect(jump).toMatchObject({ node: 'u', output: 0 });
    expect(jump.size).toBeCloseTo(0.5, 6);
    expect(3 * jump.at[0] + jump.at[1]).toBeCloseTo(1.7, 6);
  });

  it('has two right answers beside it and one elsewhere, and none in between', () => {
    const beside = Float64Array.of(0.4, 0.5 + jump.margin / 2);
    const away = Float64Array.of(0.4, 0.5 + 2 * jump.margin);
    const otherSide = (wanted: Float64Array) => wanted.map((u) => u + 0.5);
    expect(errorOf(beside, otherSide)[0]).toBeLessThan(1e-12);
    expect(errorOf(away, otherSide)[0]).toBeCloseTo(0.5, 9);
    expect(errorOf(beside, (wanted) => wanted.map((u) => u + 0.25))[0]).toBeCloseTo(0.25, 9);
  });

  it('has one right answer where the condition is exactly zero', () => {
    const ends = chosen(0, ABOVE_X, AT_X);
    const strict = new Judge(ends);
    strict.lookForJumps([1e-3]);
    const wanted = evaluateReference(ends, Float64Array.of(0, 0));
    const got = wanted.map((u) => u - 0.5);
    expect(strict.nearerSide(Float64Array.of(0, 0), wanted, got)).toEqual(wanted);
  });

  it('is built, kept beside the jump, and said', async () => {
    const compiled = await compile(model, { tolerance: 1e-3 });
    expect(compiled.jumps).toHaveLength(1);
    expect(compiled.measured.outputs[0].maxRelative).toBeLessThanOrEqual(1e-3);
  });

  it('does not excuse a wrong answer away from it', () => {
    const wrong: PointFunction = (points) =>
      evaluateReference(model, points).map((u, p) => (points[2 * p] > 0.9 ? u + 0.5 : u));
    expect(judge.measure(wrong, { samples: 1024, seed: 0 }).outputs[0].maxAbsolute).toBeCloseTo(0.5, 6);
  });
});

it('a choice whose values meet is no jump', () => {
  // |3 x + t - 1.7| as a choice.
  const magnitude = chosen(
    1.7,
    { op: 'scale', inputs: ['c'], scale: [1] },
    { op: 'scale', inputs: ['c'], scale: [-1] },
  );
  expect(new Judge(magnitude).lookForJumps([1e-3])).toEqual([]);
});
