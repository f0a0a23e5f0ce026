import { type Gradients, meaningOf } from '../../model/derivatives.js';
import {
  applyFunction,
  applyOperator,
  type BinaryOperator,
  type ExpressionAlgebra,
  interpretExpression,
} from '../../model/expression.js';
import type { FunctionName } from '../../model/functions.js';
import { isDerived, type Model, type ModelOutput, networkOutputs } from '../../model/types.js';
import { functionOf, type MapStep } from '../map-function.js';
import { toTurns } from '../simplify.js';
import { anglesToTurns } from '../turns.js';
import { graphOf, type IrGraph, type IrNode, type SelectNode } from '../types.js';
import { constantNode, part, product, scaled, sum, type Term } from './arithmetic.js';
import { Differentiator } from './differentiate.js';
import { ReverseDifferentiator } from './reverse.js';

/**
 * The graph of what a model sends, from that of its network outputs: expressions and derivatives become nodes.
 *
 * @param graph of the model's network outputs, sent or hidden, in their order; the very arrays of its weights are shared
 * @param inspect takes the choices that derivatives are taken of, which must not jump (jumps.ts)
 * @param gradients outputs whose first derivatives are made in reverse mode, by inputs
 */
export function deriveOutputs(
  model: Model,
  graph: IrGraph,
  inspect?: (selects: ReadonlySet<SelectNode>) => void,
  gradients: Gradients = new Map(),
): IrGraph {
  if (!isDerived(model)) return graph;
  const builder = new OutputBuilder(model, graph, gradients);
  const parts = model.outputs.map((output) => builder.sent(output));
  inspect?.(builder.selects);
  return graphOf({ kind: 'concat', name: 'outputs', width: parts.length, parts });
}

/** What a model sends, from the folded graph of its network: angles in turns, derivatives as nodes. */
export function sentGraph(model: Model, network: IrGraph, gradients?: Gradients): IrGraph {
  return anglesToTurns(deriveOutputs(model, toTurns(network), undefined, gradients));
}

/** A number, or a value of width 1. */
type Value = number | IrNode;

class OutputBuilder {
  private readonly network: ReadonlyMap<string, IrNode>;
  private readonly known = new Map<string, Value>();
  private readonly inputs: readonly IrNode[];
  private readonly differentiator: Differentiator;
  private readonly reverse: ReverseDifferentiator;
  private readonly swept = new Map<string, ReadonlyMap<number, Value> | undefined>();
  private name = '';

  constructor(
    private readonly model: Model,
    graph: IrGraph,
    private readonly gradients: Gradients,
  ) {
    const components = graph.output.parts.flatMap((node) =>
      Array.from({ length: node.width }, (_, i) => part(node.name, node, i, 1)!),
    );
    this.network = new Map(networkOutputs(model).map(({ name }, k) => [name, components[k]]));
    this.differentiator = new Differentiator(model.inputs.map(({ name }) => name));
    this.reverse = new ReverseDifferentiator(this.differentiator);
    const known = new Map(graph.nodes.flatMap((node) => (node.kind === 'input' ? [[node.index, node]] : [])));
    this.inputs = model.inputs.map(({ name }, index) => known.get(index) ?? { kind: 'input', name, width: 1, index });
  }

  get selects(): ReadonlySet<SelectNode> {
    return this.differentiator.selects;
  }

  /** What is sent: a network output as the graph gives it, before its scale and offset, or an expression. */
  sent(output: ModelOutput): IrNode {
    if (output.expression === undefined) return this.network.get(output.name)!;
    const value = this.engineering(output);
    return typeof value === 'number' ? constantNode(output.name, [value]) : value;
  }

  /** An output in engineering units. */
  private engineering(output: ModelOutput): Value {
    const known = this.known.get(output.name);
    if (known !== undefined) return known;
    const outer = this.name;
    this.name = output.name;
    const value =
      output.expression === undefined
        ? scaled(output.name, this.network.get(output.name)!, output.scale ?? 1, output.offset ?? 0)
        : interpretExpression(output.expression, this.algebra);
    this.name = outer;
    this.known.set(output.name, value);
    return value;
  }

  private named(name: string): Value {
    const meaning = meaningOf(this.model, name);
    switch (meaning.kind) {
      case 'parameter':
        return meaning.value;
      case 'input':
        return this.inputs[meaning.index];
      case 'output': {
        const swept = meaning.by.length === 1 ? this.gradient(meaning.output)?.get(meaning.by[0]) : undefined;
        if (swept !== undefined) return swept;
        return meaning.by.reduce<Value>((value, input) => {
          return typeof value === 'number' ? 0 : numberOr(this.differentiator.by(value, input));
        }, this.engineering(meaning.output));
      }
    }
  }

  /** The first derivatives of an output by inputs where they are made in reverse mode. */
  private gradient(output: ModelOutput): ReadonlyMap<number, Value> | undefined {
    const { name } = output;
    const inputs = this.gradients.get(name);
    if (!inputs || this.swept.has(name)) return this.swept.get(name);
    const value = this.engineering(output);
    const terms = typeof value === 'number' ? undefined : this.reverse.gradient(name, value, inputs);
    const swept = terms && new Map<number, Value>(terms.map((term, k) => [inputs[k], numberOr(term)]));
    this.swept.set(name, swept);
    return swept;
  }

  private readonly algebra: ExpressionAlgebra<Value> = {
    literal: (value) => value,
    name: (name) => this.named(name),
    negate: (a) => (typeof a === 'number' ? -a : scaled(this.name, a, -1)),
    binary: (operator, a, b) => {
      if (typeof a === 'number' && typeof b === 'number') return applyOperator(operator, a, b);
      return numberOr(this.binary(operator, a, b));
    },
    call: (name, args) => {
      if (args.every((arg) => typeof arg === 'number')) return applyFunction(name, args as number[]);
      const [u, v] = args.map((arg) => this.node(arg));
      if (name === 'min' || name === 'max') return { kind: name, name: this.name, width: 1, a: u, b: v };
      // As a quotient it is refused where its argument meets a pole.
      if (name === 'tan') return this.binary('/', this.map(u, 'sin'), this.map(u, 'cos'))!;
      return this.map(u, name as FunctionName);
    },
  };

  private node(value: Value): IrNode {
    return typeof value === 'number' ? constantNode(this.name, [value]) : value;
  }

  private map(x: IrNode, name: FunctionName): IrNode {
    return this.step(x, { op: 'function', name });
  }

  private step(x: IrNode, step: MapStep): IrNode {
    return { kind: 'map', name: this.name, width: 1, x, fn: functionOf(step) };
  }

  private binary(operator: BinaryOperator, a: Value, b: Value): Term {
    const { name } = this;
    const term = (value: Value) => (value === 0 ? undefined : this.node(value));
    switch (operator) {
      case '+':
      case '-':
        return sum(name, term(a), term(b), operator === '-');
      case '*':
        return product(name, term(a), term(b));
      case '/': {
        const inverse = typeof b === 'number' ? constantNode(name, [1 / b]) : this.map(b, 'reciprocal');
        return product(name, term(a), inverse);
      }
      case '^': {
        if (b === 0) return this.node(1);
        if (b === 1) return term(a);
        if (typeof b === 'number') return this.step(this.node(a), { op: 'power', exponent: b });
        const exponent = typeof a === 'number' ? scaled(name, b, Math.log(a)) : product(name, b, this.map(a, 'log'));
        return this.map(exponent!, 'exp');
      }
    }
  }
}

/** A constant of width 1 as its number. */
function numberOr(term: Term): Value {
  if (!term) return 0;
  return term.kind === 'constant' ? term.data[0] : term;
}
