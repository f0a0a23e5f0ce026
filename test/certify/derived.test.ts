import { describe, expect, it } from 'vitest';
import { certify } from '../../compiler/certify/certify.js';
import { checkCertificate } from '../../compiler/certify/check/check-certificate.js';
import { modelHash } from '../../compiler/model/hash.js';
import { planned } from '../derive/helpers.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { boxPoints, errorsAt } from './helpers.js';

/** Outputs that are expressions of others and of their derivatives: the derivative of the model itself is what is proved. */

const EXPRESSIONS: [string, string, string][] = [
  ['a slope', 'tanh', 'y0_x0'],
  ['a residual', 'tanh', 'y0_x1 + y0*y0_x0 - 0.1*y0_x0x0'],
  ['a slope of a table of its own', 'softplus', 'y0_x0'],
  ['a second derivative', 'sin', 'y0_x0x1'],
  ['a slope whose table is of a derivative', 'gelu', 'y0_x0'],
  ['functions of an output', 'tanh', 'exp(-y0^2) / (2 + max(x0, y0))'],
];

describe('a certificate', () => {
  it.each(EXPRESSIONS)(
    'bounds %s of %s',
    async (_name, activation, expression) => {
      const network = perceptron([2, 4, 4, 1], activation, 3);
      const outputs = [...(network.outputs as object[]), { name: 'r', expression }];
      const model = modelFrom({ ...network, outputs });
      const { lowered, tableBytes: table } = planned(model, 1e-2).attempt;
      const build = {
        model,
        table,
        claims: lowered.claims,
        modelHash: modelHash(model),
        outputs: model.outputs.map(({ name }) => ({ name, scale: 1, offset: 0, maxAbsolute: 0 })),
      };
      const { certificate } = await certify(build, { threads: 1, boxes: 60 });
      const errors = errorsAt(build, boxPoints(model, 1000));
      certificate.outputs.forEach(({ bound }, k) => {
        expect(errors[k]).toBeLessThanOrEqual(bound);
      });
      expect(checkCertificate(build, certificate)).toBeUndefined();
      if (activation === 'gelu') expect(JSON.stringify(build.claims)).toContain('"derivative"');
    },
    120_000,
  );
});
