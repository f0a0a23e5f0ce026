import { describe, expect, test } from 'vitest';
import { decidingLeaves, exactAtZero } from '../../compiler/formats/deciding-values.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { modelFrom, randoms } from '../helpers/models.js';

describe('values whose sign decides', () => {
  test('conditions, and what minima, maxima and scalings make them of', () => {
    const nodes = [
      { name: 'c', op: 'scale', inputs: ['x'], shift: [-0.5] },
      { name: 'd', op: 'scale', inputs: ['t'], shift: [-0.25] },
      { name: 'm', op: 'max', inputs: ['c', 'd'] },
      { name: 'n', op: 'neg', inputs: ['m'] },
      { name: 'u', op: 'tanh', inputs: ['e'] },
      { name: 'e', op: 'scale', inputs: ['x'], scale: [2], shift: [1] },
      { name: 'y', op: 'select', inputs: ['n', 'u', 'd'] },
    ];
    const inputs = ['x', 't'].map((name) => ({ name, min: 0, max: 1 }));
    const model = modelFrom({ format: 'pinn-edge/1', name: 'm', inputs, outputs: [{ name: 'o', value: 'y' }], nodes });
    const names = [...decidingLeaves(buildIr(model))].map(({ name }) => name).sort();
    expect(names).toEqual(['c', 'd', 'm', 'n']);
  });

  test('a sum of inputs that is 0 is within half its last bit after the inputs are rounded', () => {
    const next = randoms(5);
    for (let trial = 0; trial < 500; trial++) {
      const cols = 1 + (trial % 4);
      const exponents = Array.from({ length: cols }, () => 20 + Math.floor(8 * (next() + 1)));
      const weight = Float64Array.from({ length: cols }, () => next() * 10 ** (2 * next()));
      const x = Array.from({ length: cols }, () => 5 * next());
      const bias = -weight.reduce((sum, w, c) => sum + w * x[c], 0);
      const rounded = x.map((v, c) => Math.round(v * 2 ** exponents[c]) / 2 ** exponents[c]);
      const off = Math.abs(weight.reduce((sum, w, c) => sum + w * rounded[c], bias));
      const exponent = exactAtZero(1, cols, weight, (_, c) => exponents[c]);
      // Half of the half is left for the rounding of the weights.
      expect(off * 2 ** exponent).toBeLessThanOrEqual(0.25);
      expect(exponent).toBeGreaterThan(
        Math.min(...exponents) - Math.log2(8 * weight.reduce((s, w) => s + Math.abs(w), 0)) - 1,
      );
    }
  });
});
