import { describe, expect, it } from 'vitest';
import { withProvedRanges } from '../../compiler/certify/ranges.js';
import { type Analysis, analyze } from '../../compiler/formats/search/analysis.js';
import { evaluateIr } from '../../compiler/ir/evaluate.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { analyzeRanges } from '../../compiler/ir/ranges.js';
import { foldGraph, toTurns } from '../../compiler/ir/simplify.js';
import type { Model } from '../../compiler/model/types.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { modelFrom, perceptron, randoms, tensor } from '../helpers/models.js';
import { boxPoints, smallModel, summed } from './helpers.js';

/** Ranges that formats take from proofs: they hold every value, and are narrower than sampled ones with their margin. */

const analysisOf = (model: Model) =>
  analyze(model, toTurns(foldGraph(buildIr(model))), 'model', { all: { relative: 1e-3 } });

/** The same, from so few points that peaks are missed. */
function fromFew(analysis: Analysis, model: Model): Analysis {
  const { graph, box } = analysis;
  const few = Float64Array.from({ length: 6 }, (_, i) => {
    const [axis, place] = [i % 2, [0.4, 0.5, 0.55, 0.6, 0.45, 0.5][i]];
    return box.min[axis] + place * (box.max[axis] - box.min[axis]);
  });
  return { ...analysis, ranges: analyzeRanges(graph, evaluateIr(graph, few, model.inputs.length), box) };
}

/** Values of the analysis outside of its ranges, by more than a double may be off. */
function outside({ graph, ranges }: Analysis, model: Model): number {
  const values = evaluateIr(graph, boxPoints(model, 20_000), model.inputs.length);
  return graph.nodes.reduce((count, node) => {
    const known = ranges.get(node)!;
    const isOut = (value: number, i: number) => {
      const { min, max } = known[i % node.width];
      const slack = 1e-12 * (1 + Math.abs(value));
      return value < min - slack || value > max + slack;
    };
    return count + values.get(node)!.filter(isOut).length;
  }, 0);
}

const widths = ({ graph, ranges }: Analysis) =>
  graph.nodes.flatMap((node) => ranges.get(node)!.map(({ min, max }) => max - min));

const spline = { name: 'f', op: 'spline', inputs: ['x', 't'], coefficients: 'k', degree: 3 };
const splineRanges = [
  [-1, 1],
  [0, 2],
];

const CASES: [string, Model][] = [
  ['tanh', modelFrom(perceptron([2, 8, 8, 2], 'tanh', 3))],
  ['sine', modelFrom(perceptron([2, 8, 8, 1], 'sin', 4, 2))],
  [
    'spline',
    smallModel([{ ...spline, ranges: splineRanges }, summed('f')], 'y', {
      tensors: { k: tensor([4, 5, 5], randoms(3), 0.7) },
    }),
  ],
  [
    'products and choices',
    smallModel(
      [
        { name: 'a', op: 'abs', inputs: ['z'] },
        { name: 'g', op: 'max', inputs: ['a', 'z'] },
        { name: 'h', op: 'mul', inputs: ['g', 'z'] },
        { name: 'f', op: 'select', inputs: ['z', 'h', 'a'] },
        summed('f'),
      ],
      'y',
    ),
  ],
];

describe.each(CASES)('proved ranges of a network of %s', (_name, model) => {
  const sampled = analysisOf(model);
  const proved = withProvedRanges(sampled);

  it('hold every value, within those that were sampled and widened', () => {
    expect(outside(proved, model)).toBe(0);
    const [before, after] = [widths(sampled), widths(proved)];
    expect(after.every((width, i) => width <= before[i])).toBe(true);
    expect(after.filter((width, i) => width < before[i]).length).toBeGreaterThan(0);
  });

  it('mend ranges from which points were missing', () => {
    const few = fromFew(sampled, model);
    expect(outside(few, model)).toBeGreaterThan(0);
    expect(outside(withProvedRanges(few), model)).toBe(0);
  });
});

describe('a compilation with proved ranges', () => {
  it('chooses formats by them', async () => {
    const model = CASES[0][1];
    const [plain, proved] = await Promise.all(
      [undefined, withProvedRanges].map((refineRanges) => compile(model, { engine: 'c', refineRanges })),
    );
    const total = ({ graph, ranges }: typeof plain) =>
      graph.nodes.flatMap((node) => ranges.get(node)!).reduce((sum, { min, max }) => sum + max - min, 0);
    expect(total(proved)).toBeLessThan(total(plain));
  });
});
