import { spread } from '../from-model.js';
import type { AffineNode, BlocksNode, ConstantNode, IrNode, ScaleNode } from '../types.js';

/**
 * Arithmetic on nodes as derivatives need it: zeros and constants vanish where they can, and factors common to all
 * components are carried outwards, through matrices and products, until a sum or an output needs them: a derivative
 * costs no scaling per layer. Weights are never touched, so that a step and its derivatives go on sharing theirs.
 */

/** A value, or undefined for one that is zero everywhere. */
export type Term = IrNode | undefined;

export function constantNode(name: string, data: ArrayLike<number>): ConstantNode {
  return { kind: 'constant', name, width: data.length, data: Float64Array.from(data) };
}

/** The node and the factor that all of its components have in common; 1 where there is none to carry. */
function factored(node: IrNode): { factor: number; rest: IrNode } {
  if (node.kind !== 'scale' || node.wraps || node.x.width !== node.width) return { factor: 1, rest: node };
  const [factor] = node.scale;
  const plain = node.shift.every((s) => s === 0) && node.scale.every((s) => s === factor);
  return plain ? { factor, rest: node.x } : { factor: 1, rest: node };
}

/** factor x + shift, the same for all components. */
export function scaled(name: string, x: IrNode, factor: number, shift = 0): IrNode {
  const { width } = x;
  if (factor === 1 && shift === 0) return x;
  if (x.kind === 'constant')
    return constantNode(
      name,
      x.data.map((v) => factor * v + shift),
    );
  const inner = x.kind === 'scale' && !x.wraps ? x : undefined;
  const scale = spread([factor], width, 1).map((f, i) => f * (inner?.scale[i] ?? 1));
  const shifts = spread([shift], width, 0).map((s, i) => s + factor * (inner?.shift[i] ?? 0));
  const rest = inner?.x ?? x;
  if (rest.width === width && scale.every((s) => s === 1) && shifts.every((s) => s === 0)) return rest;
  return { kind: 'scale', name, width, x: rest, scale, shift: shifts } satisfies ScaleNode;
}

/** A value of width 1 or `width` as one of `width`. */
export function widened(name: string, x: IrNode, width: number): IrNode {
  if (x.width === width) return x;
  if (x.kind === 'constant') return constantNode(name, spread(x.data, width, 0));
  return { kind: 'scale', name, width, x, scale: spread([1], width, 1), shift: new Float64Array(width) };
}

/** a + b, or a - b. */
export function sum(name: string, a: Term, b: Term, subtract = false): Term {
  if (!b) return a;
  if (!a) return subtract ? scaled(name, b, -1) : b;
  const sign = subtract ? -1 : 1;
  const width = Math.max(a.width, b.width);
  if (b.kind === 'constant' && (a.kind === 'constant' || a.width === width)) {
    return shifted(
      name,
      a,
      spread(b.data, width, 0).map((v) => sign * v),
      width,
    );
  }
  if (a.kind === 'constant' && b.width === width)
    return shifted(name, scaled(name, b, sign), spread(a.data, width, 0), width);
  const [u, v] = [factored(a), factored(b)];
  const ratio = (sign * v.factor) / u.factor;
  const other = scaled(name, v.rest, Math.abs(ratio));
  return scaled(name, { kind: 'add', name, width, a: u.rest, b: other, subtract: ratio < 0 }, u.factor);
}

function shifted(name: string, x: IrNode, by: Float64Array, width: number): IrNode {
  if (x.kind === 'constant') {
    const data = spread(x.data, width, 0);
    return constantNode(
      name,
      data.map((v, i) => v + by[i]),
    );
  }
  if (by.every((v) => v === by[0])) return scaled(name, x, 1, by[0]);
  return { kind: 'scale', name, width, x, scale: spread([1], width, 1), shift: by };
}

/** a b, component by component. */
export function product(name: string, a: Term, b: Term): Term {
  if (!a || !b) return undefined;
  if (b.kind === 'constant') return timesConstant(name, a, b);
  if (a.kind === 'constant') return timesConstant(name, b, a);
  const [u, v] = [factored(a), factored(b)];
  const width = Math.max(a.width, b.width);
  return scaled(name, { kind: 'mul', name, width, a: u.rest, b: v.rest }, u.factor * v.factor);
}

function timesConstant(name: string, x: IrNode, { data }: ConstantNode): Term {
  if (data.every((v) => v === 0)) return undefined;
  const width = Math.max(x.width, data.length);
  const scale = spread(data, width, 0);
  if (x.kind === 'constant') {
    const values = spread(x.data, width, 0);
    return constantNode(
      name,
      values.map((v, i) => v * scale[i]),
    );
  }
  if (x.width === width && scale.every((s) => s === scale[0])) return scaled(name, x, scale[0]);
  return { kind: 'scale', name, width, x, scale, shift: new Float64Array(width) };
}

/** a where condition > 0, else b; zero where both are. */
export function chosen(name: string, condition: IrNode, a: Term, b: Term, width: number): Term {
  if (a === b) return a;
  const or0 = (x: Term) => x ?? constantNode(name, new Float64Array(1));
  return { kind: 'select', name, width, condition, a: or0(a), b: or0(b) };
}

/** W x with the weights of a step y = W x + b: the derivative of y where x is that of its argument. */
export function linearPart(name: string, node: AffineNode, x: Term): Term {
  if (!x) return undefined;
  const { factor, rest } = factored(x);
  const bias = new Float64Array(node.width);
  return scaled(name, { ...node, name, x: rest, bias, wraps: undefined, tangent: true }, factor);
}

/** The same of a matrix in blocks, with the derivatives of what its leaves read; leaves of zeros are left out. */
export function linearBlocks(name: string, node: BlocksNode, arguments_: readonly Term[]): Term {
  const terms = arguments_.map((x) => x && factored(x));
  const factors = new Set(terms.flatMap((term) => (term ? [term.factor] : [])));
  if (!factors.size) return undefined;
  const [common] = factors;
  const leaves = node.leaves.flatMap((leaf, k) => {
    const term = terms[k];
    return term ? [{ ...leaf, x: scaled(name, term.rest, term.factor / common) }] : [];
  });
  const bias = new Float64Array(node.width);
  return scaled(name, { ...node, name, leaves, bias, wraps: undefined, tangent: true }, common);
}

/** diag(scale) x, x possibly broadcast. */
export function diagonal(name: string, { scale, width }: ScaleNode, x: Term): Term {
  if (!x) return undefined;
  return product(name, constantNode(name, scale), width === x.width ? x : widened(name, x, width));
}

/** Parts side by side; those that are zero as zeros. */
export function joined(name: string, parts: readonly Term[], widths: readonly number[]): Term {
  if (parts.every((part) => !part)) return undefined;
  const terms = parts.map((part) => part && factored(part));
  const common = terms.find((term) => term && term.rest.kind !== 'constant')?.factor ?? 1;
  const width = widths.reduce((n, w) => n + w, 0);
  const whole = terms.map((term, k) =>
    term ? scaled(name, term.rest, term.factor / common) : constantNode(name, new Float64Array(widths[k])),
  );
  if (whole.length === 1) return scaled(name, whole[0], common);
  return scaled(name, { kind: 'concat', name, width, parts: whole }, common);
}

/** Components start .. start + width - 1 of x. */
export function part(name: string, x: Term, start: number, width: number): Term {
  if (!x || width === x.width) return x;
  if (x.kind === 'constant') return constantNode(name, x.data.slice(start, start + width));
  if (x.kind === 'concat') {
    let at = 0;
    for (const whole of x.parts) {
      if (at === start && whole.width === width) return whole;
      at += whole.width;
    }
  }
  const { factor, rest } = factored(x);
  const cut: IrNode =
    rest.kind === 'concat' ? part(name, rest, start, width)! : { kind: 'slice', name, width, x: rest, start };
  return scaled(name, cut, factor);
}
