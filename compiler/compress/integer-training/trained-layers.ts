import { PinnEdgeError } from '../../diagnostics.js';
import type { Random } from './smx.js';

/**
 * Layers of a network in training: dense, or a tensor train (Oseledets, doi 10.1137/090752286) whose cores are those of the
 * output modes and then those of the input modes, as in ir/tensor-train.ts. Every core is used as a plain matrix on the
 * values as they lie in memory, the last input mode first:
 *
 *     x [.. n1, n2 n3]  --G3-->  [.. n1, n2 r2]  --G2-->  [.. n1 r1]  --G1-->  [r]  --H3-->  [m3 r']  --H2-->  ...
 *
 * each step y = x G' on rows of the last modes, so that nothing is permuted. Outputs lie with the last mode first.
 * `merged` is partial reconstruction: the cores of a half are multiplied together, and one value is left between the two.
 */
export const STRUCTURES = ['dense', 'train', 'merged'] as const;
export type Structure = (typeof STRUCTURES)[number];

export interface Parameter {
  /** Row-major [rows x cols]; a bias is [1 x cols]. */
  rows: number;
  cols: number;
  isBias: boolean;
  values: Float64Array;
}

/** A chain of products: of rows of `inputs` values rows of `outputs`. */
export interface Chain {
  inputs: number;
  outputs: number;
  matrices: Parameter[];
}

export interface Layer {
  inputs: number;
  outputs: number;
  structure: Structure;
  /** Dense: one of one matrix. Train: the input half and the output half. */
  halves: Chain[];
  bias: Parameter;
}

export interface NetworkShape {
  inputs: number;
  /** Neurons of the hidden layers; the one output follows. */
  hidden: readonly number[];
  structure: Structure;
  /** Of the tensor trains. */
  rank: number;
  /** Layers with fewer inputs or outputs than this stay dense; default: 32. */
  smallestTrain?: number;
  /** Weights of the output are drawn as all others, or small. */
  output?: 'glorot' | 'small';
}

const SMALLEST_TRAIN = 32;

/**
 * Weights drawn as for tanh networks (Glorot), biases between -pi / 2 and pi / 2 so that sines are met at all phases. Those of
 * the output may be drawn small, with deviation 1 / inputs: what values are off by when they are rounded, they carry to the output.
 */
export function createLayers(shape: NetworkShape, random: Random): Layer[] {
  const sizes = [shape.inputs, ...shape.hidden, 1];
  return sizes.slice(1).map((outputs, i): Layer => {
    const inputs = sizes[i];
    const isTrain = shape.structure !== 'dense' && Math.min(inputs, outputs) >= (shape.smallestTrain ?? SMALLEST_TRAIN);
    const isLast = i === sizes.length - 2;
    const deviation = isLast && shape.output === 'small' ? 1 / inputs : Math.sqrt(2 / (inputs + outputs));
    const bias: Parameter = { rows: 1, cols: outputs, isBias: true, values: new Float64Array(outputs) };
    if (!isLast) bias.values.set(bias.values.map(() => (random() - 0.5) * Math.PI));
    const halves = isTrain
      ? trainHalves(inputs, outputs, shape.rank, deviation, random)
      : [{ inputs, outputs, matrices: [drawn(outputs, inputs, deviation, random)] }];
    return { inputs, outputs, structure: isTrain ? shape.structure : 'dense', halves, bias };
  });
}

function drawn(rows: number, cols: number, deviation: number, random: Random): Parameter {
  // Uniform numbers of that deviation.
  const values = Float64Array.from({ length: rows * cols }, () => (2 * random() - 1) * Math.sqrt(3) * deviation);
  return { rows, cols, isBias: false, values };
}

/** Modes of 4, the last what is left: 64 = 4 4 4, 32 = 4 8. */
export function modesOf(size: number): number[] {
  const modes: number[] = [];
  let left = size;
  while (left % 4 === 0 && left >= 16) {
    modes.push(4);
    left /= 4;
  }
  return [...modes, left];
}

/** @throws PE3005 for a rank that the modes do not allow */
function trainHalves(inputs: number, outputs: number, rank: number, deviation: number, random: Random): Chain[] {
  const most = Math.min(inputs, outputs);
  if (!Number.isInteger(rank) || rank < 1 || rank > most) {
    throw new PinnEdgeError('PE3005', {
      option: 'rank',
      reason: `the modes ${modesOf(outputs).join(' ')} and ${modesOf(inputs).join(' ')} of a layer of ${outputs} x ${inputs} allow ranks of 1 to ${most}, found ${rank}`,
    });
  }
  const inModes = modesOf(inputs);
  const outModes = modesOf(outputs);
  // A rank is at most what the modes on either side of it allow.
  const product = (modes: readonly number[]) => modes.reduce((p, mode) => p * mode, 1);
  const bond = (outer: readonly number[]) => Math.min(rank, product(outer));
  const inCores = inModes.map((mode, k): [number, number] => [
    k === 0 ? rank : bond(inModes.slice(k)),
    mode * bond(inModes.slice(k + 1)),
  ]);
  const outCores = outModes.map((mode, k): [number, number] => [
    mode * bond(outModes.slice(0, k)),
    k === outModes.length - 1 ? rank : bond(outModes.slice(0, k + 1)),
  ]);
  const shapes = [...inCores.reverse(), ...outCores.reverse()];
  // The variance of an entry of the product: that of every core's entries, times the ranks that are summed over.
  const summed = [
    ...inModes.slice(1).map((_, k) => bond(inModes.slice(k + 1))),
    rank,
    ...outModes.slice(1).map((_, k) => bond(outModes.slice(0, k + 1))),
  ];
  const each = (deviation / Math.sqrt(product(summed))) ** (1 / shapes.length);
  const matrices = shapes.map(([rows, cols]) => drawn(rows, cols, each, random));
  return [
    { inputs, outputs: rank, matrices: matrices.slice(0, inModes.length) },
    { inputs: rank, outputs, matrices: matrices.slice(inModes.length) },
  ];
}

export function parametersOf(layers: readonly Layer[]): Parameter[] {
  return layers.flatMap(({ halves, bias }) => [...halves.flatMap(({ matrices }) => matrices), bias]);
}

/** Multiply-accumulates of one row through the layers. */
export function macsPerRow(layers: readonly Layer[]): number {
  return layers.reduce((sum, layer) => {
    if (layer.structure !== 'train') return sum + layer.halves.reduce((s, half) => s + half.inputs * half.outputs, 0);
    return sum + layer.halves.reduce((s, half) => s + chainMacs(half), 0);
  }, 0);
}

function chainMacs({ inputs, matrices }: Chain): number {
  let values = inputs;
  return matrices.reduce((sum, { rows, cols }) => {
    const macs = values * rows;
    values = (values / cols) * rows;
    return sum + macs;
  }, 0);
}
