import { expect, it } from 'vitest';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { loadModel } from '../../compiler/model/load.js';
import { measurePhysics } from '../../compiler/run/physics.js';
import { exampleFile } from '../boards/setup.js';

/** The stream-function network of the examples against the exact flow, on the grid of its README. */

const model = loadModel(exampleFile('kovasznay'), nodeFiles);
const [COLUMNS, ROWS] = [76, 101];
const points = Float64Array.from({ length: 2 * COLUMNS * ROWS }, (_, i) => {
  const p = i >> 1;
  return i & 1 ? -0.5 + (2 * (p % ROWS)) / (ROWS - 1) : -0.5 + (1.5 * Math.floor(p / ROWS)) / (COLUMNS - 1);
});

it('sends velocities and pressure, and keeps the stream function', () => {
  expect(model.outputs.map(({ name }) => name)).toEqual(['u', 'v', 'p']);
  expect(model.hidden?.map(({ name }) => name)).toEqual(['psi']);
});

it('is as near to the exact flow as its README says, and satisfies the equations', () => {
  const { exact, residuals } = measurePhysics(model, undefined, (at) => evaluateReference(model, at), points);
  const errors = Object.fromEntries(exact.map(({ name, network }) => [name, network.largest]));
  expect(errors.u).toBeLessThan(2.55e-3);
  expect(errors.v).toBeLessThan(8e-4);
  expect(errors.p).toBeLessThan(1.95e-3);
  for (const { name, network, largestTerm } of residuals) {
    expect(network.l2, name).toBeLessThan(5e-3 * largestTerm);
  }
});
