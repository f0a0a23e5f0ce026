import { describe, expect, it } from 'vitest';
import { approximateFast } from '../../compiler/formats/search/attempt-errors.js';
import { concatPoints, coveringPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { type Box, inputBox } from '../../compiler/model/box.js';
import { modelFrom } from '../helpers/models.js';
import { planned, relativeErrors } from './helpers.js';

/** Derivatives that hang on the last bits of an input, or on small differences of large coefficients. */

const TOLERANCE = 2e-3;

/** Points on the diagonal of the box, ever closer to its ends. */
function pointsNearEnds({ min, max }: Box): Float64Array {
  const shares = Array.from({ length: 300 }, (_, k) => 2 ** (-k / 9));
  const both = [...shares, ...shares.map((share) => 1 - share)];
  return concatPoints(both.map((share) => Float64Array.from(min, (low, k) => low + share * (max[k] - low))));
}

/** Largest error of every output, relative to its largest value, in the finest formats that the noise model has. */
function errorsOf(inputs: object[], nodes: object[], tensors: object, names: readonly string[]): number[] {
  const outputs = [{ name: 'u', value: 'u' }, ...names.map((name) => ({ name, expression: name }))];
  const model = modelFrom({ format: 'pinn-edge/1', name: 'steep', inputs, nodes, outputs, tensors });
  const { attempt, features } = planned(model, TOLERANCE, { budget: 1e-3 });
  const box = inputBox(model.inputs);
  const points = concatPoints([coveringPoints(box, 1024), features, pointsNearEnds(box)]);
  const wanted = evaluateReference(model, points);
  return relativeErrors(approximateFast(model, attempt)(points), wanted, outputs.length);
}

describe('a derivative that is largest within a few steps of an input', () => {
  // The last is read from its upper end, where its table is mirrored.
  it.each([
    ['sqrt', [0, 1800], 0.001, 5e-7],
    ['sqrt', [0, 3e6], 1 / 3e6, 5e-7],
    ['log', [0, 1000], 0.001, 5e-7],
    ['sqrt', [-1800, 0], -0.001, 5e-7],
  ])('%s of an input in %j is within its tolerance', (op, [min, max], scale, shift) => {
    const nodes = [
      { name: 'moved', op: 'scale', inputs: ['t'], scale: [scale], shift: [shift] },
      { name: 'u', op, inputs: ['moved'] },
    ];
    for (const error of errorsOf([{ name: 't', min, max }], nodes, {}, ['u_t'])) expect(error).toBeLessThan(TOLERANCE);
  });
});

describe('a spline with coefficients far from zero', () => {
  it.each([
    [1, 1],
    [2, 1],
    [1, 2],
  ])('of %i axes and %i outputs has derivatives within their tolerances', (axes, width) => {
    const inputs = ['x', 'y'].slice(0, axes).map((name) => ({ name, min: 0, max: 1 }));
    const perRow = 11 ** axes;
    const data = Array.from({ length: width * perRow }, (_, i) => 400 + 3 * Math.floor(i / perRow) + Math.sin(i / 3));
    const node = { name: 's', op: 'spline', inputs: inputs.map(({ name }) => name), coefficients: 'c', degree: 3 };
    const nodes = [
      { ...node, ranges: inputs.map(() => [0, 1]) },
      { name: 'u', op: 'slice', inputs: ['s'], start: width - 1, stop: width },
    ];
    const tensors = { c: { shape: [width, ...inputs.map(() => 11)], data } };
    for (const error of errorsOf(inputs, nodes, tensors, ['u_x', 'u_xx'])) expect(error).toBeLessThan(TOLERANCE);
  });
});
