import type { MapStep } from '../ir/map-function.js';
import { type IrGraph, type IrNode, operands } from '../ir/types.js';
import { type Model, type ModelNode, type ModelOutput, type Tensor, UNARY_OPS, type UnaryOp } from '../model/types.js';

/**
 * A graph as a `pinn-edge/1` model again: affine steps become dense nodes, functions become chains of nodes. The inputs,
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

  constructor(private readonly model: Model) {
    for (const { name } of model.inputs) this.widths.set(name, 1);
  }

  write(graph: IrGraph): Model {
    for (const node of graph.nodes) if (node !== graph.output) this.names.set(node, this.writeNode(node));
    const { nodes, tensors, widths } = this;
    return { ...this.model, nodes, tensors, widths, outputs: this.outputs(graph) };
  }

  private outputs(graph: IrGraph): ModelOutput[] {
    const components = graph.output.parts.flatMap((part) => {
      const from = part.kind === 'slice' ? part.x : part;
      const start = part.kind === 'slice' ? part.start : 0;
      return Array.from({ length: part.width }, (_, i) => ({ value: this.names.get(from)!, index: start + i }));
    });
    return this.model.outputs.map((output, k) => {
      const { index: _, ...rest } = output;
      const { value, index } = components[k];
      return this.widths.get(value) === 1 ? { ...rest, value } : { ...rest, value, index };
    });
  }

  private writeNode(node: IrNode): string {
    const inputs = operands(node).map((x) => this.names.get(x)!);
    const { name, width } = node;
    switch (node.kind) {
      case 'input':
        return this.model.inputs[node.index].name;
      case 'constant':
        return this.add({ op: 'constant', value: Array.from(node.data) }, name, width);
      case 'affine': {
        const unique = this.unique(name);
        const [weight, bias] = [`${unique}.weight`, `${unique}.bias`];
        this.tensors.set(weight, { shape: [width, node.x.width], data: node.weight });
        this.tensors.set(bias, { shape: [width], data: node.bias });
        return this.add({ op: 'dense', inputs: [inputs[0]], weight, bias }, name, width);
      }
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
    case 'function': {
      if (step.name === 'gelu') return { op: 'gelu', inputs, approximate: 'none' };
      if (step.name === 'geluTanh') return { op: 'gelu', inputs, approximate: 'tanh' };
      const op: UnaryOp | undefined = UNARY_OPS.find((name) => name === step.name);
      if (!op) throw new Error(`no node computes ${step.name}`);
      return { op, inputs };
    }
  }
}
