import type { JumpName } from './functions.js';
import type { Spline } from './spline.js';

/** A validated `pinn-edge/1` model in memory. Tensors are float64, row-major. */

export interface ModelInput {
  name: string;
  /** The input box, in `unit`; `min < max`. */
  min: number;
  max: number;
  unit?: string;
  description?: string;
  /** Stays the same for many points: what it decides alone is computed once for them, and not for each. */
  once?: boolean;
}

interface OutputFacts {
  name: string;
  unit?: string;
  description?: string;
  /** Tolerance of this output: relative to its largest value, or in its unit. */
  tolerance?: number;
  toleranceAbsolute?: number;
}

/** An output that a node (or input) of the graph carries. */
export interface NetworkOutput extends OutputFacts {
  /** Name of the node or input, and which of its components. */
  value: string;
  index?: number;
  /** Engineering value = scale * value + offset. */
  scale?: number;
  offset?: number;
  expression?: undefined;
}

/** An output that is an expression of inputs, parameters, other outputs and their derivatives, in engineering units. */
export interface DerivedOutput extends OutputFacts {
  expression: string;
  value?: undefined;
  index?: undefined;
  scale?: undefined;
  offset?: undefined;
}

export type ModelOutput = NetworkOutput | DerivedOutput;

export interface Tensor {
  shape: number[];
  data: Float64Array;
}

export const UNARY_OPS = [
  'tanh',
  'sin',
  'cos',
  'sigmoid',
  'silu',
  'softplus',
  'relu',
  'exp',
  'atan',
  'tan',
  'asin',
  'acos',
  'sinh',
  'cosh',
  'asinh',
  'acosh',
  'atanh',
  'reciprocal',
  'sqrt',
  'log',
  'abs',
  'erf',
  'mish',
  'selu',
] as const;
export type UnaryOp = (typeof UNARY_OPS)[number];

const BINARY_OPS = ['add', 'sub', 'mul', 'div', 'min', 'max'] as const;
export type BinaryOp = (typeof BINARY_OPS)[number];

/** The least width of integers that a matrix needs in the module; a build may choose a wider one. */
export type StoredBits = 8 | 16 | 32;

/** A block of a hierarchical matrix: rows and columns [start, stop), dense or a product of two factors. */
export type ModelLeaf = { rows: [number, number]; cols: [number, number]; precision?: StoredBits } & (
  | { weight: string }
  | { left: string; right: string }
);

/** A node of the graph. Its name is the name of its value: a vector of fixed width for every point. */
export type ModelNode = { name: string } & (
  | { op: 'dense'; inputs: [string]; weight: string; bias?: string; precision?: StoredBits }
  | { op: 'low_rank'; inputs: [string]; left: string; right: string; bias?: string; precision?: StoredBits }
  | { op: 'hierarchical'; inputs: string[]; width: number; leaves: ModelLeaf[]; bias?: string }
  | {
      op: 'tensor_train';
      inputs: [string];
      outputCores: string[];
      inputCores: string[];
      bias?: string;
      precision?: StoredBits;
    }
  | {
      op: 'spline';
      inputs: string[];
      coefficients: string;
      degree?: number;
      ranges: [number, number][];
      precision?: StoredBits;
    }
  | { op: UnaryOp | JumpName | 'neg'; inputs: [string] }
  | { op: 'gelu'; inputs: [string]; approximate?: 'none' | 'tanh' }
  | { op: 'pow'; inputs: [string]; exponent: number }
  | { op: 'elu'; inputs: [string]; alpha?: number }
  | { op: 'leaky_relu'; inputs: [string]; slope?: number }
  | { op: 'hard_sigmoid'; inputs: [string]; alpha?: number; beta?: number }
  | { op: 'clip'; inputs: [string]; min?: number; max?: number }
  | { op: 'lookup'; inputs: [string]; points: number[]; values: number[] }
  | { op: 'sum' | 'mean'; inputs: [string] }
  | { op: 'select'; inputs: [string, string, string] }
  | { op: BinaryOp; inputs: [string, string] }
  | { op: 'concat'; inputs: string[] }
  | { op: 'slice'; inputs: [string]; start: number; stop: number }
  | { op: 'scale'; inputs: [string]; scale?: number[]; shift?: number[] }
  | { op: 'constant'; value: number[] }
);

/** An expression that vanishes on a face or a curve of the input box, such as `u + sin(pi*x)` where `t = 0`. */
export interface Condition {
  /** Default: what it says. */
  name?: string;
  /** Inputs as expressions of the others, of parameters and of `s`, which runs from 0 to 1 along a curve. */
  where: string;
  expression: string;
  /** What it counts in training beside the others, 1 unless given. */
  weight?: number;
}

/** Measurements of outputs: what a csv file says once it is read. */
export interface PhysicsData {
  name: string;
  /** All inputs and one or more outputs, in any order. */
  columns: string[];
  /** Engineering units. */
  rows: number[][];
  /** What they count in training, 1 unless given; 0: they are only measured against. */
  weight?: number;
}

export interface Physics {
  parameters?: Record<string, number>;
  /** Expressions that vanish on the solution, such as `u_t + u*u_x - nu*u_xx`; `weight` (1) is what each counts in training. */
  residuals?: { name: string; expression: string; weight?: number }[];
  /** What holds on faces and curves of the box; an empty list says that the graph itself satisfies them all. */
  conditions?: Condition[];
  data?: PhysicsData[];
  /** Per output, the exact solution in engineering units. */
  exact?: Record<string, string>;
  /** Of a step model, expressions of its inputs and parameters that are constant along a trajectory, by name. */
  conserved?: Record<string, string>;
}

export interface Model {
  name: string;
  description?: string;
  /** What the import took for granted and no part of the imported file tells, one sentence each. */
  assumed?: string[];
  inputs: ModelInput[];
  /** Those that are sent, in the order of the module's output words. */
  outputs: ModelOutput[];
  /** Outputs that are computed for the expressions of others, and not sent. */
  hidden?: ModelOutput[];
  tolerance?: number;
  /** In an order in which every node comes after the nodes it reads. */
  nodes: ModelNode[];
  tensors: Map<string, Tensor>;
  physics?: Physics;
  /** Of a step model: by the name of an input, the output that is its next value. */
  state?: Record<string, string>;
  /** Width of every value, by name (inputs have width 1). */
  widths: Map<string, number>;
}

/** All outputs, sent or hidden. */
export function allOutputs(model: Pick<Model, 'outputs' | 'hidden'>): ModelOutput[] {
  return [...model.outputs, ...(model.hidden ?? [])];
}

/** The outputs that nodes carry, sent or hidden: what expressions are made of, and the outputs of the graph. */
export function networkOutputs(model: Pick<Model, 'outputs' | 'hidden'>): NetworkOutput[] {
  return allOutputs(model).filter((output): output is NetworkOutput => output.expression === undefined);
}

/** True where what is sent is not just what the graph gives. */
export function isDerived({ outputs, hidden }: Pick<Model, 'outputs' | 'hidden'>): boolean {
  return outputs.some(({ expression }) => expression !== undefined) || (hidden?.length ?? 0) > 0;
}

/** Names of the values that a node reads. */
export function nodeInputs(node: ModelNode): readonly string[] {
  return 'inputs' in node ? node.inputs : [];
}

/** Names of the tensors that a node uses, with the field that names each. */
export function nodeTensors(node: ModelNode): { name: string; field: string }[] {
  const named = (fields: object, prefix = '') =>
    ['weight', 'coefficients', 'left', 'right', 'bias'].flatMap((field) => {
      const name = (fields as Record<string, unknown>)[field];
      return typeof name === 'string' ? [{ name, field: prefix + field }] : [];
    });
  switch (node.op) {
    case 'dense':
    case 'low_rank':
    case 'spline':
      return named(node);
    case 'hierarchical':
      return [...node.leaves.flatMap((leaf, i) => named(leaf, `leaves[${i}].`)), ...named(node)];
    case 'tensor_train': {
      const cores = (['outputCores', 'inputCores'] as const).flatMap((field) =>
        node[field].map((name, i) => ({ name, field: `${field}[${i}]` })),
      );
      return [...cores, ...named(node)];
    }
    default:
      return [];
  }
}

/** What a spline node computes. */
export function splineOf(model: Model, node: Extract<ModelNode, { op: 'spline' }>): Spline {
  const { degree = DEFAULT_SPLINE_DEGREE, ranges } = node;
  const { shape, data } = model.tensors.get(node.coefficients)!;
  const axes = ranges.map(([min, max], k) => ({ min, max, segments: shape[k + 1] - degree }));
  return { axes, degree, orders: axes.map(() => 0), weight: data };
}

export const DEFAULT_SPLINE_DEGREE = 3;

/** Number of weights: elements of all tensors that the graph uses, plus `scale` and `constant` vectors. */
export function parameterCount(model: Model): number {
  let count = 0;
  const seen = new Set<string>();
  for (const node of model.nodes) {
    for (const { name } of nodeTensors(node)) {
      if (seen.has(name)) continue;
      seen.add(name);
      count += model.tensors.get(name)!.data.length;
    }
    if (node.op === 'scale') {
      count += (node.scale?.length ?? 0) + (node.shift?.length ?? 0);
    } else if (node.op === 'constant') {
      count += node.value.length;
    }
  }
  return count;
}
