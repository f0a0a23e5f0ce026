import { beforeAll, describe, expect, it } from 'vitest';
import { type CompressedModel, compressModel } from '../../compiler/compress/compress.js';
import { type CompressOptions, DEFAULT_COMPRESS } from '../../compiler/compress/compress-options.js';
import { distances } from '../../compiler/compress/physics/distances.js';
import { trainModel } from '../../compiler/compress/physics/train.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import type { Model } from '../../compiler/model/types.js';
import { heat } from './helpers.js';

/** Compression with the physics as a teacher: of a network that is itself some way from the solution. */

let given: Model;
beforeAll(async () => {
  const settings = { method: 'lm', init: true, seed: 1, steps: 30, from: {}, frozen: [] } as const;
  given = (await trainModel(heat(), 'model.json', settings)).model;
});

const from = (model: Model) => distances(model)[0].relativeL2;
const compress = (tolerance: number, options: Partial<CompressOptions>): Promise<CompressedModel> => {
  const graph = foldGraph(buildIr(given));
  const settings = { ...DEFAULT_COMPRESS, round: true, share: 1, maxWork: 2e7, method: 'prune', ...options } as const;
  return compressModel(given, graph, [tolerance], settings);
};

const weightsOf = ({ model }: CompressedModel) => [...model!.tensors].map(([name, { data }]) => [name, [...data]]);

describe('a network that is compressed', () => {
  it('with both as its teachers is nearer to the solution, the same every time', async () => {
    expect(from(given)).toBeGreaterThan(1e-3);
    const [plain, both] = [await compress(0.05, {}), await compress(0.05, { teacher: 'both' })];
    expect(plain.physics).toBeUndefined();
    const { loss, kept } = both.physics!;
    expect(kept).toBeUndefined();
    expect(loss.after).toBeLessThan(loss.before);
    expect(both.detail).toContain('prune + refine + physics');
    expect(both.parameters.after).toBeLessThan(both.parameters.before);
    expect(both.error).toBeLessThanOrEqual(1);
    expect(from(both.model!)).toBeLessThan(from(plain.model!));
    expect(weightsOf(await compress(0.05, { teacher: 'both' }))).toEqual(weightsOf(both));
  });

  it('with the physics alone may leave the network that it came from, for the solution', async () => {
    const { physics, model } = await compress(2e-3, { teacher: 'physics' });
    expect(physics!.loss.after).toBeLessThan(physics!.loss.given);
    expect(from(model!)).toBeLessThan(from(given) / 2);
  });

  it('is refused where the model has nothing to teach', async () => {
    given = { ...given, physics: { residuals: given.physics!.residuals } };
    await expect(compress(0.05, { teacher: 'both' })).rejects.toMatchObject({ code: 'PE4302' });
    given = { ...given, physics: undefined };
    await expect(compress(0.05, { teacher: 'physics' })).rejects.toMatchObject({ code: 'PE4301' });
  });
});
