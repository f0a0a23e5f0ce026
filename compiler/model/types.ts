import type { JumpName } from './functions.js';

/** A validated `pinn-edge/1` model in memory. Tensors are float64, row-major. */

export interface ModelInput {
  name: string;
  /** The input box, in `unit`; `min < max`. */
  min: number;
  max: number;
  unit?: string;
  description?: string;
}

export interface ModelOutput {
  name: string;
  /** Name of the node or input that carries the output, and which of its components. */
  value: string;
  index?: number;
  unit?: string;
  /** Engineering value = scale * value + offset. */
  scale?: number;
  offset?: number;
  description?: string;
}

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

export interface Physics {
  parameters?: Record<string, number>;
  /** Expressions that vanish on the solution, such as `u_t + u*u_x - nu*u_xx`. */
  residuals?: { name: string; expression: string }[];
  /** Per output, the exact solution in engineering units. */
  exact?: Record<string, string>;
}

export interface Model {
  name: string;
  description?: string;
  /** What the import took for granted and no part of the imported file tells, one sentence each. */
  assumed?: string[];
  inputs: ModelInput[];
  outputs: ModelOutput[];
  tolerance?: number;
  /** In an order in which every node comes after the nodes it reads. */
  nodes: ModelNode[];
  tensors: Map<string, Tensor>;
  physics?: Physics;
  /** Width of every value, by name (inputs have width 1). */
  widths: Map<string, number>;
}

/** Names of the values that a node reads. */
export function nodeInputs(node: ModelNode): readonly string[] {
  return 'inputs' in node ? node.inputs : [];
}

/** Names of the tensors that a node uses, with the field that names each. */
export function nodeTensors(node: ModelNode): { name: string; field: string }[] {
  const named = (fields: object, prefix = '') =>
    ['weight', 'left', 'right', 'bias'].flatMap((field) => {
      const name = (fields as Record<string, unknown>)[field];
      return typeof name === 'string' ? [{ name, field: prefix + field }] : [];
    });
  switch (node.op) {
    case 'dense':
    case 'low_rank':
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
