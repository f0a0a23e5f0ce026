import type { Tensor } from '../model/types.js';
import type { Layout } from './spec.js';

/** The architecture of a plain network from the names and shapes of its tensors. */

/** A weight matrix as the file has it, with the bias that belongs to it. */
export interface DenseCandidate {
  /** Prefix of its tensors, such as `linears.0`. */
  name: string;
  weightName: string;
  biasName?: string;
  weight: Tensor;
  bias?: Tensor;
  /** What the name says about the layout: `weight` is PyTorch's [out, in], `kernel` Keras's and JAX's [in, out]. */
  layout?: Layout;
}

/** Layers that lead from one width to the next. */
export interface Chain {
  name: string;
  layers: DenseCandidate[];
  layout: Layout;
}

/** Why no chain could be found. */
export class NotInferable extends Error {}

const WEIGHT = /^(?:(.*)\.)?(weight|kernel|W|w)$/;
/** `W0`, `weights_1`, `net_W2`: numbered matrices whose biases are numbered apart. */
const NUMBERED_WEIGHT = /^(.*?)(W|w|weights?|kernel)[_.]?(\d+)$/;
const NUMBERED_BIAS = /^(.*?)(B|b|bias(?:es)?)[_.]?(\d+)$/;

/** Weight matrices in the order of the file, and the names of the tensors that belong to none. */
export function denseCandidates(tensors: ReadonlyMap<string, Tensor>): {
  candidates: DenseCandidate[];
  rest: string[];
} {
  const candidates: DenseCandidate[] = [];
  const used = new Set<string>();
  for (const [weightName, weight] of tensors) {
    const match = WEIGHT.exec(weightName);
    if (!match || weight.shape.length !== 2) continue;
    const [, prefix, kind] = match;
    const dotted = prefix === undefined ? '' : `${prefix}.`;
    const biasName = ['bias', 'b', 'B'].map((b) => `${dotted}${b}`).find((name) => isBias(tensors.get(name), weight));
    candidates.push({
      name: prefix ?? kind,
      weightName,
      weight,
      layout: kind === 'weight' ? 'out,in' : kind === 'kernel' ? 'in,out' : undefined,
      ...(biasName ? { biasName, bias: tensors.get(biasName) } : {}),
    });
    used.add(weightName);
    if (biasName) used.add(biasName);
  }
  if (!candidates.length) candidates.push(...numberedCandidates(tensors, used));
  return { candidates, rest: [...tensors.keys()].filter((name) => !used.has(name)) };
}

function isBias(bias: Tensor | undefined, weight: Tensor): boolean {
  return bias !== undefined && weight.shape.includes(bias.data.length);
}

/** The k-th matrix goes with the k-th bias. */
function numberedCandidates(tensors: ReadonlyMap<string, Tensor>, used: Set<string>): DenseCandidate[] {
  const numbered = (pattern: RegExp, fits: (t: Tensor) => boolean) =>
    [...tensors]
      .flatMap(([name, tensor]) => {
        const match = pattern.exec(name);
        return match && fits(tensor) ? [{ name, tensor, prefix: match[1], index: Number(match[3]) }] : [];
      })
      .sort((p, q) => p.prefix.localeCompare(q.prefix) || p.index - q.index);
  const weights = numbered(NUMBERED_WEIGHT, (t) => t.shape.length === 2);
  const biases = numbered(NUMBERED_BIAS, (t) => t.shape.length === 1 || Math.min(...t.shape) === 1);
  const paired = biases.length === weights.length;
  return weights.map(({ name, tensor }, k) => {
    used.add(name);
    if (!paired) return { name, weightName: name, weight: tensor };
    used.add(biases[k].name);
    return { name, weightName: name, weight: tensor, biasName: biases[k].name, bias: biases[k].tensor };
  });
}

/** One network where all layers chain, in the order of the file or of their names; else one per group of names. */
export function inferChains(candidates: readonly DenseCandidate[], layout: Layout | undefined): Chain[] {
  if (!candidates.length) throw new NotInferable('it holds no weight matrices');
  const sorted = [...candidates].sort((p, q) => naturalOrder(p.name, q.name));
  for (const order of [candidates, sorted]) {
    const found = layoutOf(order, layout);
    if (found) return [{ name: 'N', layers: [...order], layout: found }];
  }
  const groups = groupsOf(sorted);
  if (groups.size > 1) {
    const chains = [...groups].map(([name, layers]) => ({ name, layers, layout: layoutOf(layers, layout) }));
    if (chains.every((chain): chain is Chain => chain.layout !== undefined) && areNetworks(chains)) return chains;
  }
  const shapes = candidates.map(({ name, weight }) => `${name} [${weight.shape.join(', ')}]`);
  const list = shapes.length > 8 ? `${shapes.slice(0, 8).join(', ')} and ${shapes.length - 8} more` : shapes.join(', ');
  throw new NotInferable(`the layers ${list} do not follow each other`);
}

/** Heads on a common trunk are groups of names too; networks have layers of their own and read the same inputs. */
function areNetworks(chains: readonly Chain[]): boolean {
  const widths = chains.map(({ layers, layout }) => colsOf(layers[0].weight, layout));
  const isPair = chains.length === 2 && /branch/i.test(chains[0].name) && /trunk/i.test(chains[1].name);
  return chains.every(({ layers }) => layers.length > 1) && (isPair || widths.every((width) => width === widths[0]));
}

/** `layers.1.0` belongs to the first of parallel networks; else the name up to its last number is the group. */
function groupsOf(candidates: readonly DenseCandidate[]): Map<string, DenseCandidate[]> {
  const parallel = candidates.every(({ name }) => /^(.*\.)?\d+\.\d+$/.test(name));
  const groups = new Map<string, DenseCandidate[]>();
  for (const candidate of candidates) {
    const key = parallel ? `net_${/\d+$/.exec(candidate.name)![0]}` : candidate.name.replace(/[._]?\d+$/, '') || 'N';
    groups.set(key, [...(groups.get(key) ?? []), candidate]);
  }
  return groups;
}

/** Names compared by their words and numbers, so that layer 10 comes after layer 9. */
export function naturalOrder(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** The layout in which the layers chain; what the names say is tried first. */
export function layoutOf(layers: readonly DenseCandidate[], given: Layout | undefined): Layout | undefined {
  const hint = given ?? layers.find((layer) => layer.layout)?.layout;
  const options: Layout[] = given ? [given] : hint === 'in,out' ? ['in,out', 'out,in'] : ['out,in', 'in,out'];
  const fits = options.filter((option) => chains(layers, option));
  return fits[0];
}

function chains(layers: readonly DenseCandidate[], layout: Layout): boolean {
  return layers.every((layer, i) => {
    const { bias, weight } = layer;
    if (bias && bias.data.length !== rowsOf(weight, layout)) return false;
    return i === 0 || colsOf(weight, layout) === rowsOf(layers[i - 1].weight, layout);
  });
}

/** Outputs of a layer with this weight. */
export function rowsOf(weight: Tensor, layout: Layout): number {
  return weight.shape[layout === 'out,in' ? 0 : 1];
}

/** Inputs of a layer with this weight. */
export function colsOf(weight: Tensor, layout: Layout): number {
  return weight.shape[layout === 'out,in' ? 1 : 0];
}

/** The matrix as [out, in]. */
export function outIn(weight: Tensor, layout: Layout): Tensor {
  if (layout === 'out,in') return { shape: [...weight.shape], data: weight.data };
  const [cols, rows] = weight.shape;
  const data = new Float64Array(rows * cols);
  for (let c = 0; c < cols; c++) for (let r = 0; r < rows; r++) data[r * cols + c] = weight.data[c * rows + r];
  return { shape: [rows, cols], data };
}
