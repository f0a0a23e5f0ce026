import { describe, expect, it } from 'vitest';
import { certify } from '../../compiler/certify/certify.js';
import { checkCertificate } from '../../compiler/certify/check/check-certificate.js';
import type { Model } from '../../compiler/model/types.js';
import { modelFrom } from '../helpers/models.js';
import { boxPoints, errorsAt, quantized, smallModel, summed } from './helpers.js';

/** Values at and beyond the ends of their widths: stored values that are held there, tables whose function ends there. */

/** A hat of half-width 1/40 at x = 0.3: elsewhere what relu reads is far below 0, and held. */
const hat: Model = modelFrom({
  format: 'pinn-edge/1',
  name: 'hat',
  inputs: [
    { name: 'x', min: -1, max: 1 },
    { name: 't', min: 0, max: 1 },
  ],
  outputs: [{ name: 'y', value: 'y' }],
  tensors: {},
  nodes: [
    { name: 'far', op: 'scale', inputs: ['x'], scale: [40], shift: [-12] },
    { name: 'distance', op: 'abs', inputs: ['far'] },
    { name: 'above', op: 'scale', inputs: ['distance'], scale: [-1], shift: [1] },
    { name: 'hat', op: 'relu', inputs: ['above'] },
    { name: 'half', op: 'scale', inputs: ['t'], scale: [0.5] },
    { name: 'y', op: 'add', inputs: ['hat', 'half'] },
  ],
});

/** sin(3 x) t of full amplitude: as 16-bit integers it reaches -32768 and is held at 32767. */
const wave: Model = smallModel(
  [
    { name: 'three', op: 'scale', inputs: ['x'], scale: [3] },
    { name: 'wave', op: 'sin', inputs: ['three'] },
    { name: 'y', op: 'mul', inputs: ['wave', 't'] },
  ],
  'y',
);

describe('a certificate', () => {
  it('is tight where values are held at an end of their width', async () => {
    const build = quantized(hat, 1e-3);
    const { certificate } = await certify(build, { threads: 1, boxes: 2000 });
    const [error] = errorsAt(build, boxPoints(hat, 20_000));
    expect(error).toBeLessThanOrEqual(certificate.outputs[0].bound);
    expect(certificate.outputs[0].bound).toBeLessThan(0.01);
    expect(checkCertificate(build, certificate)).toBeUndefined();
  });

  it('is tight for a sine of full amplitude in 16 bits', async () => {
    const build = quantized(wave, 1e-3, '16', 'dual');
    const { certificate } = await certify(build, { threads: 1, boxes: 400 });
    const [error] = errorsAt(build, boxPoints(wave, 20_000));
    expect(error).toBeLessThanOrEqual(certificate.outputs[0].bound);
    expect(certificate.outputs[0].bound).toBeLessThan(3 * error);
    expect(checkCertificate(build, certificate)).toBeUndefined();
  });

  it('ends soon at a jump, which no splitting resolves', async () => {
    const jump = modelFrom({
      format: 'pinn-edge/1',
      name: 'jump',
      inputs: [{ name: 'x', min: -1, max: 1 }],
      outputs: [{ name: 'y', value: 'y' }],
      tensors: {},
      nodes: [
        { name: 'a', op: 'sin', inputs: ['x'] },
        { name: 'b', op: 'cos', inputs: ['x'] },
        { name: 'y', op: 'select', inputs: ['x', 'a', 'b'] },
      ],
    });
    const { certificate, search } = await certify(quantized(jump, 1e-2), { threads: 1 });
    expect(search.ended).toBe('stuck');
    expect(certificate.boxes).toBeLessThan(200);
    expect(certificate.outputs[0].bound).toBeLessThan(1.1);
    expect(search.elsewhere[0]).toBeLessThan(0.02);
  });

  it('knows the peaks of copies and sums: what they can reach does not leave an accumulator', async () => {
    const nodes = [
      { name: 'both', op: 'concat', inputs: ['t', 'x'] },
      { name: 'steep', op: 'dense', inputs: ['both'], weight: 'steep' },
      { name: 'f', op: 'sigmoid', inputs: ['steep'] },
      { name: 'y', op: 'add', inputs: ['f', 'part'] },
    ];
    const part = { ...summed('z'), name: 'part' };
    const model = smallModel([part, ...nodes], 'y', { tensors: { steep: { shape: [1, 2], data: [60, -60] } } });
    const build = quantized(model, 1e-3);
    const { certificate } = await certify(build, { threads: 1, boxes: 50 });
    expect(errorsAt(build, boxPoints(model, 2000))[0]).toBeLessThanOrEqual(certificate.outputs[0].bound);
  });
});
