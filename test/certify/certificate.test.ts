import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Certificate, parseCertificate } from '../../compiler/certify/certificate.js';
import { type CertifiedBuild, certify } from '../../compiler/certify/certify.js';
import { checkCertificate } from '../../compiler/certify/check/check-certificate.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { boxPoints, errorsAt, quantized, smallModel, summed } from './helpers.js';

/** A network of three layers, and what its certificate stands up to. */
let build: CertifiedBuild;
let certificate: Certificate;

beforeAll(async () => {
  build = quantized(modelFrom(perceptron([2, 8, 8, 2], 'tanh', 3)), 1e-3);
  ({ certificate } = await certify(build, { threads: 1, boxes: 120 }));
}, 60_000);

const withBounds = (factor: number) => ({
  ...certificate,
  outputs: certificate.outputs.map((output) => ({ ...output, bound: factor * output.bound })),
});

describe('a certificate of a network', () => {
  it('bounds the error at every point that is tried, and is not far above it', () => {
    const errors = errorsAt(build, boxPoints(build.model, 20_000));
    certificate.outputs.forEach(({ bound }, k) => {
      expect(errors[k]).toBeLessThanOrEqual(bound);
      expect(bound).toBeLessThan(6 * errors[k]);
    });
  });

  it('says where its bound comes from, in shares that add up to it', () => {
    for (const { bound, shares } of certificate.outputs) {
      const sum = Object.values(shares).reduce((a, b) => a + b, 0);
      expect(sum / bound).toBeGreaterThan(0.999);
      expect(sum / bound).toBeLessThan(1.001);
    }
  });

  it('is the same for the same inputs', async () => {
    const again = await certify(build, { threads: 1, boxes: 120 });
    expect(again.certificate).toEqual(certificate);
  }, 60_000);

  it('is looser, and holds, when it is stopped early', async () => {
    let rounds = 0;
    const early = await certify(build, { threads: 1, stop: () => ++rounds > 3 });
    expect(early.search.ended).toBe('stopped');
    expect(early.certificate.outputs[0].bound).toBeGreaterThan(certificate.outputs[0].bound);
    expect(checkCertificate(build, early.certificate)).toBeUndefined();
  }, 60_000);

  it('needs no more boxes than a bound that is small enough asks for', async () => {
    const enough = certificate.outputs.map(({ bound }) => 3 * bound);
    const { search } = await certify(build, { threads: 1, enough });
    expect(search.boxes).toBeLessThan(certificate.boxes);
    search.bounds.forEach((bound, k) => {
      expect(bound).toBeLessThanOrEqual(enough[k]);
    });
  }, 60_000);
});

describe('the checker', () => {
  it('agrees with the prover', () => {
    expect(checkCertificate(build, certificate)).toBeUndefined();
  });

  it('is small, and has nothing of the prover but its readers of model and table', () => {
    const folder = fileURLToPath(new URL('../../compiler/certify/check/', import.meta.url));
    const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
    const isCode = (line: string) => !/^\s*($|\/\/|\/\*|\*)/.test(line);
    expect(texts.flatMap((text) => text.split('\n').filter(isCode)).length).toBeLessThanOrEqual(400);
    const imported = texts.flatMap((text) => [...text.matchAll(/from '([^']*)'/g)].map(([, from]) => from));
    const others = imported.filter((from) => !from.startsWith('./') && !from.startsWith('../read/'));
    expect([...new Set(others)].sort()).toEqual([
      '../../model/functions.js',
      '../../model/types.js',
      '../../table/check.js',
      '../certificate.js',
    ]);
  });

  it('refuses a bound lowered by 1 %', () => {
    expect(checkCertificate(build, withBounds(0.99))).toMatch(/may be off by/);
  });

  it('refuses boxes that leave a part out, one too many, and trees cut short', () => {
    const { splits } = certificate;
    expect(checkCertificate(build, { ...certificate, splits: splits.slice(0, -1) })).toMatch(/leave out/);
    expect(checkCertificate(build, { ...certificate, splits: `${splits}.` })).toMatch(/more boxes/);
    expect(checkCertificate(build, { ...certificate, splits: '' })).toMatch(/leave out/);
    expect(checkCertificate(build, { ...certificate, boxes: certificate.boxes + 1 })).toMatch(/boxes, not/);
  });

  it('refuses a box that is too large for its bound', () => {
    // One pair of sibling boxes after another becomes one box.
    const pairs = [...certificate.splits.matchAll(/[01]\.\./g)];
    const merged = pairs.slice(0, 4).map(({ index }) => {
      const splits = `${certificate.splits.slice(0, index)}.${certificate.splits.slice(index + 3)}`;
      return checkCertificate(build, { ...certificate, boxes: certificate.boxes - 1, splits });
    });
    expect(merged.filter((fault) => fault?.includes('may be off by')).length).toBeGreaterThan(0);
    expect(checkCertificate(build, { ...certificate, boxes: 1, splits: '.' })).toMatch(/may be off by/);
  }, 60_000);

  it('refuses an axis that is not there, another box, model or table', () => {
    expect(checkCertificate(build, { ...certificate, splits: `9${certificate.splits}.` })).toMatch(/cannot be split/);
    const inputs = certificate.inputs.map((input) => ({ ...input, max: 0.5 }));
    expect(checkCertificate(build, { ...certificate, inputs })).toMatch(/another input box/);
    expect(checkCertificate({ ...build, modelHash: 'x' }, certificate)).toMatch(/another model/);
    const table = build.table.slice();
    table[table.length - 1] ^= 1;
    expect(checkCertificate({ ...build, table }, certificate)).toMatch(/another block table/);
    const outputs = [...certificate.outputs].reverse();
    expect(checkCertificate(build, { ...certificate, outputs })).toMatch(/not the model's/);
  });

  it('refutes a claim about a table that is false', () => {
    const functions = certificate.functions.map(
      (claim) => claim && { ...claim, steps: [{ op: 'function' as const, name: 'sin' as const }] },
    );
    expect(checkCertificate(build, { ...certificate, functions })).toMatch(/may be off by/);
  });

  it('reads only its own format', () => {
    const text = (fields: object) => JSON.stringify({ ...certificate, ...fields });
    expect(parseCertificate(text({}), 'c.json')).toEqual(JSON.parse(text({})));
    expect(() => parseCertificate(text({ format: 'pinn-edge-certificate/2' }), 'c.json')).toThrow(/newer pinn-edge/);
    expect(() => parseCertificate(text({ format: 'x' }), 'c.json')).toThrow(/no certificate/);
    expect(() => parseCertificate('{', 'c.json')).toThrow(/PE4202|JSON|not a certificate/);
    expect(() => parseCertificate(text({ splits: 3 }), 'c.json')).toThrow(/field/);
  });
});

describe('what cannot be proved', () => {
  it('is refused by name: a division by a range through zero', async () => {
    const model = smallModel(
      [
        { name: 'inverse', op: 'reciprocal', inputs: ['t'] },
        { name: 'f', op: 'tanh', inputs: ['inverse'] },
        { name: 'y', op: 'add', inputs: ['f', 'x'] },
      ],
      'y',
    );
    model.inputs[1].min = 0.5;
    const whole = quantized(model, 1e-2);
    // The same integers, for a box that reaches the pole.
    const inputs = model.inputs.map((input, i) => (i === 1 ? { ...input, min: -0.5 } : input));
    await expect(certify({ ...whole, model: { ...model, inputs } }, { threads: 1, boxes: 300 })).rejects.toThrow(
      /nothing is proved of output "y" near x = .*t = /,
    );
  }, 60_000);

  it('says so near a jump, and what holds elsewhere', async () => {
    const model = smallModel(
      [
        { name: 'a', op: 'scale', inputs: ['z'], scale: [0.5], shift: [1] },
        { name: 'f', op: 'select', inputs: ['z', 'z', 'a'] },
        summed('f'),
      ],
      'y',
    );
    const jumping = quantized(model, 1e-2, '32');
    const { certificate: c, search } = await certify(jumping, { threads: 1, boxes: 600 });
    expect(c.outputs[0].shares.choice).toBeGreaterThan(0.9 * c.outputs[0].bound);
    expect(search.elsewhere[0]).toBeLessThan(0.01 * search.bounds[0]);
    expect(errorsAt(jumping, boxPoints(model, 4000))[0]).toBeLessThanOrEqual(c.outputs[0].bound);
  }, 60_000);
});
