import { describe, expect, it } from 'vitest';
import { conditionPoints } from '../../compiler/judge/points/condition-points.js';
import { coveringPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import { modelToJson } from '../../compiler/model/load.js';
import type { Model, Physics } from '../../compiler/model/types.js';
import { measurePhysics } from '../../compiler/run/physics.js';
import { modelFrom } from '../helpers/models.js';

/** Conditions and data of the physics block: what they mean, and what of them is refused. */

const text = (csv: string) => new TextEncoder().encode(csv);

/** u = c x t over x in [-1, 2], t in [0, 3]. */
function bilinear(physics: object, files: Record<string, Uint8Array> = {}, c = 1): Model {
  return modelFrom(
    {
      format: 'pinn-edge/1',
      name: 'bilinear',
      inputs: [
        { name: 'x', min: -1, max: 2 },
        { name: 't', min: 0, max: 3 },
      ],
      nodes: [
        { name: 'xt', op: 'mul', inputs: ['x', 't'] },
        { name: 'cxt', op: 'scale', inputs: ['xt'], scale: [c] },
      ],
      outputs: [{ name: 'u', value: 'cxt' }],
      tensors: {},
      physics,
    },
    files,
  );
}

const condition = (where: string, expression = 'u', parameters = {}) => ({
  parameters,
  conditions: [{ where, expression }],
});
const refusal = (physics: object, files: Record<string, Uint8Array> = {}) => {
  try {
    bilinear(physics, files);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('was accepted');
};
const measure = (model: Model) =>
  measurePhysics(model, undefined, (at) => evaluateReference(model, at), coveringPoints(inputBox(model.inputs), 1024));

describe('a condition', () => {
  it.each<[string, (x: number, t: number) => boolean]>([
    ['t = 0', (_x, t) => t === 0],
    ['x = 2', (x) => x === 2],
    ['t = half, x = -1', (x, t) => x === -1 && t === 0.5],
    ['t = 1 + x', (x, t) => Math.abs(t - 1 - x) < 1e-14],
    ['x = max(0, t - 1)', (x, t) => x === Math.max(0, t - 1)],
    ['x = cos(2*pi*s), t = 1 + sin(2*pi*s)', (x, t) => Math.abs(x ** 2 + (t - 1) ** 2 - 1) < 1e-12],
    // Rounding leads out of the box, not the place.
    ['x = 20*0.1 + 1e-15*t', (x) => x === 2],
  ])('where %s has its points there', (where, holds) => {
    const physics = condition(where, 'u', { half: 0.5 });
    const model = bilinear(physics);
    const points = conditionPoints(model, physics.conditions[0], 200);
    const [xs, ts] = [0, 1].map((k) => points.filter((_, i) => i % 2 === k));
    expect([...xs].every((x, p) => holds(x, ts[p]))).toBe(true);
    expect([...points].every((v, i) => v >= [-1, 0][i % 2] && v <= [2, 3][i % 2])).toBe(true);
    if (where !== 't = half, x = -1') {
      // All of the face or curve: no part of a twentieth of what is free is left out.
      const parts = new Set([...xs].map((x, p) => `${Math.floor(6 * x)} ${Math.floor(6 * ts[p])}`));
      expect(parts.size).toBeGreaterThan(15);
    }
  });

  it.each([
    ['x = 2.5', 'x = 2.5 is outside of its range -1 to 2'],
    ['t = x', 'is outside of its range 0 to 3'],
    ['x = 1.5 + cos(2*pi*s), t = 1', 'is outside of its range -1 to 2'],
    ['x = 1/0', 'x = Infinity is outside'],
    ['x = log(-1 - t)', 'x = NaN is outside'],
    ['y = 0', '"y" is no input; inputs are x, t'],
    ['u = 0', '"u" is no input'],
    ['x = u', 'unknown name "u"'],
    ['x = t, t = 0', '"t" is given by the place itself'],
    ['x = 0, x = 1', '"x" is given twice'],
    ['x > 0', '"x > 0" is no place'],
    ['x == 0', 'is no place'],
    ['x = 0,', '"" is no place'],
    ['everywhere', '"everywhere" is no place'],
    ['x = process.exit(1)', 'physics.conditions[0].where'],
  ])('where %s is refused', (where, reason) => {
    const message = refusal(condition(where));
    expect(message).toContain('physics.conditions[0].where');
    expect(message).toContain(reason);
  });

  it.each([
    [{ where: 't = 0', expression: 'u - v' }, 'unknown name "v"'],
    [{ where: 't = 0', expression: 'u', weight: 0 }, 'physics.conditions[0].weight'],
    [{ where: 't = 0', expression: 'u', weight: -1 }, 'physics.conditions[0].weight'],
    [{ expression: 'u' }, 'physics.conditions[0].where'],
    [{ where: 't = 0' }, 'physics.conditions[0].expression'],
    [{ where: 't = 0', expression: 'u', place: 1 }, 'physics.conditions[0].place'],
  ])('that says %j is refused', (wrong, reason) => {
    expect(refusal({ conditions: [wrong] })).toContain(reason);
  });

  it('is measured on its face, derivatives included', () => {
    const physics = {
      conditions: [
        { name: 'edge', where: 'x = 2', expression: 'u_x - 1' },
        { where: 't = 0', expression: 'u' },
      ],
    };
    const [edge, start] = measure(bilinear(physics)).conditions;
    // u_x = t, from 0 to 3: the mean square of t - 1 is 1.
    expect(edge.name).toBe('edge');
    expect(edge.network.largest).toBeGreaterThan(1.99);
    expect(edge.network.l2).toBeCloseTo(1, 2);
    expect(edge.module).toBeUndefined();
    expect(edge.missing).toEqual(['u_x']);
    expect(start.name).toBe('u at t = 0');
    expect(start.module).toEqual({ largest: 0, l2: 0 });
  });
});

describe('data', () => {
  const files = { 'm.csv': text('t,u,x\n1,2.5,2\n 3 , -3, -1\n') };

  it('are read with their columns in any order, and measured against', () => {
    const model = bilinear({ data: [{ file: 'm.csv', weight: 0 }] }, files);
    expect(model.physics?.data).toEqual([
      { name: 'm.csv', columns: ['t', 'u', 'x'], rows: [[1, 2.5, 2], [3, -3, -1]], weight: 0 }, // biome-ignore format: a table
    ]);
    const [row] = measure(model).data;
    expect(row.name).toBe('m.csv: u');
    expect(row.network.largest).toBeCloseTo(0.5, 12);
    expect(row.network.l2).toBeCloseTo(Math.sqrt(0.125), 12);
  });

  it('go along with a model that is written, and need no file then', () => {
    const model = bilinear({ data: [{ file: 'm.csv' }] }, files);
    const { physics } = modelToJson(model, 'w') as { physics: Physics };
    expect(bilinear(physics).physics).toEqual(model.physics);
  });

  it.each([
    ['x,t,w\n1,1,1\n', 'columns x, t, w'],
    ['x,u\n1,1\n', 'columns x, u'],
    ['x,t\n1,1\n', 'columns x, t'],
    ['x,t,u,u\n1,1,1,1\n', 'columns x, t, u, u'],
    ['x,t,u\n', 'no rows'],
    ['x,t,u\n1,1,?\n', 'row 2, u is "?"'],
    ['x,t,u\n1,1,\n', 'row 2, u is ""'],
    ['x,t,u\n1,1\n', 'm.csv'],
    ['x,t,u\n1,4,1\n', 't = 4 in row 1'],
    ['', 'columns of no name'],
  ])('such as %j are refused', (csv, reason) => {
    const message = refusal({ data: [{ file: 'm.csv' }] }, { 'm.csv': text(csv) });
    expect(message).toContain('physics.data[0]');
    expect(message).toContain(reason);
  });

  it.each([
    [{ file: 'n.csv' }, 'there is no such file'],
    [{}, 'a csv file, or columns and rows'],
    [{ columns: ['x', 't', 'u'] }, 'a csv file, or columns and rows'],
    [{ file: 'm.csv', columns: ['x', 't', 'u'], rows: [[0, 0, 0]] }, 'a file beside columns or rows'],
    [{ columns: ['x', 't', 'u'], rows: [[0, 0]] }, '2 numbers in row 1'],
    [{ file: 'm.csv', weight: -1 }, 'physics.data[0].weight'],
  ])('that say %j are refused', (wrong, reason) => {
    expect(refusal({ data: [wrong] }, files)).toContain(reason);
  });
});
