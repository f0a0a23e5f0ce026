import { type Numbers, smxNumbers } from '../compiler/compress/integer-training/number-formats.js';
import {
  errorAgainst,
  heat,
  hjbConstant,
  hjbLogarithm,
  type Problem,
  poisson,
  referenceAt,
} from '../compiler/compress/integer-training/problems.js';
import { smxBytes } from '../compiler/compress/integer-training/smx.js';
import { gaussHermiteRule } from '../compiler/compress/integer-training/stein.js';
import {
  type Layer,
  macsPerRow,
  type NetworkShape,
  parametersOf,
  STRUCTURES,
  type Structure,
} from '../compiler/compress/integer-training/trained-layers.js';
import { createTraining, networkValues, type TrainingOptions } from '../compiler/compress/integer-training/training.js';
import { sobolPoints } from '../compiler/judge/points/sobol.js';

/** What docs/benchmarks-training.md compares: ways to have derivatives and to compute, times structures of layers. */
export const MODES = ['exact', 'stein', 'direct', 'differences', 'wide'] as const;
export type Mode = (typeof MODES)[number];
export { STRUCTURES };

export interface Case {
  problem: () => Problem;
  name: string;
  options: Omit<TrainingOptions, 'shape' | 'seed' | 'derivatives' | 'carry' | 'numbers'>;
  hidden: readonly number[];
  rank: number;
  /** How the weights of the output are drawn, and bits of biases in integers; default: as all others, and 32. */
  output?: NetworkShape['output'];
  biasBits?: 16;
  /** As in a network's shape: the layer of the inputs is a tensor train, too. */
  smallestTrain?: NetworkShape['smallestTrain'];
}

const POISSON = { rule: 'gauss-hermite', sigma: 0.01, pairs: 8 } as const;

/** Sizes at which all of it takes minutes. */
const REDUCED: readonly Case[] = [
  {
    problem: poisson,
    name: 'poisson',
    options: { ...POISSON, steps: 200, points: 8, conditionPoints: 8, rate: 0.01 },
    hidden: [96, 96],
    rank: 2,
    output: 'small',
    biasBits: 16,
  },
  {
    problem: () => hjbConstant(15),
    name: 'hjb-constant',
    options: { rule: 'sobol', sigma: 0.1, pairs: 8, steps: 300, points: 8, conditionPoints: 0, rate: 0.02 },
    hidden: [96, 96],
    rank: 2,
    smallestTrain: 16,
  },
  {
    problem: () => hjbLogarithm(15),
    name: 'hjb-logarithm',
    options: { rule: 'sobol', sigma: 0.1, pairs: 8, steps: 300, points: 8, conditionPoints: 8, rate: 0.02 },
    hidden: [64, 64],
    rank: 2,
  },
  {
    problem: () => heat(4),
    name: 'heat',
    options: { rule: 'sobol', sigma: 0.01, pairs: 8, steps: 300, points: 8, conditionPoints: 8, rate: 0.02 },
    hidden: [112, 112],
    rank: 2,
    output: 'small',
    biasBits: 16,
  },
  {
    problem: () => heat(15),
    name: 'heat-15',
    options: { rule: 'sobol', sigma: 0.01, pairs: 8, steps: 300, points: 8, conditionPoints: 8, rate: 0.02 },
    hidden: [64, 64],
    rank: 2,
  },
];

/** Those of the public code in this line of work: hours for Poisson, days for the others. */
const FULL: readonly Case[] = [
  {
    problem: poisson,
    name: 'poisson',
    options: { rule: 'random', sigma: 0.01, pairs: 512, steps: 1000, points: 100, conditionPoints: 100, rate: 1e-3 },
    hidden: [64, 64],
    rank: 2,
  },
  ...[() => hjbConstant(20), () => hjbLogarithm(20)].map(
    (problem, i): Case => ({
      problem,
      name: ['hjb-constant', 'hjb-logarithm'][i],
      options: {
        rule: 'random',
        sigma: 0.1,
        pairs: 512,
        steps: 10_000,
        points: 100,
        conditionPoints: 100 * i,
        rate: 1e-3,
      },
      hidden: [512, 512],
      rank: 2,
    }),
  ),
  {
    problem: () => heat(100),
    name: 'heat',
    options: { rule: 'random', sigma: 0.01, pairs: 1024, steps: 1000, points: 100, conditionPoints: 100, rate: 1e-3 },
    hidden: [256, 256, 256, 256],
    rank: 2,
  },
];

export const casesOf = (full: boolean) => (full ? FULL : REDUCED);

export interface Row {
  size: 'reduced' | 'full';
  problem: string;
  mode: Mode;
  structure: Structure;
  seed: number;
  /** Relative L2 error of the network in the numbers that it was trained in. */
  error: number;
  /** The same with values that are not rounded, weights as they are used: in blocks of INT8, or in float. */
  weightsError: number;
  loss: number;
  /** Of all weights and biases: 8-bit integers with an exponent per block and biases of 32 bits, of Poisson and of heat in 4-D 16, or float32. */
  weightBytes: number;
  /** Multiply-accumulates of a step: forward, backward, gradients of weights. */
  macs: number;
  /** Bits that the products of a step read and write; see {@link trafficOf}. */
  bits: number;
  seconds: number;
}

export const keyOf = ({
  size,
  problem,
  mode,
  structure,
  seed,
}: Pick<Row, 'size' | 'problem' | 'mode' | 'structure' | 'seed'>) => [size, problem, mode, structure, seed].join(' ');

const TEST_POINTS = 128;
const references = new Map<string, { points: Float64Array; reference: Float64Array }>();

export function measure(size: Row['size'], given: Case, mode: Mode, structure: Structure, seed: number): Row {
  const problem = given.problem();
  const { hidden, rank, output, biasBits, smallestTrain, options } = given;
  const numbers = numbersOf(mode, biasBits);
  const start = process.cpuUsage();
  const training = createTraining(problem, {
    ...options,
    shape: { inputs: problem.inputs, hidden, structure, rank, output, smallestTrain },
    derivatives: mode === 'exact' ? 'exact' : 'stein',
    carry: mode === 'direct' ? 'direct' : 'difference',
    numbers,
    seed,
  });
  let loss = 0;
  for (let step = 0; step < options.steps; step++) loss = training.step();
  const { user, system } = process.cpuUsage(start);
  const key = `${size} ${given.name}`;
  const known = references.get(key) ?? withReference(problem);
  references.set(key, known);
  const { points, reference } = known;
  const errorOf = (values: Float64Array) => errorAgainst(problem, points, values, reference);
  const { layers } = training;
  const paths = mode === 'exact' ? problem.inputs + 2 : 1 + 2 * pairsOf(given, problem);
  const rows = options.points * paths + options.conditionPoints;
  return {
    size,
    problem: given.name,
    mode,
    structure,
    seed,
    error: errorOf(training.values(points)),
    weightsError: errorOf(networkValues(layers, points, numbers)),
    loss,
    weightBytes: weightBytesOf(layers, numbers, biasBits),
    macs: 3 * rows * macsPerRow(layers),
    bits: trafficOf(layers, rows, (options.points + options.conditionPoints) / 4, numbers),
    seconds: (user + system) / 1e6,
  };
}

function withReference(problem: Problem) {
  const points = sobolPoints(TEST_POINTS, problem.inputs, 1000);
  return { points, reference: referenceAt(problem, points) };
}

const pairsOf = ({ options }: Case, problem: Problem) =>
  options.rule === 'gauss-hermite' ? gaussHermiteRule(options.sigma, problem.inputs).pairs : options.pairs;

/** Which structures a mode is measured with: in floating point merged cores are the same function of the same parameters. */
export function structuresOf(mode: Mode): readonly Structure[] {
  if (mode === 'wide') return ['merged'];
  return mode === 'exact' || mode === 'stein' ? ['dense', 'train'] : STRUCTURES;
}

function numbersOf(mode: Mode, biasBits?: 16): Numbers | undefined {
  if (mode === 'wide') return smxNumbers({ bits: 12, gradientBits: 16, biasBits });
  return mode === 'direct' || mode === 'differences' ? smxNumbers({ biasBits }) : undefined;
}

function weightBytesOf(layers: readonly Layer[], numbers?: Numbers, biasBits = 32): number {
  return parametersOf(layers).reduce((sum, { rows, cols, isBias }) => {
    if (!numbers) return sum + 4 * rows * cols;
    return sum + (isBias ? (biasBits / 8) * cols : smxBytes(rows, cols, numbers.weights));
  }, 0);
}

/**
 * Bits that products read and write in a step when every row goes through memory between them and the weights are read once
 * per group of four points and pass. Values have 32 bits in float, in blocks those of their format, and an exponent of 8 bits
 * is shared by 16.
 */
function trafficOf(layers: readonly Layer[], rows: number, groups: number, numbers?: Numbers): number {
  const [value, gradient] = numbers ? [numbers.activations.bits + 0.5, numbers.gradients.bits + 0.5] : [32, 32];
  let bits = 0;
  for (const { structure, halves } of layers) {
    for (const half of halves) {
      const matrices =
        structure === 'merged'
          ? [{ rows: half.outputs, cols: half.inputs }]
          : half.matrices.map(({ rows, cols }) => ({ rows, cols }));
      let size = half.inputs;
      for (const matrix of matrices) {
        const next = (size / matrix.cols) * matrix.rows;
        // Forward x to y, backward g to g', gradient of x and g.
        bits += rows * ((size + next) * value + (next + size) * gradient + size * value + next * gradient);
        bits += groups * 2 * matrix.rows * matrix.cols * value;
        size = next;
      }
    }
  }
  return bits;
}
