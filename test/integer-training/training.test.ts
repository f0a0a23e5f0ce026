import { describe, expect, it } from 'vitest';
import { factorsOf } from '../../compiler/compress/integer-training/factors.js';
import { backward, createNetwork, forward, type Network } from '../../compiler/compress/integer-training/group.js';
import {
  GRADIENT_SUM_LIMIT,
  type Numbers,
  smxNumbers,
} from '../../compiler/compress/integer-training/number-formats.js';
import { exactPlan, type PathPlan, steinPlan } from '../../compiler/compress/integer-training/paths.js';
import { errorAgainst, poisson, referenceAt } from '../../compiler/compress/integer-training/problems.js';
import { cosineOf, phaseOf, sineOf } from '../../compiler/compress/integer-training/sine.js';
import { exactTerms, type SmxFormat } from '../../compiler/compress/integer-training/smx.js';
import { gaussHermiteRule, randomRule } from '../../compiler/compress/integer-training/stein.js';
import {
  createLayers,
  macsPerRow,
  type Parameter,
  parametersOf,
  type Structure,
} from '../../compiler/compress/integer-training/trained-layers.js';
import { createTraining, type TrainingOptions } from '../../compiler/compress/integer-training/training.js';
import { uniform } from '../../compiler/judge/points/random.js';
import { sobolPoints } from '../../compiler/judge/points/sobol.js';

function network(structure: Structure, numbers?: Numbers, hidden: readonly number[] = [32, 32], inputs = 2): Network {
  return createNetwork(createLayers({ inputs, hidden, structure, rank: 3 }, uniform(5)), numbers);
}

const POINTS = Float64Array.of(0.25, 0.5, 0.75, 0.125, 0.5, 0.875, 0.0625, 0.3125);

/** Laplacians at the four points. */
function laplacians(net: Network, plan: PathPlan): number[] {
  const [outputs] = forward(net, plan, POINTS, 4);
  return [0, 1, 2, 3].map((p) => plan.gather(outputs, 4, p).laplacian);
}

describe('the sine of integers', () => {
  it('is within 5e-6 of the sine, odd to the bit, and 1 at the top', () => {
    for (let i = -2000; i < 2000; i++) {
      const angle = Math.round(i * 12345.678);
      const phase = phaseOf(angle);
      expect(Math.abs(sineOf(phase) / 2 ** 26 - Math.sin(angle / 2 ** 24))).toBeLessThan(5.5e-6);
      expect(sineOf(-phase) + sineOf(phase)).toBe(0);
    }
    expect(sineOf(2 ** 30)).toBe(2 ** 26);
    expect(cosineOf(0)).toBe(2 ** 26);
    expect(cosineOf(2 ** 31)).toBe(-(2 ** 26));
  });
});

describe("the formats' bounds", () => {
  it.each([{}, { bits: 16, gradientBits: 16 }, { block: 8 }])('make every sum of a step exact, with %j', (widths) => {
    const n = smxNumbers(widths);
    expect(exactTerms(n.weights, n.activations)).toBeGreaterThanOrEqual(256);
    expect(exactTerms(n.weights, n.differences)).toBeGreaterThanOrEqual(256);
    expect(exactTerms(n.weights, n.gradients)).toBeGreaterThanOrEqual(256);
    // Rows until sums are held, and what they may have from before, in products of the largest values.
    const largest = ({ bits, highest }: SmxFormat) => 2 ** (bits - 1 + highest);
    for (const values of [n.activations, n.differences, n.intermediates]) {
      const before = GRADIENT_SUM_LIMIT / (largest(n.gradients) * largest(values));
      expect(exactTerms(n.gradients, values)).toBeGreaterThanOrEqual(128 + before);
    }
  });
});

describe('sums of gradients in integers', () => {
  it.each([
    ['dense', 'difference'],
    ['train', 'difference'],
    ['merged', 'difference'],
    ['train', 'direct'],
  ] as const)('of a %s network, %s, are the same in every order of the points', (structure, carry) => {
    const numbers = smxNumbers({ rounding: 'nearest' });
    const plan = steinPlan(randomRule(0.05, 40, 2, uniform(9)), 2, carry, numbers);
    const sums = (order: readonly number[]) => {
      const net = network(structure, numbers);
      const points = Float64Array.from(order.flatMap((p) => [POINTS[2 * p], POINTS[2 * p + 1]]));
      const [outputs, trace] = forward(net, plan, points, 4);
      const by = new Float64Array(outputs.length);
      order.forEach((p, place) => {
        const residual = [0.9, -0.7, 0.3, 1.1][p];
        plan.scatter({ value: 0, gradient: new Float64Array(2), laplacian: residual }, by, 4, place);
      });
      backward(net, plan, 4, trace, by);
      return [...net.factors.flat().map(({ gradient }) => gradient), ...net.biasGradients.values()];
    };
    const once = sums([0, 1, 2, 3]);
    expect(Math.max(...once.map((g) => Math.max(...g)))).toBeGreaterThan(0);
    expect(sums([2, 3, 1, 0])).toEqual(once);
    expect(sums([3, 2, 1, 0])).toEqual(once);
  });
});

describe('differences in blocks of their own', () => {
  it('have the Laplacian at sigma 0.01 within some percent in INT8, where direct values are off by hundreds', () => {
    const rule = randomRule(0.01, 512, 2, uniform(3));
    const numbers = smxNumbers();
    const net = network('dense', undefined, [64, 64]);
    // As steep as a network that has learned waves: the first layer's weights have a deviation of 1.4.
    const [{ matrices }] = net.layers[0].halves;
    matrices[0].values.set(matrices[0].values.map((w) => Math.min(3.9, Math.max(-3.9, 8 * w))));
    const exact = laplacians(net, steinPlan(rule, 2, 'difference'));
    const same = laplacians(net, steinPlan(rule, 2, 'direct'));
    const error = (found: readonly number[], wanted = exact) =>
      Math.hypot(...found.map((v, i) => v - wanted[i])) / Math.hypot(...wanted);
    expect(error(same)).toBeLessThan(1e-8);
    // Against the same weights, rounded: what is left is how the paths are carried.
    const rounded: Network = { ...net, factors: factorsOf(net.layers, numbers), numbers };
    const wanted = laplacians({ ...rounded, numbers: undefined }, steinPlan(rule, 2, 'difference'));
    const inDifferences = error(laplacians(rounded, steinPlan(rule, 2, 'difference', numbers)), wanted);
    const direct = error(laplacians(rounded, steinPlan(rule, 2, 'direct', numbers)), wanted);
    expect(inDifferences).toBeLessThan(0.06);
    expect(direct).toBeGreaterThan(1);
    const wide = smxNumbers({ bits: 16 });
    const in16 = error(laplacians({ ...rounded, numbers: wide }, steinPlan(rule, 2, 'difference', wide)), wanted);
    expect(in16).toBeLessThan(inDifferences / 4);
  });
});

describe('gradients', () => {
  const exact = exactPlan(2, 2);
  const stein = (carry: 'direct' | 'difference') => steinPlan(gaussHermiteRule(0.3, 2), 2, carry);

  it.each([
    ['dense', exact],
    ['train', exact],
    ['merged', exact],
    ['train', stein('difference')],
    ['merged', stein('difference')],
    ['dense', stein('direct')],
  ] as const)('of a %s network are those by differences of its parameters', (structure, plan) => {
    const net = network(structure);
    const factors = [1, 0.5, -0.25, 2];
    /** A sum of values and derivatives at the four points. */
    const total = () => {
      const [outputs] = forward({ ...net, factors: factorsOf(net.layers) }, plan, POINTS, 4);
      return factors.reduce((sum, f, p) => {
        const { value, gradient, laplacian } = plan.gather(outputs, 4, p);
        return sum + f * (value + 2 * gradient[0] - gradient[1] + 0.5 * laplacian);
      }, 0);
    };
    const [outputs, trace] = forward(net, plan, POINTS, 4);
    const by = new Float64Array(outputs.length);
    factors.forEach((f, p) => {
      plan.scatter({ value: f, gradient: Float64Array.of(2 * f, -f), laplacian: 0.5 * f }, by, 4, p);
    });
    backward(net, plan, 4, trace, by);
    const gradients = new Map<Parameter, Float64Array>(net.biasGradients);
    for (const factor of net.factors.flat()) factor.hand(gradients);
    for (const parameter of parametersOf(net.layers)) {
      const { values } = parameter;
      for (let i = 0; i < values.length; i += Math.max(1, values.length >> 3)) {
        const before = values[i];
        const moved = (step: number) => {
          values[i] = before + step;
          return total();
        };
        const slope = (moved(1e-4) - moved(-1e-4)) / 2e-4;
        values[i] = before;
        const found = gradients.get(parameter)![i] / plan.gradientScale;
        expect(Math.abs(found - slope)).toBeLessThan(1e-5 * (1 + Math.abs(slope)));
      }
    }
  });

  it('of a tensor train and of its merged halves belong to the same function', () => {
    const [train, merged] = (['train', 'merged'] as const).map((structure) => laplacians(network(structure), exact));
    for (const [p, value] of train.entries()) expect(value).toBeCloseTo(merged[p], 10);
    expect(macsPerRow(network('merged').layers)).toBe(2 * 32 + 2 * 3 * 32 + 32);
  });
});

const OPTIONS: TrainingOptions = {
  shape: { inputs: 2, hidden: [32, 32], structure: 'dense', rank: 2 },
  derivatives: 'stein',
  carry: 'difference',
  rule: 'gauss-hermite',
  sigma: 0.01,
  pairs: 8,
  steps: 150,
  points: 8,
  conditionPoints: 8,
  rate: 0.02,
  seed: 1,
};

describe('training on Poisson', () => {
  const points = sobolPoints(64, 2);
  const reference = referenceAt(poisson(), points);
  const errorAfter = (options: Partial<TrainingOptions>) => {
    const training = createTraining(poisson(), { ...OPTIONS, ...options });
    for (let step = 0; step < OPTIONS.steps; step++) training.step();
    return errorAgainst(poisson(), points, training.values(points), reference);
  };

  it('learns in INT8 and INT12 with differences as in floating point, and not without them', () => {
    const float = errorAfter({});
    const differences = errorAfter({ numbers: smxNumbers() });
    const direct = errorAfter({ numbers: smxNumbers(), carry: 'direct' });
    expect(float).toBeLessThan(0.05);
    expect(differences).toBeLessThan(2 * float);
    expect(direct).toBeGreaterThan(5 * float);
  });

  it('has weights of the output that are small where asked for, and biases of 16 bits', () => {
    const shape = { ...OPTIONS.shape, hidden: [64, 64], output: 'small' } as const;
    const outputOf = (output?: 'small') => {
      const { layers } = createTraining(poisson(), { ...OPTIONS, shape: { ...shape, output } });
      const { values } = layers.at(-1)!.halves[0].matrices[0];
      return Math.sqrt(values.reduce((sum, w) => sum + w * w, 0) / values.length);
    };
    expect(outputOf('small') * 64).toBeCloseTo(1, 0);
    expect(outputOf() / outputOf('small')).toBeCloseTo(64 * Math.sqrt(2 / 65), 6);
    const { layers } = createTraining(poisson(), { ...OPTIONS, shape, numbers: smxNumbers() });
    const isMultiple = (biasBits: 16 | 32) =>
      createNetwork(layers, smxNumbers({ biasBits })).biases.every((bias) =>
        bias.every((b) => (b * 2 ** 13) % 1 === 0),
      );
    expect(isMultiple(16)).toBe(true);
    expect(isMultiple(32)).toBe(false);
  });

  it('learns in blocks of 8 x 8', () => {
    const training = createTraining(poisson(), { ...OPTIONS, numbers: smxNumbers({ block: 8 }) });
    const losses = Array.from({ length: 60 }, () => training.step());
    expect(Math.min(...losses.slice(-10))).toBeLessThan(losses[0] / 5);
  });

  it('has the same loss in every bit for the same seed, and another for another', () => {
    const losses = (seed: number, rounding: 'nearest' | 'stochastic') => {
      const training = createTraining(poisson(), { ...OPTIONS, seed, numbers: smxNumbers({ rounding }) });
      return [0, 1, 2].map(() => training.step());
    };
    expect(losses(1, 'stochastic')).toEqual(losses(1, 'stochastic'));
    expect(losses(1, 'stochastic')).not.toEqual(losses(1, 'nearest'));
    expect(losses(1, 'nearest')).not.toEqual(losses(2, 'nearest'));
  });

  const shape = (change: Partial<TrainingOptions['shape']>) => ({ shape: { ...OPTIONS.shape, ...change } });
  it.each([
    [{ sigma: 0 }, /^sigma: Stein's estimator divides by its square, so it must be above zero, found 0/],
    [{ sigma: 1e-7, numbers: smxNumbers() }, /^sigma: the integers of perturbed points hold 0.0001 to 0.5, found 1e-7/],
    [{ sigma: 0.6, numbers: smxNumbers() }, /^sigma: .* hold 0.0001 to 0.5, found 0.6/],
    [
      shape({ structure: 'train', rank: 33 }),
      /^rank: the modes 4 8 and 4 8 of a layer of 32 x 32 allow ranks of 1 to 32, found 33/,
    ],
    [shape({ structure: 'merged', rank: 0 }), /^rank: .* found 0/],
    [
      { ...shape({ hidden: [32, 4] }), numbers: smxNumbers({ block: 8 }) },
      /^block: blocks of 8 x 8 are larger than a hidden layer of 4 neurons; take wider layers/,
    ],
    [
      { ...shape({ structure: 'train' }), numbers: smxNumbers({ block: 8 }) },
      /^block: blocks of 8 x 8 are larger than the matrix of 4 x 2; take smaller blocks or a larger matrix/,
    ],
    [{ points: 6 }, /^points: must be a multiple of 4, the rows of a block, found 6/],
    [{ points: 0 }, /^points: must be a multiple of 4/],
    [
      { numbers: smxNumbers(), derivatives: 'exact' },
      /^derivatives: training in integers has its derivatives by stein/,
    ],
    [{ steps: 0.5 }, /^steps: must be a whole number of at least 1, found 0.5/],
    [{ rate: 0 }, /^rate: must be above 0 and below 1, found 0/],
  ] as const)('refuses %j', (change, message) => {
    expect(() => createTraining(poisson(), { ...OPTIONS, ...change } as TrainingOptions)).toThrow(message);
  });
});
