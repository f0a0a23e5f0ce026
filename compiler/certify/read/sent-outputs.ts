import { meaningOf } from '../../model/derivatives.js';
import { applyFunction, applyOperator, type ExpressionAlgebra, interpretExpression } from '../../model/expression.js';
import { type FunctionName, JUMPS, type JumpName } from '../../model/functions.js';
import type { Model, ModelOutput } from '../../model/types.js';
import { appendFunction, appendPower } from './function-tables.js';
import { appendDerivatives } from './operation-slopes.js';
import type { ProgramBuilder } from './program.js';

/** A number, or the id of an element. */
type Value = number | Int32Array;

/** Outputs of a model in engineering units: those of nodes, and expressions of them and of their derivatives. */
export class OutputReader {
  private readonly known = new Map<string, Int32Array>();

  /** @param values ids of the inputs and of what the outputs are made of, by name */
  constructor(
    private readonly to: ProgramBuilder,
    private readonly model: Model,
    private readonly values: ReadonlyMap<string, Int32Array>,
  ) {}

  of(output: ModelOutput): Int32Array {
    const known = this.known.get(output.name);
    if (known) return known;
    const ids = output.expression === undefined ? this.network(output) : this.expression(output.expression);
    this.known.set(output.name, ids);
    return ids;
  }

  private network({ value, index = 0, scale = 1, offset = 0 }: Extract<ModelOutput, { value: string }>): Int32Array {
    return this.to.linear(this.values.get(value)!.subarray(index, index + 1), scale, offset);
  }

  private expression(source: string): Int32Array {
    return this.element(interpretExpression(source, this.algebra));
  }

  private element(value: Value): Int32Array {
    return typeof value === 'number' ? this.to.constants([value]) : value;
  }

  private named(name: string): Value {
    const meaning = meaningOf(this.model, name);
    if (meaning.kind === 'parameter') return meaning.value;
    const input = (index: number) => this.values.get(this.model.inputs[index].name)!;
    if (meaning.kind === 'input') return input(meaning.index);
    return meaning.by.reduce((ids, by) => appendDerivatives(this.to, input(by), ids), this.of(meaning.output));
  }

  private readonly algebra: ExpressionAlgebra<Value> = {
    literal: (value) => value,
    name: (name) => this.named(name),
    negate: (a) => (typeof a === 'number' ? -a : this.to.linear(a, -1)),
    binary: (operator, a, b) => {
      const { to } = this;
      if (typeof a === 'number' && typeof b === 'number') return applyOperator(operator, a, b);
      if (operator === '^' && typeof b === 'number') return appendPower(to, this.element(a), b);
      const [u, v] = [this.element(a), this.element(b)];
      switch (operator) {
        case '+':
          return to.linear(u, 1, 0, v, 1);
        case '-':
          return to.linear(u, 1, 0, v, -1);
        case '*':
          return to.multiply(u, v);
        case '/':
          return to.multiply(u, appendPower(to, v, -1));
        case '^':
          return to.elementary('exp', to.multiply(v, to.elementary('log', u)));
      }
    },
    call: (name, args) => {
      if (args.every((arg) => typeof arg === 'number')) return applyFunction(name, args as number[]);
      const [u, v] = args.map((arg) => this.element(arg));
      if (name === 'min' || name === 'max') return this.to.extremum(name, u, v);
      if (Object.hasOwn(JUMPS, name)) return this.to.jump(name as JumpName, u);
      return appendFunction(this.to, name as FunctionName, u);
    },
  };
}
