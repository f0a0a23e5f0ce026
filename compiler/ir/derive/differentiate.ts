import { PinnEdgeError } from '../../diagnostics.js';
import { derivedSpline, segmentsPerUnit } from '../../model/spline.js';
import { graphOf, type IrNode, type MapNode, operands, type SelectNode, type SplineNode } from '../types.js';
import {
  chosen,
  constantNode,
  diagonal,
  joined,
  linearBlocks,
  linearPart,
  part,
  product,
  scaled,
  sum,
  type Term,
  widened,
} from './arithmetic.js';
import { slopeOf, timesSlope } from './function-slopes.js';

const twice = (name: string, x: Term): Term => x && scaled(name, x, 2);

/**
 * Forward-mode derivatives in the IR: the derivative of a node by an input is an ordinary node, so every later stage
 * treats it as any other value. Differentiated again, it gives higher orders, mixed ones in any order of the inputs;
 * every derivative of every node is made once, and so is every f', for all inputs and orders.
 *
 * The derivative of W x + b is W x', with the very array of weights. Where a function has a kink, its derivative is the
 * one from the left; derivatives of a spline have its coefficients; at equal values min and max have the derivatives of
 * their second operand, and select has those of the operand that it chooses.
 */
export class Differentiator {
  private readonly known = new Map<IrNode, Map<number, Term>>();
  /** Choices whose condition changes with an input that they are differentiated by. */
  readonly selects = new Set<SelectNode>();
  private readonly slopes = new Map<IrNode, ReturnType<typeof slopeOf>>();
  /** Derivatives of splines, by what they read, their coefficients and their orders. */
  private readonly splines = new Map<IrNode, Map<Float64Array, Map<string, SplineNode>>>();

  /** @param inputs names of the graph's inputs, for the names of nodes */
  constructor(private readonly inputs: readonly string[]) {}

  /** The derivative of a node by an input; undefined where it is zero everywhere. */
  by(target: IrNode, input: number): Term {
    // In execution order rather than by recursion: deep graphs must not overflow the stack.
    for (const node of graphOf({ kind: 'concat', name: '', width: target.width, parts: [target] }).nodes.slice(0, -1)) {
      const known = this.known.get(node) ?? new Map<number, Term>();
      this.known.set(node, known);
      if (!known.has(input)) known.set(input, this.derivative(node, input));
    }
    return this.known.get(target)!.get(input);
  }

  private derivative(node: IrNode, input: number): Term {
    const of = (x: IrNode) => this.known.get(x)!.get(input);
    const name = `${node.name}_${this.inputs[input]}`;
    const { width } = node;
    switch (node.kind) {
      case 'input':
        return node.index === input ? constantNode(name, [1]) : undefined;
      case 'constant':
        return undefined;
      case 'affine':
        return linearPart(name, node, of(node.x));
      case 'blocks':
        return linearBlocks(name, node, operands(node).map(of));
      case 'scale':
        return diagonal(name, node, of(node.x));
      case 'map': {
        const dx = of(node.x);
        return dx && timesSlope(name, this.slope(node), dx);
      }
      case 'spline':
        return this.wide(name, this.splineDerivative(name, node, of(node.x)), width);
      case 'add':
        return this.wide(name, sum(name, of(node.a), of(node.b), node.subtract), width);
      case 'mul': {
        // A square: the 2 is a factor to carry outwards.
        if (node.a === node.b) return twice(name, product(name, node.a, of(node.a)));
        const left = product(name, node.b, of(node.a));
        return this.wide(name, sum(name, left, product(name, node.a, of(node.b))), width);
      }
      case 'min':
      case 'max': {
        const [da, db] = [of(node.a), of(node.b)];
        if (!da && !db) return undefined;
        const [greater, less] = node.kind === 'max' ? [node.a, node.b] : [node.b, node.a];
        return chosen(name, sum(name, greater, less, true)!, da, db, width);
      }
      case 'select':
        if (of(node.condition)) this.selects.add(node);
        return chosen(name, node.condition, of(node.a), of(node.b), width);
      case 'concat':
        return joined(
          name,
          node.parts.map(of),
          node.parts.map((p) => p.width),
        );
      case 'slice':
        return part(name, of(node.x), node.start, width);
    }
  }

  /** The sum over the axes of the derivative along each times that of its argument. */
  private splineDerivative(name: string, node: SplineNode, dx: Term): Term {
    return node.axes.reduce<Term>((total, _, k) => {
      const along = part(name, dx, k, 1);
      return along ? sum(name, total, product(name, this.splineSlope(name, node, k), along)) : total;
    }, undefined);
  }

  /** The derivative of a spline by its argument of one axis; undefined where that is zero everywhere. */
  splineSlope(name: string, node: SplineNode, axis: number): Term {
    if (node.orders[axis] === node.degree) return undefined;
    return scaled(name, this.splineAlong(name, node, axis), segmentsPerUnit(node.axes[axis]));
  }

  private splineAlong(name: string, node: SplineNode, axis: number): SplineNode {
    const derived = { ...derivedSpline(node, axis), name };
    if (derived.orders[axis] === node.degree && node.axes[axis].segments > 1) {
      throw new PinnEdgeError('PE2011', { node: node.name, degree: node.degree, order: node.degree });
    }
    const readers = this.splines.get(node.x) ?? new Map<Float64Array, Map<string, SplineNode>>();
    this.splines.set(node.x, readers);
    const orders = readers.get(node.weight) ?? new Map<string, SplineNode>();
    readers.set(node.weight, orders);
    const known = orders.get(derived.orders.join()) ?? derived;
    orders.set(derived.orders.join(), known);
    return known;
  }

  /** f' of a map's function, the same nodes for all that is differentiated. */
  slope(node: MapNode): ReturnType<typeof slopeOf> {
    const known = this.slopes.get(node) ?? slopeOf(node, `${node.name}'`);
    this.slopes.set(node, known);
    return known;
  }

  private wide(name: string, x: Term, width: number): Term {
    return x && widened(name, x, width);
  }
}
