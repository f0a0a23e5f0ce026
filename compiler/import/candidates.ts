import type { Tensor } from '../model/types.js';
import type { DenseCandidate } from './dense-layout.js';
import { listedCandidates } from './lists.js';

/** Dense layers among the tensors of a file, by how frameworks and people name them. */

const WEIGHT = /^(?:(.*)\.)?(weights?|kernel|W|w|w_0)$/;
const BIASES = ['bias', 'biases', 'b', 'B', 'b_0'];
/** `W0`, `weights_1`, `net_W2`: numbered matrices whose biases are numbered apart. */
const NUMBERED_WEIGHT = /^(.*?)(W|w|weights?|kernel|coefs_)[_.]?(\d+)$/;
const NUMBERED_BIAS = /^(.*?)(B|b|bias(?:es)?|intercepts_)[_.]?(\d+)$/;

/** Weight matrices in the order of the file, and the names of the tensors that belong to none. */
export function denseCandidates(tensors: ReadonlyMap<string, Tensor>): {
  candidates: DenseCandidate[];
  rest: string[];
} {
  let candidates = namedCandidates(tensors);
  if (!candidates.length) candidates = numberedCandidates(tensors);
  if (!candidates.length) candidates = listedCandidates(tensors);
  const used = new Set(candidates.flatMap(({ weightName, biasName }) => [weightName, biasName]));
  return { candidates, rest: [...tensors.keys()].filter((name) => !used.has(name)) };
}

function namedCandidates(tensors: ReadonlyMap<string, Tensor>): DenseCandidate[] {
  const candidates: DenseCandidate[] = [];
  for (const [weightName, weight] of tensors) {
    const match = WEIGHT.exec(weightName);
    if (!match || weight.shape.length !== 2) continue;
    const [, prefix, kind] = match;
    const dotted = prefix === undefined ? '' : `${prefix}.`;
    const biasName = BIASES.map((b) => `${dotted}${b}`).find((name) => isBias(tensors.get(name), weight));
    candidates.push({
      name: prefix ?? kind,
      weightName,
      weight,
      layout: kind === 'weight' ? 'out,in' : kind === 'kernel' || kind === 'w_0' ? 'in,out' : undefined,
      ...(biasName ? { biasName, bias: tensors.get(biasName) } : {}),
    });
  }
  return candidates;
}

function isBias(bias: Tensor | undefined, weight: Tensor): boolean {
  return bias !== undefined && weight.shape.includes(bias.data.length);
}

/** The k-th matrix goes with the k-th bias. */
function numberedCandidates(tensors: ReadonlyMap<string, Tensor>): DenseCandidate[] {
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
    if (!paired) return { name, weightName: name, weight: tensor };
    return { name, weightName: name, weight: tensor, biasName: biases[k].name, bias: biases[k].tensor };
  });
}

/** Matrices that no layer's name tells, as layers without a bias: what a spec may still name. */
export function otherMatrices(
  tensors: ReadonlyMap<string, Tensor>,
  known: readonly DenseCandidate[],
): DenseCandidate[] {
  const taken = new Set(known.map(({ weightName }) => weightName));
  return [...tensors]
    .filter(([name, { shape }]) => shape.length === 2 && !taken.has(name))
    .map(([name, weight]) => ({ name, weightName: name, weight }));
}
