import type { ModelNode, Tensor } from '../model/types.js';

/**
 * Builds the graph of a model value by value, with names that are unique and legal in `pinn-edge/1`. Every method
 * returns the name of its value. Slices of concatenations and of constants are resolved while building, so that the
 * graph of an `[n, k]` input reads its columns by name.
 */

/** A node without its name, which the builder gives. */
type Unnamed<T> = T extends unknown ? Omit<T, 'name'> : never;
export type NodeFields = Unnamed<ModelNode>;

/** More pieces than this are gathered by a matrix of zeros and ones instead of slices. */
const MAX_PIECES = 16;

/** Collects the nodes and tensors of a model; every method that adds a node returns the name of its value. */
export class GraphBuilder {
  readonly nodes: ModelNode[] = [];
  readonly tensors = new Map<string, Tensor>();
  readonly widths = new Map<string, number>();
  private readonly byName = new Map<string, ModelNode>();
  private readonly taken = new Set<string>();

  /** Declares a scalar input of the model; its name is kept as it is. */
  input(name: string): string {
    this.taken.add(name);
    this.widths.set(name, 1);
    return name;
  }

  has(name: string): boolean {
    return this.widths.has(name);
  }

  width(name: string): number {
    const width = this.widths.get(name);
    if (width === undefined) throw new Error(`no value is named ${name}`);
    return width;
  }

  /** The value's numbers where it is a constant. */
  constantOf(name: string): readonly number[] | undefined {
    const node = this.byName.get(name);
    return node?.op === 'constant' ? node.value : undefined;
  }

  nodeOf(name: string): ModelNode | undefined {
    return this.byName.get(name);
  }

  /** Adds a node of known width. */
  add(fields: NodeFields, width: number, hint = fields.op as string): string {
    const node = { name: this.unique(hint), ...fields } as ModelNode;
    this.nodes.push(node);
    this.byName.set(node.name, node);
    this.widths.set(node.name, width);
    return node.name;
  }

  constant(value: ArrayLike<number>, hint = 'constant'): string {
    if (Array.from(value).some(Number.isNaN)) throw new Error('it reads a constant that is not a number');
    return this.add({ op: 'constant', value: Array.from(value) }, value.length, hint);
  }

  /** A node of one operand that keeps its width. */
  unary(op: Extract<ModelNode, { inputs: [string] }>['op'], x: string, hint: string = op, fields: object = {}): string {
    return this.add({ op, inputs: [x], ...fields } as NodeFields, this.width(x), hint);
  }

  /** An elementwise node of two operands, of which either may have width 1. */
  binary(op: 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max', a: string, b: string, hint: string = op): string {
    const folded = this.scaleByConstant(op, a, b, hint);
    if (folded !== undefined) return folded;
    return this.add({ op, inputs: [a, b] }, Math.max(this.width(a), this.width(b)), hint);
  }

  select(condition: string, a: string, b: string, hint = 'select'): string {
    const width = Math.max(...[condition, a, b].map((name) => this.width(name)));
    return this.add({ op: 'select', inputs: [condition, a, b] }, width, hint);
  }

  /** scale * x + shift, elementwise; either of length 1 or the width; x may have width 1. */
  scale(x: string, scale: ArrayLike<number> | undefined, shift: ArrayLike<number> | undefined, hint = 'scale'): string {
    const isOne = !scale || (scale.length === 1 && scale[0] === 1);
    const isZero = !shift || (shift.length === 1 && shift[0] === 0);
    if (isOne && isZero) return x;
    const product = this.byName.get(x);
    if (
      product?.op === 'dense' &&
      product.bias === undefined &&
      isOne &&
      (shift!.length === 1 || shift!.length === this.width(x))
    ) {
      // A matrix product and a shift are one layer; the product alone goes when nothing else reads it.
      const rows = this.width(x);
      const bias = Float64Array.from({ length: rows }, (_, r) => shift![shift!.length === 1 ? 0 : r]);
      const name = this.tensor({ shape: [rows], data: bias }, `${product.weight.replace(/\.weight$/, '')}.bias`);
      return this.add({ op: 'dense', inputs: product.inputs, weight: product.weight, bias: name }, rows, hint);
    }
    const width = Math.max(this.width(x), scale?.length ?? 1, shift?.length ?? 1);
    const fields: NodeFields = { op: 'scale', inputs: [x] };
    if (!isOne) fields.scale = Array.from(scale);
    if (!isZero) fields.shift = Array.from(shift);
    return this.add(fields, width, hint);
  }

  /** W x + b; `weight` has shape [out, in]. */
  dense(x: string, weight: Tensor, bias: Tensor | undefined, hint = 'dense'): string {
    const fields: NodeFields = { op: 'dense', inputs: [x], weight: this.tensor(weight, `${hint}.weight`) };
    if (bias) fields.bias = this.tensor(bias, `${hint}.bias`);
    return this.add(fields, weight.shape[0], hint);
  }

  /** Parts side by side; neighbouring slices of one value become one again. */
  concat(given: readonly string[], hint = 'concat'): string {
    const parts = this.joinSlices(given, hint);
    if (parts.length === 1) return parts[0];
    const width = parts.reduce((n, part) => n + this.width(part), 0);
    return this.add({ op: 'concat', inputs: [...parts] }, width, hint);
  }

  private joinSlices(parts: readonly string[], hint: string): string[] {
    const runs: { part: string; of?: string; start: number; stop: number }[] = [];
    for (const part of parts) {
      const node = this.byName.get(part);
      const last = runs.at(-1);
      if (node?.op !== 'slice') runs.push({ part, start: 0, stop: 0 });
      else if (last?.of === node.inputs[0] && last.stop === node.start) last.stop = node.stop;
      else runs.push({ part, of: node.inputs[0], start: node.start, stop: node.stop });
    }
    if (runs.length === parts.length) return [...parts];
    return runs.map(({ part, of, start, stop }) => {
      const node = this.byName.get(part);
      if (of === undefined || (node?.op === 'slice' && node.stop === stop)) return part;
      return this.slice(of, start, stop, hint);
    });
  }

  /** Components start .. stop-1. */
  slice(x: string, start: number, stop: number, hint = 'slice'): string {
    if (start === 0 && stop === this.width(x)) return x;
    const node = this.byName.get(x);
    if (node?.op === 'slice') return this.slice(node.inputs[0], node.start + start, node.start + stop, hint);
    if (node?.op === 'constant') return this.constant(node.value.slice(start, stop), hint);
    if (node?.op === 'concat') {
      let at = 0;
      for (const part of node.inputs) {
        const end = at + this.width(part);
        if (start >= at && stop <= end) return this.slice(part, start - at, stop - at, hint);
        at = end;
      }
    }
    return this.add({ op: 'slice', inputs: [x], start, stop }, stop - start, hint);
  }

  /** The components of x at `indices`, in that order. */
  gather(x: string, indices: readonly number[], hint = 'gather'): string {
    const runs: { start: number; stop: number }[] = [];
    for (const index of indices) {
      const last = runs.at(-1);
      if (last && last.stop === index) last.stop++;
      else runs.push({ start: index, stop: index + 1 });
    }
    if (runs.length <= MAX_PIECES) {
      return this.concat(
        runs.map(({ start, stop }) => this.slice(x, start, stop, hint)),
        hint,
      );
    }
    const cols = this.width(x);
    const data = new Float64Array(indices.length * cols);
    indices.forEach((index, r) => {
      data[r * cols + index] = 1;
    });
    return this.dense(x, { shape: [indices.length, cols], data }, undefined, hint);
  }

  /** Registers a tensor under a legal, unique name. */
  tensor(tensor: Tensor, hint: string): string {
    for (const [name, known] of this.tensors) if (known === tensor) return name;
    const name = freeName(legalName(hint), (candidate) => this.tensors.has(candidate));
    this.tensors.set(name, tensor);
    return name;
  }

  unique(hint: string): string {
    const name = freeName(legalName(hint), (candidate) => this.taken.has(candidate));
    this.taken.add(name);
    return name;
  }

  /** Sums, products and quotients with a constant are scalings. */
  private scaleByConstant(op: string, a: string, b: string, hint: string): string | undefined {
    const [u, v] = [this.constantOf(a), this.constantOf(b)];
    if (v) {
      if (op === 'add') return this.scale(a, undefined, v, hint);
      if (op === 'sub') return this.scale(a, undefined, negate(v), hint);
      if (op === 'mul') return this.scale(a, v, undefined, hint);
      if (op === 'div') return this.scale(a, invert(v), undefined, hint);
    } else if (u) {
      if (op === 'add') return this.scale(b, undefined, u, hint);
      if (op === 'sub') return this.scale(b, [-1], u, hint);
      if (op === 'mul') return this.scale(b, u, undefined, hint);
      if (op === 'div') return this.scale(this.unary('reciprocal', b, hint), u, undefined, hint);
    }
    return undefined;
  }
}

function negate(values: readonly number[]): number[] {
  return values.map((v) => -v);
}

function invert(values: readonly number[]): number[] {
  return values.map((v) => 1 / v);
}

function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name;
  for (let n = 2; ; n++) if (!isTaken(`${name}_${n}`)) return `${name}_${n}`;
}

/** `hint` with characters that node names may not have replaced. */
function legalName(hint: string): string {
  const name = hint.replace(/[^A-Za-z0-9_.\-/]/g, '_').slice(0, 180);
  return /^[A-Za-z_]/.test(name) ? name : `_${name}`;
}

/** `hint` as the name of an input or output: letters, digits and _, starting with a letter. */
export function legalIdentifier(hint: string, otherwise: string): string {
  const name = hint
    .replace(/:\d+$/, '')
    .replace(/[^A-Za-z0-9_]/g, '_')
    .replace(/^[^A-Za-z]+/, '')
    .slice(0, 60);
  return name || otherwise;
}
