import { describe, expect, it, test } from 'vitest';
import { createEngine } from '../../compiler/code/engines/create.js';
import { ENGINE_NAMES } from '../../compiler/code/engines/engine.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { builtInMemory } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { intervalBounds } from '../../compiler/ir/ranges.js';
import { coveringPoints, interiorPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import { basisFunctions } from '../../compiler/model/spline.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { KIND } from '../../compiler/table/specification.js';
import { graphError, relativeErrors } from '../derive/helpers.js';
import { modelFrom, randoms, tensor } from '../helpers/models.js';
import { tableRandom } from '../helpers/random-table.js';

/** Splines from the model file to every engine: against de Boor's recursion over knots, and against one another. */

const BOX = [
  [-1, 2],
  [0.5, 3],
  [-4, -1],
] as const;
const NAMES = ['x', 'y', 'z'];

/** A spline of random coefficients, smooth enough for derivatives to mean something. */
function splineModel(degree: number, segments: readonly number[], width = 1, more: object[] = [], change: object = {}) {
  const inputs = segments.map((_, k) => ({ name: NAMES[k], min: BOX[k][0], max: BOX[k][1] }));
  const c = tensor([width, ...segments.map((n) => n + degree)], randoms(degree + segments.length), 1);
  const node = {
    name: 's',
    op: 'spline',
    inputs: inputs.map(({ name }) => name),
    coefficients: 'c',
    degree,
    ranges: segments.map((_, k) => BOX[k]),
    ...change,
  };
  const outputs = Array.from({ length: width }, (_, index) => ({ name: `u${index}`, value: 's', index }));
  return modelFrom({
    format: 'pinn-edge/1',
    name: 'spline',
    inputs,
    nodes: [node],
    outputs: [...outputs, ...more],
    tensors: { c },
  });
}

/** Basis function j of a degree over the knots 0, 1, 2, ... by the recursion, its support [j, j + degree + 1). */
function recursion(j: number, degree: number, x: number): number {
  if (degree === 0) return x >= j && x < j + 1 ? 1 : 0;
  const [left, right] = [(x - j) / degree, (j + degree + 1 - x) / degree];
  return left * recursion(j, degree - 1, x) + right * recursion(j + 1, degree - 1, x);
}

describe('basis functions', () => {
  it.each([1, 2, 3, 4, 5])('of degree %i are those of the recursion, and sum up to 1', (degree) => {
    for (const t of [0, 0.125, 0.5, 0.999]) {
      const values = basisFunctions(degree, 0, t);
      values.forEach((value, j) => {
        expect(value).toBeCloseTo(recursion(j - degree, degree, t), 12);
      });
      expect(values.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
    }
  });

  it.each([2, 3, 4, 5])('of degree %i have the slopes of their differences', (degree) => {
    const h = 1e-5;
    for (let order = 1; order < degree; order++) {
      const [before, after] = [0.4 - h, 0.4 + h].map((t) => basisFunctions(degree, order - 1, t));
      basisFunctions(degree, order, 0.4).forEach((slope, j) => {
        expect(slope).toBeCloseTo((after[j] - before[j]) / (2 * h), 6);
      });
    }
  });
});

describe.each([
  [1, [4]],
  [3, [5]],
  [3, [4, 7]],
  [2, [3, 5]],
  [5, [2, 3, 4]],
])('the reference, degree %i over %j segments', (degree, segments) => {
  it('sums products of basis functions, and stays within the bounds', () => {
    const model = splineModel(degree, segments, 2);
    const points = coveringPoints(inputBox(model.inputs), 300);
    const got = evaluateReference(model, points);
    const d = segments.length;
    const { data } = model.tensors.get('c')!;
    const bounds = intervalBounds(buildIr(model), inputBox(model.inputs));
    const [spline] = [...bounds].find(([node]) => node.kind === 'spline')!;
    for (let p = 0; p < points.length / d; p++) {
      const factors = segments.map((n, k) => {
        const at = ((points[p * d + k] - BOX[k][0]) / (BOX[k][1] - BOX[k][0])) * n;
        // The last segment is closed.
        const held = Math.min(at, n - 1e-13);
        return Array.from({ length: n + degree }, (_, j) => recursion(j - degree, degree, held));
      });
      for (let row = 0; row < 2; row++) {
        let sum = 0;
        const count = data.length / 2;
        for (let i = 0; i < count; i++) {
          let rest = i;
          let product = data[row * count + i];
          for (let k = d - 1; k >= 0; k--) {
            product *= factors[k][rest % factors[k].length];
            rest = Math.floor(rest / factors[k].length);
          }
          sum += product;
        }
        expect(got[2 * p + row]).toBeCloseTo(sum, 9);
        expect(got[2 * p + row]).toBeGreaterThanOrEqual(bounds.get(spline)![row].min);
        expect(got[2 * p + row]).toBeLessThanOrEqual(bounds.get(spline)![row].max);
      }
    }
  });
});

const DERIVATIVES = ['u0_x', 'u0_y', 'u0_xx', 'u0_xy', 'u0_xyy'].map((expression) => ({
  name: expression,
  expression,
}));

describe('derivatives', () => {
  it('of the reference are those of differences', () => {
    const model = splineModel(4, [3, 4], 1, DERIVATIVES);
    const points = interiorPoints(inputBox(model.inputs), 100, 1);
    const h = 1e-4;
    const at = (dx: number, dy: number) => {
      return evaluateReference(
        model,
        points.map((v, i) => v + (i % 2 ? dy : dx)),
      );
    };
    const width = model.outputs.length;
    const exact = at(0, 0);
    // Each from the one of one order less.
    const steps = [
      [1, 0, h, 0],
      [2, 0, 0, h],
      [3, 1, h, 0],
      [4, 1, 0, h],
      [5, 4, 0, h],
    ];
    for (const [k, from, dx, dy] of steps) {
      const [after, before] = [at(dx, dy), at(-dx, -dy)];
      const pick = (values: Float64Array, index: number) => values.filter((_, i) => i % width === index);
      const wanted = pick(after, from).map((v, p) => (v - pick(before, from)[p]) / (2 * h));
      expect(relativeErrors(pick(exact, k), wanted, 1)[0], model.outputs[k].name).toBeLessThan(1e-5);
    }
  });

  it('of the graph are those of the reference, of splines of functions of the inputs, too', () => {
    for (const error of graphError(splineModel(4, [3, 4], 1, DERIVATIVES))) expect(error).toBeLessThan(1e-12);
    const inputs = [
      { name: 'x', min: -1, max: 1 },
      { name: 'y', min: -1, max: 1 },
    ];
    const nodes = [
      { name: 'p', op: 'mul', inputs: ['x', 'y'] },
      { name: 'q', op: 'sin', inputs: ['x'] },
      {
        name: 's',
        op: 'spline',
        inputs: ['p', 'q'],
        coefficients: 'c',
        degree: 5,
        ranges: [
          [-1, 1],
          [-1, 1],
        ],
      },
      { name: 'u', op: 'mul', inputs: ['s', 'x'] },
    ];
    const outputs = [{ name: 'u0', value: 'u' }, ...DERIVATIVES];
    const tensors = { c: tensor([1, 7, 8], randoms(3)) };
    const model = modelFrom({ format: 'pinn-edge/1', name: 'm', inputs, nodes, outputs, tensors });
    for (const error of graphError(model)) expect(error).toBeLessThan(1e-11);
  });

  it('that would jump at the knots are refused by name, as are arguments beyond the ranges', async () => {
    const jumps = splineModel(2, [3, 3], 1, [{ name: 'd', expression: 'u0_xx' }]);
    await expect(compile(jumps, { tolerance: 1e-2 })).rejects.toThrow(
      /derivative of order 2 is taken of the spline .* of degree 2, which jumps/,
    );
    const beyond = splineModel(3, [3], 1, [], { ranges: [[-1, 1.9]] });
    await expect(compile(beyond, { tolerance: 1e-2 })).rejects.toThrow(/argument 1 runs from -1.000 to 2.000, beyond/);
  });
});

describe('files', () => {
  it.each<[object, RegExp]>([
    [{ ranges: [[0, 1]] }, /1 ranges.*2, one per component/],
    [
      {
        ranges: [
          [0, 1],
          [2, 2],
        ],
      },
      /\[2, 2\].*min < max/,
    ],
    [{ degree: 5 }, /shape \[1, 5, 6\].*6 to 1029 coefficients/],
    [{ degree: 6 }, /degree/],
    [{ inputs: ['x', 'y', 'x'] }, /2 ranges.*3, one per component/],
  ])('with %j are refused', (change, message) => {
    expect(() => splineModel(3, [2, 3], 1, [], change)).toThrow(message);
  });
});

/** Words inside the box, at its ends and beyond. */
function words({ lowered }: CompiledModel): Int32Array {
  const random = tableRandom(5);
  const { inputs } = lowered.table;
  return Int32Array.from({ length: 400 * inputs.length }, (_, i) => {
    const { min, max } = inputs[i % inputs.length];
    const kind = random.int(0, 9);
    return kind === 0 ? [min, max, -(2 ** 31), 2 ** 31 - 1][random.int(0, 3)] : random.int(min, max);
  });
}

describe.each([
  ['one axis, three outputs', splineModel(3, [40], 3), 1e-4],
  ['two axes', splineModel(3, [12, 9]), 1e-4],
  ['three axes', splineModel(5, [3, 4, 2], 2), 1e-3],
  ['derivatives', splineModel(4, [5, 6], 1, DERIVATIVES.slice(0, 4)), 1e-3],
  ['8 bits', splineModel(2, [6, 6]), 2e-2],
] as const)('a build of %s', (_, model, tolerance) => {
  test.each(['wasm3', 'c'] as const)(
    'for %s keeps its tolerance, with the same integers on every engine',
    async (engine) => {
      const compiled = await compile(model, { tolerance, engine });
      for (const { maxRelative } of compiled.measured.outputs) expect(maxRelative).toBeLessThan(tolerance);
      const { runnable } = builtInMemory(compiled, packageBuild(compiled, loadTarget('stm32f4')));
      const input = words(compiled);
      const wanted = (await createEngine('oracle', runnable)).run(input).outputs;
      expect(new Set(wanted).size).toBeGreaterThan(100);
      for (const name of ENGINE_NAMES.filter((n) => engine !== 'c' || n === 'c' || n === 'oracle')) {
        const other = await createEngine(name, runnable);
        expect(
          other.run(input).outputs.findIndex((word, i) => word !== wanted[i]),
          name,
        ).toBe(-1);
        other.dispose?.();
      }
      // A spline and its derivatives have the same coefficients.
      const splines = compiled.lowered.table.records.filter(({ kind }) => kind === KIND.SPLINE);
      expect(splines.length).toBe(model.outputs.some(({ expression }) => expression) ? 5 : 1);
      expect(new Set(splines.map(({ weights }) => weights)).size).toBe(1);
    },
  );
});
