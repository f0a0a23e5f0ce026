import { forEachMeaning, highestOrder, meaningOf } from '../../model/derivatives.js';
import { applyFunction, applyOperator, type ExpressionAlgebra, interpretExpression } from '../../model/expression.js';
import { FUNCTIONS, type FunctionName, JUMPS, power } from '../../model/functions.js';
import { allOutputs, type Model, type ModelNode, type ModelOutput, nodeInputs, splineOf } from '../../model/types.js';
import { BLOCK, compileNode, type Step, scalarFunction } from './block-operations.js';
import { type Jet, JetSpace } from './jets.js';
import { splineJet } from './spline-jets.js';

/** Outputs that are expressions of others and their derivatives, exactly: the graph is evaluated in jets. */

/**
 * @param points row-major [count x inputs], engineering units
 * @returns row-major [count x outputs]: what is sent, in engineering units
 */
export function evaluateDerived(model: Model, points: Float64Array): Float64Array {
  const inputCount = model.inputs.length;
  const outputCount = model.outputs.length;
  const count = points.length / inputCount;
  const results = new Float64Array(count * outputCount);
  const space = new JetSpace(differentiatedBy(model), highestOrder(model));
  const block = Math.min(BLOCK, count);
  const graph = new JetGraph(model, space, block);
  for (let start = 0; start < count; start += block) {
    const size = Math.min(block, count - start);
    const inputs = model.inputs.map((_, k) =>
      Float64Array.from({ length: block }, (_, p) => points[(start + Math.min(p, size - 1)) * inputCount + k]),
    );
    graph.run(inputs);
    const outputs = new OutputJets(model, space, graph, inputs, block);
    model.outputs.forEach((output, k) => {
      const [values] = outputs.of(output).planes;
      for (let p = 0; p < size; p++) results[(start + p) * outputCount + k] = values[p];
    });
  }
  return results;
}

/** Indices of the inputs that any expression differentiates by. */
function differentiatedBy(model: Model): number[] {
  const inputs = new Set<number>();
  for (const { expression } of allOutputs(model)) {
    if (expression === undefined) continue;
    forEachMeaning(model, expression, (meaning) => {
      if (meaning.kind === 'output') for (const input of meaning.by) inputs.add(input);
    });
  }
  return [...inputs].sort((a, b) => a - b);
}

/** The graph over blocks of points: linear operations plane by plane, all others in jets. */
class JetGraph {
  readonly values = new Map<string, Jet>();
  private readonly steps: readonly Step[];

  constructor(
    private readonly model: Model,
    private readonly space: JetSpace,
    private readonly block: number,
  ) {
    for (const [name, width] of model.widths) this.values.set(name, space.zero(this.block * width));
    this.steps = model.nodes.map((node) => this.compile(node));
  }

  run(inputs: readonly Float64Array[]): void {
    this.model.inputs.forEach(({ name }, k) => {
      this.write(name, this.space.input(k, inputs[k]));
    });
    for (const step of this.steps) step(this.block);
  }

  private write(name: string, jet: Jet): void {
    this.values.get(name)!.planes.forEach((plane, m) => {
      plane.set(jet.planes[m]);
    });
  }

  private compile(node: ModelNode): Step {
    const { space } = this;
    const f = node.op === 'neg' ? undefined : scalarFunction(node);
    if (f) return () => this.write(node.name, space.apply(f, this.operand(node, 0)));
    switch (node.op) {
      case 'mul':
        return () => this.write(node.name, space.multiply(this.operand(node, 0), this.operand(node, 1)));
      case 'div': {
        const inverse = () => space.apply(FUNCTIONS.reciprocal, this.operand(node, 1));
        return () => this.write(node.name, space.multiply(this.operand(node, 0), inverse()));
      }
      case 'min':
      case 'max': {
        const { op } = node;
        return () => this.write(node.name, extremum(space, op, this.operand(node, 0), this.operand(node, 1)));
      }
      case 'spline': {
        const spline = splineOf(this.model, node);
        const width = this.model.widths.get(node.name)!;
        return () => this.write(node.name, splineJet(space, spline, this.sideBySide(node.inputs), width));
      }
      case 'floor':
      case 'ceil':
      case 'round': {
        // Constant between the jumps.
        const [x, out] = [nodeInputs(node)[0], node.name].map((name) => this.values.get(name)!.planes[0]);
        const f = JUMPS[node.op];
        return () => out.set(x.map(f));
      }
      case 'select':
        return () => {
          const [condition] = this.operand(node, 0).planes;
          const chosen = space.choose((i) => condition[i] > 0, this.operand(node, 1), this.operand(node, 2));
          this.write(node.name, chosen);
        };
      default:
        return this.compileLinear(node);
    }
  }

  /** Plane by plane; what is constant belongs to the values alone. */
  private compileLinear(node: ModelNode): Step {
    const planes = Array.from({ length: this.space.planesOf(this.space.order) }, (_, m) => {
      const values = new Map([...this.values].map(([name, jet]) => [name, jet.planes[m]]));
      return m && node.op === 'constant' ? () => {} : compileNode(this.model, m ? withoutShift(node) : node, values);
    });
    return (size) => {
      for (const step of planes) step(size);
    };
  }

  /** Values side by side. */
  private sideBySide(names: readonly string[]): Jet {
    const parts = names.map((name) => ({ jet: this.values.get(name)!, width: this.model.widths.get(name)! }));
    const width = parts.reduce((n, part) => n + part.width, 0);
    const planes = parts[0].jet.planes.map((_, m) => {
      const plane = new Float64Array(this.block * width);
      let at = 0;
      for (const { jet, width: own } of parts) {
        for (let p = 0; p < this.block; p++) plane.set(jet.planes[m].subarray(p * own, (p + 1) * own), p * width + at);
        at += own;
      }
      return plane;
    });
    return { planes, order: this.space.order };
  }

  /** An operand as wide as the node. */
  private operand(node: ModelNode, k: number): Jet {
    const name = nodeInputs(node)[k];
    const jet = this.values.get(name)!;
    const width = this.model.widths.get(node.name)!;
    if (this.model.widths.get(name) === width) return jet;
    const planes = jet.planes.map((plane) =>
      Float64Array.from({ length: this.block * width }, (_, i) => plane[Math.floor(i / width)]),
    );
    return { planes, order: jet.order };
  }
}

function withoutShift(node: ModelNode): ModelNode {
  if (node.op === 'scale') return { ...node, shift: undefined };
  return 'bias' in node ? { ...node, bias: undefined } : node;
}

/** At equal values the second operand and its derivatives. */
function extremum(space: JetSpace, op: 'min' | 'max', a: Jet, b: Jet): Jet {
  const [[u], [v]] = [a.planes, b.planes];
  return space.choose((i) => (op === 'min' ? u[i] < v[i] : u[i] > v[i]), a, b);
}

/** A number, or a jet over the block. */
type Value = number | Jet;

/** The outputs of a block of points, each computed once. */
class OutputJets {
  private readonly known = new Map<string, Jet>();

  constructor(
    private readonly model: Model,
    private readonly space: JetSpace,
    private readonly graph: JetGraph,
    private readonly inputs: readonly Float64Array[],
    private readonly block: number,
  ) {}

  of(output: ModelOutput): Jet {
    const known = this.known.get(output.name);
    if (known) return known;
    const jet = output.expression === undefined ? this.network(output) : this.expression(output.expression);
    this.known.set(output.name, jet);
    return jet;
  }

  private network({ value, index = 0, scale = 1, offset = 0 }: Extract<ModelOutput, { value: string }>): Jet {
    const { planes, order } = this.graph.values.get(value)!;
    const width = this.model.widths.get(value)!;
    const part = planes.map((plane, m) =>
      Float64Array.from({ length: this.block }, (_, p) => scale * plane[p * width + index] + (m ? 0 : offset)),
    );
    return { planes: part, order };
  }

  private expression(source: string): Jet {
    return this.jet(interpretExpression(source, this.algebra));
  }

  private jet(value: Value): Jet {
    return typeof value === 'number' ? this.space.constant(value, this.block) : value;
  }

  private named(name: string): Value {
    const meaning = meaningOf(this.model, name);
    switch (meaning.kind) {
      case 'parameter':
        return meaning.value;
      case 'input':
        return this.space.input(meaning.index, this.inputs[meaning.index]);
      case 'output':
        return meaning.by.reduce((jet, input) => this.space.differentiate(jet, input), this.of(meaning.output));
    }
  }

  private readonly algebra: ExpressionAlgebra<Value> = {
    literal: (value) => value,
    name: (name) => this.named(name),
    negate: (a) => (typeof a === 'number' ? -a : this.space.multiply(a, this.jet(-1))),
    binary: (operator, a, b) => {
      if (typeof a === 'number' && typeof b === 'number') return applyOperator(operator, a, b);
      const { space } = this;
      const [u, v] = [this.jet(a), this.jet(b)];
      switch (operator) {
        case '+':
          return space.add(u, v);
        case '-':
          return space.add(u, v, -1);
        case '*':
          return space.multiply(u, v);
        case '/':
          return space.multiply(u, space.apply(FUNCTIONS.reciprocal, v));
        case '^':
          if (typeof b === 'number') return space.apply(power(b), u);
          return space.apply(FUNCTIONS.exp, space.multiply(v, space.apply(FUNCTIONS.log, u)));
      }
    },
    call: (name, args) => {
      if (args.every((arg) => typeof arg === 'number')) return applyFunction(name, args as number[]);
      const [u, v] = args.map((arg) => this.jet(arg));
      if (name === 'min' || name === 'max') return extremum(this.space, name, u, v);
      return this.space.apply(FUNCTIONS[name as FunctionName], u);
    },
  };
}
