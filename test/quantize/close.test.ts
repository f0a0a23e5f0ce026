import { expect, test } from 'vitest';
import { analyze } from '../../compiler/formats/search/analysis.js';
import { quantizeWithin } from '../../compiler/formats/search/quantize-within.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import { type Edge, Judge, type Look, type PointFunction, SEEDS } from '../../compiler/judge/measure.js';
import { modelFrom, perceptron } from '../helpers/models.js';

/** Formats that come close to the limit are looked at once more, at many more points, and not built where these refuse them. */

const model = modelFrom(perceptron([2, 4, 1], 'tanh', 5));
const requirement = { all: { relative: 1e-2 } };
const analysis = analyze(model, foldGraph(buildIr(model)), 'test', requirement);

/** Shares of the tolerance that looks of each seed find, one after the other; the last of them from then on. */
type Found = Record<keyof typeof SEEDS, number[]>;

class ToldJudge extends Judge {
  readonly looks: Look[] = [];

  constructor(private readonly told: Found) {
    super(model);
  }

  override measure(approximation: PointFunction, look: Look, edge?: Edge) {
    const seeds = Object.keys(SEEDS) as (keyof typeof SEEDS)[];
    const shares = this.told[seeds.find((name) => SEEDS[name] === look.seed)!];
    const before = this.looks.filter(({ seed }) => seed === look.seed).length;
    const share = shares[Math.min(before, shares.length - 1)];
    this.looks.push(look);
    const { outputs, points } = super.measure(approximation, { ...look, samples: 64 }, edge);
    const told = outputs.map((output, k) => ({
      ...output,
      maxAbsolute: share * analysis.allowances[k],
      relativeL2: 0,
    }));
    return { outputs: told, points };
  }
}

function built(confirm: number[], last: number[]) {
  const judge = new ToldJudge({ build: [0.5], verify: [], confirm, close: last });
  const { measured } = quantizeWithin(model, judge, analysis, 'auto', requirement);
  const lastLooks = judge.looks.filter(({ seed }) => seed === SEEDS.close);
  return { judge, lastLooks, share: measured.outputs[0].maxAbsolute / analysis.allowances[0] };
}

test('far from the limit one confirmation is enough', () => {
  const { lastLooks, share } = built([0.84], [9]);
  expect(lastLooks).toHaveLength(0);
  expect(share).toBeCloseTo(0.84, 12);
});

test('close to it many more points are looked at, and the larger error is reported', () => {
  const { judge, lastLooks, share } = built([0.88], [0.91]);
  expect(lastLooks).toEqual([{ samples: 8 * judge.defaultLook(0).samples, seed: SEEDS.close }]);
  expect(share).toBeCloseTo(0.91, 12);
  expect(built([0.88], [0.7]).share).toBeCloseTo(0.88, 12);
});

test('formats that these refuse are not built', () => {
  const { judge, lastLooks, share } = built([0.88, 0.86], [0.93, 0.9]);
  expect(lastLooks).toHaveLength(2);
  expect(judge.looks.filter(({ seed }) => seed === SEEDS.confirm)).toHaveLength(2);
  expect(share).toBeCloseTo(0.9, 12);
  expect(() => built([0.88], [0.93])).toThrow(/tolerance/);
});
