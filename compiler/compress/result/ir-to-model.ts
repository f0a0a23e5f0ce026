import { blockLayout, isFactor, wholeBias, withFactorBias } from '../../ir/blocks.js';
import type { MapStep } from '../../ir/map-function.js';
import { type Core, coresOf } from '../../ir/tensor-train.js';
import {
  type AffineNode,
  type BlocksNode,
  type IrGraph,
  type IrNode,
  operands,
  type SplineNode,
  useCounts,
  type WeightBits,
} from '../../ir/types.js';
import {
  type Model,
  type ModelLeaf,
  type ModelNode,
  type ModelOutput,
  networkOutputs,
  type Tensor,
  UNARY_OPS,
  type UnaryOp,
} from '../../model/types.js';

/**
 * A graph as a `pinn-edge/1` model again: affine steps become dense, low-rank, hierarchical or tensor-train nodes, functions chains of nodes. The inputs,
 * outputs, units and physics are those of `model`, from which the graph was made (before angles are put in turns).
 */
export function modelFromIr(model: Model, graph: IrGraph): Model {
  return new ModelWriter(model).write(graph);
}

class ModelWriter {
  private readonly nodes: ModelNode[] = [];
  private readonly tensors = new Map<string, Tensor>();
  private readonly widths = new Map<string, number>();
  private readonly names = new Map<IrNode, string>();
  private usedOnce: (node: IrNode) => boolean = () => false;

  constructor(private readonly model: Model) {
    for (const { name } of model.inputs) this.widths.set(name, 1);
  }

  write(graph: IrGraph): Model {
    const uses = useCounts(graph);
    this.usedOnce = (node) => uses.get(node) === 1;
    const needed = new Set<IrNode>([graph.output]);
    // Backwards: every reader comes before what it reads.
    for (const node of [...graph.nodes].reverse()) {
      if (needed.has(node)) for (const x of this.reads(node)) needed.add(x);
    }
    for (const node of graph.nodes) {
      if (node !== graph.output && needed.has(node)) this.names.set(node, this.writeNode(node));
    }
    const { nodes, tensors, widths } = this;
    return { ...this.model, nodes, tensors, widths, ...this.outputs(graph) };
  }

  /** The values that a node names once it is written: right factors and slices become part of their readers. */
  private reads(node: IrNode): readonly IrNode[] {
    if (node.kind === 'blocks') return blockLayout(node, this.usedOnce).sources;
    return node.kind === 'affine' ? [this.factorOf(node)?.x ?? node.x] : operands(node);
  }

  private factorOf({ x }: AffineNode): AffineNode | undefined {
    return isFactor(x, this.usedOnce) ? x : undefined;
  }

  /** A dense node, or with a factor before it a low-rank one or a tensor train. */
  private writeAffine(node: AffineNode): string {
    const { name, width } = node;
    const unique = this.unique(name);
    const inner = this.factorOf(node);
    const bias = this.tensor(
      `${unique}.bias`,
      [width],
      inner ? withFactorBias(node.bias, inner, node.weight) : node.bias,
    );
    if (!inner) {
      const weight = this.tensor(`${unique}.weight`, [width, node.x.width], node.weight);
      return this.add({ op: 'dense', inputs: [this.names.get(node.x)!], weight, bias, ...stored(node) }, name, width);
    }
    const inputs: [string] = [this.names.get(inner.x)!];
    const [outputs, cores] = [coresOf(node), coresOf(inner)];
    if (outputs && cores) {
      const names = (half: readonly Core[], label: string) =>
        half.map(({ shape, data }, k) => this.tensor(`${unique}.${label}${k}`, [...shape], data));
      const trains = { outputCores: names(outputs, 'out'), inputCores: names(cores, 'in') };
      return this.add({ op: 'tensor_train', inputs, ...trains, bias, ...stored(node, inner) }, name, width);
    }
    const left = this.tensor(`${unique}.left`, [width, inner.width], node.weight);
    const right = this.tensor(`${unique}.right`, [inner.width, inner.x.width], inner.weight);
    return this.add({ op: 'low_rank', inputs, left, right, bias, ...stored(node, inner) }, name, width);
  }

  private writeSpline({ name, width, weight, axes, degree, ...node }: SplineNode, x: string): string {
    const shape = [width, ...axes.map(({ segments }) => segments + degree)];
    const coefficients = this.tensor(`${this.unique(name)}.coefficients`, shape, weight);
    const ranges = axes.map(({ min, max }): [number, number] => [min, max]);
    return this.add({ op: 'spline', inputs: [x], coefficients, degree, ranges, ...stored(node) }, name, width);
  }

  private writeBlocks(node: BlocksNode): string {
    const { name, width } = node;
    const unique = this.unique(name);
    const layout = blockLayout(node, this.usedOnce);
    const leaves = layout.leaves.map(({ leaf, row, rows, col, cols, inner }, k): ModelLeaf => {
      const place = { rows: [row, row + rows] as [number, number], cols: [col, col + cols] as [number, number] };
      const rank = leaf.x.width;
      if (!inner) {
        return { ...place, weight: this.tensor(`${unique}.${k}`, [rows, cols], leaf.weight), ...stored(leaf) };
      }
      const left = this.tensor(`${unique}.${k}.left`, [rows, rank], leaf.weight);
      const right = this.tensor(`${unique}.${k}.right`, [rank, cols], inner.weight);
      return { ...place, left, right, ...stored(leaf, inner) };
    });
    const bias = this.tensor(`${unique}.bias`, [width], wholeBias(node, layout));
    const inputs = layout.sources.map((source) => this.names.get(source)!);
    return this.add({ op: 'hierarchical', inputs, width, leaves, bias }, name, width);
  }

  private tensor(name: string, shape: number[], data: Float64Array): string {
    this.tensors.set(name, { shape, data });
    return name;
  }

  /** The outputs with the values that carry them now; expressions stay as they are. */
  private outputs(graph: IrGraph): Pick<Model, 'outputs' | 'hidden'> {
    const components = graph.output.parts.flatMap((part) => {
      const from = part.kind === 'slice' ? part.x : part;
      const start = part.kind === 'slice' ? part.start : 0;
      return Array.from({ length: part.width }, (_, i) => ({ value: this.names.get(from)!, index: start + i }));
    });
    const places = new Map(networkOutputs(this.model).map(({ name }, k) => [name, components[k]]));
    const placed = (output: ModelOutput): ModelOutput => {
      if (output.expression !== undefined) return output;
      const { index: _, ...rest } = output;
      const { value, index } = places.get(output.name)!;
      return this.widths.get(value) === 1 ? { ...rest, value } : { ...rest, value, index };
    };
    const { outputs, hidden } = this.model;
    return { outputs: outputs.map(placed), ...(hidden && { hidden: hidden.map(placed) }) };
  }

  private writeNode(node: IrNode): string {
    const inputs = operands(node).map((x) => this.names.get(x)!);
    const { name, width } = node;
    switch (node.kind) {
      case 'input':
        return this.model.inputs[node.index].name;
      case 'constant':
        return this.add({ op: 'constant', value: Array.from(node.data) }, name, width);
      case 'affine':
        return this.writeAffine(node);
      case 'blocks':
        return this.writeBlocks(node);
      case 'spline':
        return this.writeSpline(node, inputs[0]);
      case 'scale': {
        const [scale, shift] = [Array.from(node.scale), Array.from(node.shift)];
        return this.add({ op: 'scale', inputs: [inputs[0]], scale, shift }, name, width);
      }
      case 'map':
        return node.fn.steps.reduce((x, step) => this.add(stepNode(step, x), name, width), inputs[0]);
      case 'add':
        return this.add({ op: node.subtract ? 'sub' : 'add', inputs: [inputs[0], inputs[1]] }, name, width);
      case 'mul':
      case 'min':
      case 'max':
        return this.add({ op: node.kind, inputs: [inputs[0], inputs[1]] }, name, width);
      case 'select':
        return this.add({ op: 'select', inputs: [inputs[0], inputs[1], inputs[2]] }, name, width);
      case 'concat':
        return this.add({ op: 'concat', inputs }, name, width);
      case 'slice':
        return this.add({ op: 'slice', inputs: [inputs[0]], start: node.start, stop: node.start + width }, name, width);
    }
  }

  private add(fields: Unnamed, name: string, width: number): string {
    const unique = this.unique(name);
    this.nodes.push({ name: unique, ...fields } as ModelNode);
    this.widths.set(unique, width);
    return unique;
  }

  private unique(name: string): string {
    if (!this.widths.has(name)) return name;
    for (let n = 2; ; n++) if (!this.widths.has(`${name}_${n}`)) return `${name}_${n}`;
  }
}

/** The precision that is stored with one or two factors: the wider one. */
function stored(...parts: { precision?: WeightBits }[]): { precision?: WeightBits } {
  if (parts.some(({ precision }) => precision === undefined)) return {};
  return { precision: Math.max(...parts.map(({ precision }) => precision!)) as WeightBits };
}

type Unnamed = ModelNode extends infer T ? (T extends unknown ? Omit<T, 'name'> : never) : never;

function stepNode(step: MapStep, x: string): Unnamed {
  const inputs: [string] = [x];
  switch (step.op) {
    case 'power':
      return { op: 'pow', inputs, exponent: step.exponent };
    case 'elu':
      return { op: 'elu', inputs, alpha: step.alpha };
    case 'leakyRelu':
      return { op: 'leaky_relu', inputs, slope: step.slope };
    case 'lookup':
      return { op: 'lookup', inputs, points: Array.from(step.values.keys()), values: [...step.values] };
    case 'affine':
      return { op: 'scale', inputs, scale: [step.scale], shift: [step.shift] };
    case 'derivative':
      throw new Error('derivatives are made after compression');
    case 'function': {
      if (step.name === 'gelu') return { op: 'gelu', inputs, approximate: 'none' };
      if (step.name === 'geluTanh') return { op: 'gelu', inputs, approximate: 'tanh' };
      const op: UnaryOp | undefined = UNARY_OPS.find((name) => name === step.name);
      if (!op) throw new Error(`no node computes ${step.name}`);
      return { op, inputs };
    }
  }
}
