import type { Tensor } from '../model/types.js';

/**
 * Weights that training kept in parts, put together again: weight normalisation (Salimans and Kingma, arXiv 1602.07868)
 * and random weight factorisation (Wang et al., arXiv 2210.01274). Names become dotted, without Keras's `:0`.
 */
export function foldParametrizations(raw: ReadonlyMap<string, Tensor>, notes: string[]): Map<string, Tensor> {
  const tensors = new Map([...raw].map(([name, tensor]) => [plainName(name), tensor]));
  const folded = new Map<string, Tensor>();
  const used = new Set<string>();
  const counts = { weightNorm: 0, factorised: 0 };
  for (const name of tensors.keys()) {
    for (const rule of RULES) {
      if (!name.endsWith(rule.direction)) continue;
      const prefix = name.slice(0, -rule.direction.length);
      const magnitudeName = `${prefix}${rule.magnitude}`;
      const [direction, magnitude] = [tensors.get(name)!, tensors.get(magnitudeName)];
      if (!magnitude || direction.shape.length !== 2 || used.has(name)) continue;
      folded.set(name, rule.fold(direction, magnitude));
      used.add(name).add(magnitudeName);
      counts[rule.kind]++;
      break;
    }
  }
  if (counts.weightNorm) notes.push(`weight normalisation of ${counts.weightNorm} layers folded into their weights`);
  if (counts.factorised)
    notes.push(`random weight factorisation of ${counts.factorised} layers folded into their weights`);
  const result = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    const whole = folded.get(name);
    if (whole) result.set(wholeName(name), whole);
    else if (!used.has(name)) result.set(name, tensor);
  }
  return result;
}

/** `dense/kernel:0` as `dense.kernel`. */
export function plainName(name: string): string {
  return name.replace(/:0$/, '').replaceAll('/', '.');
}

interface Rule {
  kind: 'weightNorm' | 'factorised';
  direction: string;
  magnitude: string;
  fold: (direction: Tensor, magnitude: Tensor) => Tensor;
}

const RULES: Rule[] = [
  { kind: 'weightNorm', direction: '.weight_v', magnitude: '.weight_g', fold: weightNorm },
  {
    kind: 'weightNorm',
    direction: '.parametrizations.weight.original1',
    magnitude: '.parametrizations.weight.original0',
    fold: weightNorm,
  },
  { kind: 'factorised', direction: '.kernel.1', magnitude: '.kernel.0', fold: factorised((g) => g) },
  { kind: 'factorised', direction: '.V', magnitude: '.s', fold: factorised(Math.exp) },
  { kind: 'factorised', direction: '.V', magnitude: '.g', fold: factorised((g) => g) },
  { kind: 'factorised', direction: '.v', magnitude: '.s', fold: factorised(Math.exp) },
  { kind: 'factorised', direction: '.v', magnitude: '.g', fold: factorised((g) => g) },
];

/** The name under which the whole weight goes on; the suffix tells its layout. */
function wholeName(name: string): string {
  if (name.endsWith('.kernel.1')) return name.slice(0, -2);
  return name.replace(/\.(weight_v|parametrizations\.weight\.original1|V|v)$/, '.weight');
}

/** W = g v / |v|, the norm per row, or of the whole matrix where g is one number. */
function weightNorm(v: Tensor, g: Tensor): Tensor {
  const [rows, cols] = v.shape;
  const data = new Float64Array(v.data.length);
  const whole = g.data.length === 1 && rows > 1;
  const norm = (from: number, to: number) => Math.sqrt(v.data.subarray(from, to).reduce((sum, x) => sum + x * x, 0));
  for (let r = 0; r < rows; r++) {
    const factor = whole ? g.data[0] / norm(0, v.data.length) : g.data[r] / norm(r * cols, (r + 1) * cols);
    for (let c = 0; c < cols; c++) data[r * cols + c] = v.data[r * cols + c] * factor;
  }
  return { shape: v.shape, data };
}

/** W = diag(f(s)) V, s per output neuron: along whichever axis of V has its length, the last one first. */
function factorised(f: (s: number) => number): Rule['fold'] {
  return (v, s) => {
    const [rows, cols] = v.shape;
    const alongColumns = s.data.length === cols;
    if (!alongColumns && s.data.length !== rows && s.data.length !== 1) {
      throw new Error(`factors of length ${s.data.length} for a weight of shape [${rows}, ${cols}]`);
    }
    const at = (i: number) => (s.data.length === 1 ? 0 : alongColumns ? i % cols : Math.floor(i / cols));
    return { shape: v.shape, data: v.data.map((x, i) => x * f(s.data[at(i)])) };
  };
}
