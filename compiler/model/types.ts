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
  'reciprocal',
  'sqrt',
  'log',
  'abs',
  'erf',
  'mish',
  'selu',
] as const;
export type UnaryOp = (typeof UNARY_OPS)[number];

export const BINARY_OPS = ['add', 'sub', 'mul', 'div', 'min', 'max'] as const;
export type BinaryOp = (typeof BINARY_OPS)[number];

/** A node of the graph. Its name is the name of its value: a vector of fixed width for every point. */
export type ModelNode = { name: string } & (
  | { op: 'dense'; inputs: [string]; weight: string; bias?: string }
  | { op: UnaryOp | 'neg'; inputs: [string] }
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

/** Number of weights: elements of all tensors that the graph uses, plus `scale` and `constant` vectors. */
export function parameterCount(model: Model): number {
  let count = 0;
  const seen = new Set<string>();
  for (const node of model.nodes) {
    if (node.op === 'dense') {
      for (const name of [node.weight, node.bias]) {
        if (name === undefined || seen.has(name)) continue;
        seen.add(name);
        count += model.tensors.get(name)!.data.length;
      }
    } else if (node.op === 'scale') {
      count += (node.scale?.length ?? 0) + (node.shift?.length ?? 0);
    } else if (node.op === 'constant') {
      count += node.value.length;
    }
  }
  return count;
}
