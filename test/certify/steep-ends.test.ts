import { describe, expect, it } from 'vitest';
import { certify } from '../../compiler/certify/certify.js';
import { checkCertificate } from '../../compiler/certify/check/check-certificate.js';
import { modelFrom } from '../helpers/models.js';
import { boxPoints, errorsAt, quantized } from './helpers.js';

/** A boundary layer: a root that is steep at the end of the box, and a ratio by it that is steep there along another axis. */
const layer = modelFrom({
  format: 'pinn-edge/1',
  name: 'layer',
  inputs: [
    { name: 'r', min: 0, max: 6 },
    { name: 't', min: 0, max: 1800 },
    { name: 'i', min: 0, max: 7 },
  ],
  outputs: [{ name: 'y', value: 'product' }],
  nodes: [
    { name: 'late', op: 'scale', inputs: ['t'], scale: [1e-3], shift: [1e-6] },
    { name: 's', op: 'sqrt', inputs: ['late'] },
    { name: 'depth', op: 'scale', inputs: ['r'], scale: [-0.16], shift: [1] },
    { name: 'width', op: 'scale', inputs: ['s'], scale: [4], shift: [0.04] },
    { name: 'reach', op: 'add', inputs: ['depth', 'width'] },
    { name: 'z', op: 'div', inputs: ['depth', 'reach'] },
    { name: 'current', op: 'scale', inputs: ['i'], scale: [0.1] },
    { name: 'product', op: 'mul', inputs: ['z', 'current'] },
  ],
});

describe('a root that is steep at the end of the box', () => {
  const build = quantized(layer, 1e-3);

  it('is bounded closely, in boxes that are short where it is steep', async () => {
    const { certificate } = await certify(build, { threads: 1, boxes: 5000 });
    const points = boxPoints(layer, 4000);
    // Half of them where the root is steep.
    for (let n = 1; n < points.length; n += 6) points[n] *= 1e-5;
    const [observed] = errorsAt(build, points);
    const [{ bound }] = certificate.outputs;
    expect(bound).toBeGreaterThanOrEqual(observed);
    expect(bound).toBeLessThan(6 * observed);
    expect(checkCertificate(build, certificate)).toBeUndefined();
  }, 60_000);
});
