import type { MapFunction, MapStep } from '../map-function.js';
import { type ParameterLayout, weightSites } from '../parameters.js';
import type { IrGraph, IrNode } from '../types.js';

/**
 * Graphs as tapes for lanes.as.ts. A value is rows of 128 lanes; slices are rows of what they are cut from. Functions other
 * than those below, choices and splines have no operation: such graphs are evaluated by evaluate.ts.
 */

/** Bytes of a row of lanes, and points side by side in it. */
export const ROW = 1024;
export const LANES = 128;

const KIND = {
  input: 0,
  constant: 1,
  product: 2,
  leaf: 3,
  scale: 4,
  map: 5,
  add: 6,
  subtract: 7,
  multiply: 8,
  copy: 9,
} as const;
/** As lanes.as.ts numbers them. */
const FN = { tanh: 0, sin: 1, exp: 2, reciprocal: 3, sqrt: 4, relu: 5 } as const;
/** The gradient needs one order more, and tanh has four. */
const LARGEST_ORDER = 3;

/** As a tape has it: rows by number, arrays that become addresses. */
export interface Operation {
  kind: number;
  out: number;
  a: number;
  b: number;
  rows: number;
  /** Columns of a matrix; of elementwise operations the rows from one component of the operand to the next, 0 or 1. */
  cols: number;
  weight?: Float64Array;
  bias?: Float64Array;
  fn: number;
  /** Of the derivative; of sums and products as `cols`, of the second operand. */
  order: number;
}

/** A matrix whose derivatives are rows of the Jacobian; see the record of the same name in lanes.as.ts. */
export interface Site {
  x: number;
  out: number;
  biasOut: number;
  rows: number;
  cols: number;
  height: number;
  at: number;
  biasAt: number;
  more: boolean;
  biasMore: boolean;
}

export interface Program {
  readonly operations: readonly Operation[];
  /** Rows of all values. */
  readonly rows: number;
  readonly output: number;
  readonly outputs: number;
  /** Multiply-adds of the matrices per point. */
  readonly products: number;
  sites(layout: ParameterLayout): Site[];
}

const programs = new WeakMap<IrGraph, Program | 'none'>();

/** @returns undefined where an operation of the graph has no lanes */
export function programOf(graph: IrGraph): Program | undefined {
  const known = programs.get(graph) ?? new Writer().write(graph) ?? 'none';
  programs.set(graph, known);
  return known === 'none' ? undefined : known;
}

class Writer {
  private readonly operations: Operation[] = [];
  private readonly places = new Map<IrNode, number>();
  private rows = 0;

  write(graph: IrGraph): Program | undefined {
    for (const node of graph.nodes) {
      const at = this.place(node);
      if (at === undefined) return undefined;
      this.places.set(node, at);
    }
    const { operations, places, rows } = this;
    return {
      operations,
      rows,
      output: places.get(graph.output)!,
      outputs: graph.output.width,
      products: operations.reduce((n, { kind, rows: r, cols }) => {
        return n + (kind === KIND.product || kind === KIND.leaf ? r * cols : 0);
      }, 0),
      sites: (layout) => sitesOf(graph, places, layout),
    };
  }

  private take(count: number): number {
    const at = this.rows;
    this.rows += count;
    return at;
  }

  private emit(kind: number, rows: number, more: Partial<Operation>, out = this.take(rows)): number {
    this.operations.push({ kind, out, a: 0, b: 0, rows, cols: 0, fn: 0, order: 0, ...more });
    return out;
  }

  private place(node: IrNode): number | undefined {
    const at = (x: IrNode) => this.places.get(x)!;
    const { width } = node;
    switch (node.kind) {
      case 'input': {
        const out = this.take(1);
        return this.emit(KIND.input, node.index, {}, out);
      }
      case 'constant':
        return this.emit(KIND.constant, width, { weight: node.data });
      case 'affine': {
        const { weight, bias, x } = node;
        return this.emit(KIND.product, width, { a: at(x), cols: x.width, weight, bias });
      }
      case 'blocks': {
        const out = this.emit(KIND.constant, width, { weight: node.bias });
        for (const { row, rows, x, weight } of node.leaves)
          this.emit(KIND.leaf, rows, { a: at(x), cols: x.width, weight }, out + row);
        return out;
      }
      case 'scale': {
        const { scale: weight, shift: bias, x } = node;
        return this.emit(KIND.scale, width, { a: at(x), cols: x.width === 1 ? 0 : 1, weight, bias });
      }
      case 'map':
        return this.map(node.fn, at(node.x), width);
      case 'add':
      case 'mul': {
        const { a, b } = node;
        const kind = node.kind === 'mul' ? KIND.multiply : node.subtract ? KIND.subtract : KIND.add;
        const steps = { cols: a.width === 1 ? 0 : 1, order: b.width === 1 ? 0 : 1 };
        return this.emit(kind, width, { a: at(a), b: at(b), ...steps });
      }
      case 'concat': {
        const out = this.take(width);
        let row = out;
        for (const part of node.parts) {
          this.emit(KIND.copy, part.width, { a: at(part) }, row);
          row += part.width;
        }
        return out;
      }
      case 'slice':
        return at(node.x) + node.start;
      default:
        return undefined;
    }
  }

  private map({ steps, phase }: MapFunction, from: number, rows: number): number | undefined {
    let at: number | undefined = phase === 0 ? from : this.scaled(from, rows, 1, phase);
    for (const step of steps) at = at === undefined ? at : this.step(step, at, rows);
    return at;
  }

  private scaled(a: number, rows: number, scale: number, shift: number): number {
    const [weight, bias] = [scale, shift].map((v) => new Float64Array(rows).fill(v));
    return this.emit(KIND.scale, rows, { a, cols: 1, weight, bias });
  }

  private step(step: MapStep, a: number, rows: number): number | undefined {
    if (step.op === 'affine') return this.scaled(a, rows, step.scale, step.shift);
    if (step.op === 'power' && step.exponent === 2)
      return this.emit(KIND.multiply, rows, { a, b: a, cols: 1, order: 1 });
    if (step.op === 'function') return this.function(step.name, 0, a, rows);
    if (step.op !== 'derivative' || step.steps.length !== 1 || step.steps[0].op !== 'function') return undefined;
    return this.function(step.steps[0].name, step.order, a, rows);
  }

  /** Derivative `order` of a function. */
  private function(name: string, order: number, a: number, rows: number): number | undefined {
    if (order > LARGEST_ORDER) return undefined;
    const make = (fn: number, k: number, x = a) => this.emit(KIND.map, rows, { a: x, fn, order: k });
    switch (name) {
      case 'tanh':
      case 'sin':
      case 'exp':
      case 'reciprocal':
      case 'sqrt':
      case 'relu':
        return make(FN[name], order);
      case 'cos':
        return make(FN.sin, order + 1);
      case 'sigmoid': {
        const tanh = make(FN.tanh, order, this.scaled(a, rows, 0.5, 0));
        return this.scaled(tanh, rows, 0.5 ** (order + 1), order ? 0 : 0.5);
      }
      case 'silu': {
        const sigmoid = order ? undefined : this.function('sigmoid', 0, a, rows);
        return sigmoid && this.emit(KIND.multiply, rows, { a, b: sigmoid, cols: 1, order: 1 });
      }
      default:
        return undefined;
    }
  }
}

function sitesOf(graph: IrGraph, places: ReadonlyMap<IrNode, number>, { offsets }: ParameterLayout): Site[] {
  const seen = new Set<Float64Array>();
  const isMore = (array: Float64Array | undefined) => {
    const known = array !== undefined && seen.has(array);
    if (array) seen.add(array);
    return known;
  };
  return weightSites(graph).map(({ x, out, row, rows, weight, bias }) => {
    const biasOut = places.get(out)!;
    return {
      x: places.get(x)!,
      out: biasOut + row,
      biasOut,
      rows,
      cols: x.width,
      height: out.width,
      at: offsets.get(weight) ?? -1,
      biasAt: (bias && offsets.get(bias)) ?? -1,
      more: isMore(weight),
      biasMore: isMore(bias),
    };
  });
}
