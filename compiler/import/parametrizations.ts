import type { Tensor } from '../model/types.js';
import { matricesOfConvolutions } from './pointwise.js';

/**
 * Weights that training kept in parts, put together again: weight normalisation (Salimans and Kingma, arXiv 1602.07868),
 * spectral normalisation (Miyato et al., arXiv 1802.05957) and random weight factorisation (Wang et al., arXiv
 * 2210.01274), and pruning (torch.nn.utils.prune). Names become dotted, without Keras's `:0`.
 */
export function foldParametrizations(raw: ReadonlyMap<string, Tensor>, notes: string[]): Map<string, Tensor> {
  const named = new Map([...raw].map(([name, tensor]) => [plainName(name), tensor]));
  const tensors = matricesOfConvolutions(named, notes);
  const folded = new Map<string, { whole: string; tensor: Tensor }>();
  const used = new Set<string>();
  const counts = new Map<Rule['kind'], number>();
  const outputAxis = axisOfOutputs(tensors);
  for (const name of tensors.keys()) {
    for (const rule of RULES) {
      if (!name.endsWith(rule.matrix) || used.has(name)) continue;
      const prefix = name.slice(0, -rule.matrix.length);
      const parts = rule.parts.map((part) => `${prefix}${part}`);
      const matrix = tensors.get(name)!;
      if (matrix.shape.length !== 2 || parts.some((part) => !tensors.has(part))) continue;
      const { tensor, layout } = rule.fold(
        matrix,
        parts.map((part) => tensors.get(part)!),
        { prefix, outputAxis },
      );
      folded.set(name, { whole: wholeName(prefix, rule, layout), tensor });
      for (const part of [name, ...parts]) used.add(part);
      counts.set(rule.kind, (counts.get(rule.kind) ?? 0) + 1);
      break;
    }
  }
  for (const [kind, count] of counts)
    notes.push(
      `${kind} of ${count} layer${count === 1 ? '' : 's'} folded into ${count === 1 ? 'its weight' : 'their weights'}`,
    );
  const result = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    const whole = folded.get(name);
    if (whole) result.set(whole.whole, whole.tensor);
    else if (!used.has(name)) result.set(name, tensor);
  }
  return result;
}

/** `dense/kernel:0` as `dense.kernel`. */
export function plainName(name: string): string {
  return name.replace(/:0$/, '').replaceAll('/', '.');
}

/** Which axis of a matrix is that of its outputs, where a fold has found it: 0 as in PyTorch, 1 as in JAX. */
type Axis = 0 | 1;

interface Folded {
  tensor: Tensor;
  layout?: Axis;
}

interface Rule {
  kind: 'weight normalisation' | 'spectral normalisation' | 'random weight factorisation' | 'pruning';
  matrix: string;
  parts: string[];
  fold: (matrix: Tensor, parts: readonly Tensor[], facts: { prefix: string; outputAxis?: Axis }) => Folded;
}

const NEW = '.parametrizations.weight';

const RULES: Rule[] = [
  { kind: 'weight normalisation', matrix: '.weight_v', parts: ['.weight_g'], fold: weightNorm },
  { kind: 'weight normalisation', matrix: `${NEW}.original1`, parts: [`${NEW}.original0`], fold: weightNorm },
  { kind: 'spectral normalisation', matrix: '.weight_orig', parts: ['.weight_u', '.weight_v'], fold: spectralNorm },
  {
    kind: 'spectral normalisation',
    matrix: `${NEW}.original`,
    parts: [`${NEW}.0._u`, `${NEW}.0._v`],
    fold: spectralNorm,
  },
  { kind: 'pruning', matrix: '.weight_orig', parts: ['.weight_mask'], fold: pruned },
  { kind: 'random weight factorisation', matrix: '.kernel.1', parts: ['.kernel.0'], fold: factorised((g) => g) },
  { kind: 'random weight factorisation', matrix: '.V', parts: ['.s'], fold: factorised(Math.exp) },
  { kind: 'random weight factorisation', matrix: '.V', parts: ['.g'], fold: factorised((g) => g) },
  { kind: 'random weight factorisation', matrix: '.v', parts: ['.s'], fold: factorised(Math.exp) },
  { kind: 'random weight factorisation', matrix: '.v', parts: ['.g'], fold: factorised((g) => g) },
];

/** The name under which the whole weight goes on; its last part tells the layout. */
function wholeName(prefix: string, rule: Rule, layout: Axis | undefined): string {
  return `${prefix}.${layout === 1 || rule.matrix === '.kernel.1' ? 'kernel' : 'weight'}`;
}

/**
 * W = g v / |v|. The shape of g tells over what the norm goes: [rows, 1] per row (dim=0), [1, cols] per column (dim=1),
 * one number the whole matrix (dim=None); a plain vector goes along the axis of its length, rows first.
 */
function weightNorm(v: Tensor, [g]: readonly Tensor[], { prefix }: { prefix: string }): Folded {
  const [rows, cols] = v.shape;
  const count = g.data.length;
  const perColumn = g.shape.length === 2 ? g.shape[0] === 1 && count === cols : count === cols && count !== rows;
  if (!perColumn && count !== 1 && count !== rows)
    throw new Error(
      `the weight normalisation of "${prefix}" has ${count} factors for a weight of shape [${rows}, ${cols}]`,
    );
  const at = (i: number) => (count === 1 ? 0 : perColumn ? i % cols : Math.floor(i / cols));
  const squares = new Float64Array(count);
  v.data.forEach((x, i) => {
    squares[at(i)] += x * x;
  });
  return { tensor: { shape: v.shape, data: v.data.map((x, i) => (x * g.data[at(i)]) / Math.sqrt(squares[at(i)])) } };
}

/** W / (u^T W v), u and v being the singular vectors that training kept: what the layer computes in evaluation mode. */
function spectralNorm(w: Tensor, [u, v]: readonly Tensor[], { prefix }: { prefix: string }): Folded {
  const [rows, cols] = w.shape;
  const straight = u.data.length === rows && v.data.length === cols;
  if (!straight && !(u.data.length === cols && v.data.length === rows))
    throw new Error(
      `the spectral normalisation of "${prefix}" has vectors of ${u.data.length} and ${v.data.length} for a weight of shape [${rows}, ${cols}]`,
    );
  const [left, right] = straight ? [u.data, v.data] : [v.data, u.data];
  let sigma = 0;
  w.data.forEach((x, i) => {
    sigma += left[Math.floor(i / cols)] * x * right[i % cols];
  });
  return { tensor: { shape: w.shape, data: w.data.map((x) => x / sigma) } };
}

/** W = V mask, entry by entry. */
function pruned(w: Tensor, [mask]: readonly Tensor[], { prefix }: { prefix: string }): Folded {
  if (mask.shape.join() !== w.shape.join())
    throw new Error(
      `the mask of "${prefix}" has shape [${mask.shape.join(', ')}], its weight [${w.shape.join(', ')}]; make the pruning permanent (torch.nn.utils.prune.remove) before saving`,
    );
  return { tensor: { shape: w.shape, data: w.data.map((x, i) => x * mask.data[i]) } };
}

/** W = diag(f(s)) V, s per output neuron. */
function factorised(f: (s: number) => number): Rule['fold'] {
  return (v, [s], { prefix, outputAxis }) => {
    const single = s.data.length === 1;
    const axis = axisOf(v, s) ?? outputAxis;
    if (axis === undefined && !single) {
      const [rows, cols] = v.shape;
      throw new Error(
        rows === cols && s.data.length === rows
          ? `the factors of "${prefix}" may go along the rows or the columns of its square weight; multiply them in before saving`
          : `"${prefix}" has ${s.data.length} factors for a weight of shape [${rows}, ${cols}]`,
      );
    }
    const cols = v.shape[1];
    const at = (i: number) => (single ? 0 : axis === 1 ? i % cols : Math.floor(i / cols));
    return { tensor: { shape: v.shape, data: v.data.map((x, i) => x * f(s.data[at(i)])) }, layout: axis };
  };
}

/** The axis along which factors go, where the shapes tell. */
function axisOf(v: Tensor, s: Tensor): Axis | undefined {
  const [rows, cols] = v.shape;
  const count = s.data.length;
  if (s.shape.length === 2 && count > 1)
    return s.shape[0] === 1 ? (count === cols ? 1 : undefined) : count === rows ? 0 : undefined;
  if (rows === cols) return undefined;
  return count === rows ? 0 : count === cols ? 1 : undefined;
}

/** What the factorised layers that are not square tell about those that are: a file is of one framework. */
function axisOfOutputs(tensors: ReadonlyMap<string, Tensor>): Axis | undefined {
  for (const [name, v] of tensors) {
    for (const { kind, matrix, parts } of RULES) {
      if (kind !== 'random weight factorisation' || !name.endsWith(matrix) || v.shape.length !== 2) continue;
      if (matrix === '.kernel.1') return 1;
      const s = tensors.get(`${name.slice(0, -matrix.length)}${parts[0]}`);
      const axis = s && axisOf(v, s);
      if (axis !== undefined) return axis;
    }
  }
  return undefined;
}
