import { describe, expect, test } from 'vitest';
import { zeroSmallest } from '../../compiler/compress/comparisons/magnitude.js';
import { type Compressed, compressGraph, compressModel } from '../../compiler/compress/compress.js';
import { DEFAULT_COMPRESS, METHODS } from '../../compiler/compress/compress-options.js';
import { bytesBesides, estimatedInstructions, storedBytes } from '../../compiler/compress/graph-cost.js';
import { refine } from '../../compiler/compress/refine/refine.js';
import { runMethod, searchAll } from '../../compiler/compress/search/all-methods.js';
import type { Attempt } from '../../compiler/compress/search/one-method.js';
import { searchPoints } from '../../compiler/compress/teacher/search-points.js';
import { makePool, shareOf, unseenSamples } from '../../compiler/compress/teacher/teacher.js';
import { climb } from '../../compiler/compress/teacher/worst-points.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { zeroWeights } from '../../compiler/ir/parameters.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import type { IrGraph } from '../../compiler/ir/types.js';
import { interiorPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import type { Model } from '../../compiler/model/types.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { gatedNetwork, teacherOf } from './helpers.js';

const network = modelFrom(perceptron([2, 12, 12, 1], 'tanh', 5, 0.8));
const settings = { ...DEFAULT_COMPRESS, maxWork: 2e8 };
/** Share of the tolerance that the network which `auto` takes may spend: of a spline, formats need next to nothing. */
const MOST_SPENT = 0.77;

function compressed(model: Model, tolerance: number, options: Partial<typeof settings> = {}) {
  const teacher = teacherOf(model, tolerance);
  const allowances = [...teacher.allowances].map((a, k) => a * Math.abs(model.outputs[k].scale ?? 1));
  return compressModel(model, foldGraph(buildIr(model)), allowances, { ...settings, ...options });
}

/** Largest error at points of a part of the Sobol sequence that compression never uses, over the largest output. */
function freshError(model: Model, small: Model): number {
  const points = interiorPoints(inputBox(model.inputs), 4096, 1);
  const [wanted, got] = [evaluateReference(model, points), evaluateReference(small, points)];
  const width = model.outputs.length;
  let worst = 0;
  for (let k = 0; k < width; k++) {
    let [error, most] = [0, 0];
    for (let i = k; i < wanted.length; i += width) {
      error = Math.max(error, Math.abs(got[i] - wanted[i]));
      most = Math.max(most, Math.abs(wanted[i]));
    }
    worst = Math.max(worst, error / most);
  }
  return worst;
}

describe('auto', () => {
  test('keeps its share of the tolerance on fresh points, and is a model again', async () => {
    const result = await compressed(network, 1e-3);
    expect(result.parameters.after).toBeLessThan(result.parameters.before / 3);
    expect(result.error).toBeLessThanOrEqual(MOST_SPENT);
    expect(freshError(network, result.model!)).toBeLessThan(0.8e-3);
  });

  test('takes no network that the last check refuses', async () => {
    const teacher = teacherOf(modelFrom(perceptron([2, 8, 8, 1], 'tanh', 5, 0.8)), 1e-2);
    const options = { ...settings, maxWork: 2e7, round: true };
    const unseen = unseenSamples(teacher);
    const refused: IrGraph[] = [];
    const check = (holds: (graph: IrGraph) => boolean) => (graph: IrGraph) => ({
      error: 1,
      spent: holds(graph) ? 1 : 1.01,
      peaks: unseen,
    });
    const none = await searchAll(teacher, { ...options, check: check((graph) => refused.push(graph) < 0) });
    expect(none.graph).toBeUndefined();
    // The smallest is refused: the search ends with another one.
    const smallest = Math.min(...refused.map(storedBytes));
    const other = await searchAll(teacher, {
      ...options,
      check: check((graph) => storedBytes(graph) > smallest),
    });
    expect(other.bytes).toBeGreaterThan(smallest);
    expect(climb(teacher, other.graph!, unseen).error).toBeLessThanOrEqual(settings.share * 1.1);
  });

  test('a method that the last check refuses three times ends without a network, and says what was found', async () => {
    const teacher = teacherOf(network, 1e-2);
    const points = searchPoints(teacher);
    let asked = 0;
    const check = () => ({ error: 1.25, spent: ++asked === 4 ? 1 : 1.25, peaks: points.unseen });
    const options = { ...settings, round: true, refine: false, check };
    const refused = await runMethod('int16', teacher, teacher.graph, points, options);
    expect(refused.graph).toBeUndefined();
    expect(asked).toBe(3);
    expect(refused.attempts.map(({ kept, error }) => ({ kept, error }))).toEqual([{ kept: false, error: 1.25 }]);
    expect((await runMethod('int16', teacher, teacher.graph, points, options)).graph).toBeDefined();
  });

  test('tells of no best that is no structure: narrower weights alone are for formats to choose', async () => {
    const told: Attempt[] = [];
    const model = modelFrom(perceptron([2, 4, 1]));
    const { parameters } = await compressed(model, 5e-2, { onAttempt: (attempt) => told.push(attempt) });
    const dense = told.filter(({ what, parameters: n }) => what.startsWith('hmatrix') && n === parameters.before);
    expect(dense.some(({ error }) => error <= settings.share)).toBe(true);
    expect(dense.some(({ kept }) => kept)).toBe(false);
  });

  test('gives the same weights for the same seed', async () => {
    const [a, b] = [await compressed(network, 1e-2), await compressed(network, 1e-2)];
    expect(a.model).toEqual(b.model);
    expect(a.attempts).toEqual(b.attempts);
  });

  test('compresses through gates, skips and two heads', async () => {
    const model = modelFrom(gatedNetwork(8));
    const result = await compressed(model, 1e-2);
    expect(result.parameters.after).toBeLessThan(result.parameters.before / 2);
    expect(freshError(model, result.model!)).toBeLessThan(1e-2);
  });

  test('leaves a network that is as small as can be as it is, and says so', async () => {
    const result = await compressed(modelFrom(perceptron([2, 1, 1])), 1e-3);
    expect(result.model).toBeUndefined();
    expect(result.detail).toMatch(/left as it is/);
  });

  test('a tolerance that nothing keeps leaves the network and gives the best reached', async () => {
    const result = await compressed(network, 1e-12, { maxWork: 2e7 });
    expect(result.model).toBeUndefined();
    expect(result.bestReached).toBeGreaterThan(1);
    expect(result.detail).toMatch(
      /^left as it is: none of \d+ smaller networks keeps the tolerance; --tol [\d.e-]+ would give \d+ parameters$/,
    );
  });

  test('stops when asked, with the best so far', async () => {
    let asked = 0;
    const result = await compressed(network, 1e-2, { checkpoint: () => Promise.resolve(++asked > 8) });
    expect(asked).toBeLessThan(30);
    expect(result.error).toBeLessThanOrEqual(settings.share);
  });

  test('width-1 layers, dead layers and constant outputs', async () => {
    const narrow = await compressed(modelFrom(perceptron([2, 6, 1, 6, 1])), 1e-2);
    expect(narrow.error).toBeLessThanOrEqual(MOST_SPENT);
    const json = perceptron([2, 6, 6, 1]) as { tensors: Record<string, { data: number[] }> };
    json.tensors.w1.data.fill(0);
    const dead = await compressed(modelFrom(json), 1e-3);
    // A spline that is constant has a coefficient per basis function, and needs no table.
    expect(dead.parameters.after).toBeLessThan(17);
    for (const tensor of Object.values(json.tensors)) if (tensor !== json.tensors.b3) tensor.data.fill(0);
    const zero = await compressed(modelFrom(json), 1e-3);
    expect(zero.error).toBeLessThan(1e-2);
  });
});

describe('single methods', () => {
  test.each(['prune', 'lowrank', 'magnitude'] as const)('%s goes further with refinement', async (method) => {
    const { attempts, tangentKernel } = await compressGraph(teacherOf(network, 1e-2), { ...settings, method });
    expect(tangentKernel!.distance).toBeGreaterThan(0);
    const kept = attempts.filter((attempt) => attempt.kept);
    const [plain, refined] = [false, true].map((wanted) => kept.filter((a) => a.what.endsWith('refined') === wanted));
    const setting = ({ what }: Attempt) => Number(/[\d.e-]+/.exec(what.replace(/^[a-z ]+/, ''))![0]);
    expect(refined.length).toBeGreaterThan(0);
    expect(Math.max(...refined.map(setting))).toBeGreaterThan(Math.max(0, ...plain.map(setting)));
  });

  test('magnitude: zeros stay zeros in refinement', async () => {
    const teacher = teacherOf(network, 1e-2);
    const start = zeroSmallest(teacher.graph, 0.3);
    const { graph, steps } = await refine(teacher, start, makePool(teacher), {
      target: 0.01,
      maxSteps: 8,
      keepZeros: true,
    });
    expect(steps).toBeGreaterThan(0);
    expect(zeroWeights(graph)).toEqual(zeroWeights(start));
    expect(shareOf(teacher, graph, unseenSamples(teacher))).toBeLessThan(
      shareOf(teacher, start, unseenSamples(teacher)),
    );
  });

  let auto: Compressed | undefined;

  test.each(METHODS.filter((m) => m !== 'auto'))(
    '%s keeps the share where it answers, and auto is no larger',
    async (method) => {
      const teacher = teacherOf(network, 1e-2);
      const single = await compressGraph(teacher, { ...settings, method });
      const share = method === 'spline' ? MOST_SPENT : settings.share + 0.01;
      if (single.changed) expect(single.error).toBeLessThanOrEqual(share);
      auto ??= await compressGraph(teacher, settings);
      const built = ({ bytes, graph }: Compressed) => bytes.after + bytesBesides(graph);
      expect(built(auto)).toBeLessThanOrEqual(built(single));
    },
  );
});

describe('a budget', () => {
  test('gives the most accurate network that fits', async () => {
    const result = await compressed(network, 1e-3, { maxBytes: 150 });
    expect(result.bytes.after).toBeLessThanOrEqual(150);
    expect(freshError(network, result.model!)).toBeLessThan(2e-2);
  });

  test('of instructions gives a network that the estimate says fits', async () => {
    const result = await compressed(network, 1e-3, { maxInstructions: 25_000 });
    const small = foldGraph(buildIr(result.model!));
    expect(estimatedInstructions(small)).toBeLessThanOrEqual(25_000);
    expect(estimatedInstructions(foldGraph(buildIr(network)))).toBeGreaterThan(40_000);
    await expect(compressed(network, 1e-3, { maxInstructions: 1000 })).rejects.toThrow(/no network answers in 1000/);
  });

  test('that the network fits already leaves it as it is', async () => {
    const result = await compressed(network, 1e-3, { maxBytes: 1e6 });
    expect(result.model).toBeUndefined();
    expect(result.detail).toContain('it fits into the budget');
    expect(result.bytes.after).toBe(2 * (2 * 12 + 12 * 12 + 12) + 4 * (12 + 12 + 1));
  });

  test('that nothing fits is refused', async () => {
    await expect(compressed(network, 1e-3, { maxBytes: 8 })).rejects.toThrow(/no network fits into 8 bytes/);
  });
});

test('a build spends the whole tolerance against the original network', async () => {
  const built = await compile(network, { tolerance: 2e-3, compress: settings });
  expect(built.spent.compress).toBeGreaterThan(0);
  expect(built.measured.outputs[0].maxRelative).toBeLessThan(2e-3);
  expect(built.table.length).toBeLessThan(2000);
});
