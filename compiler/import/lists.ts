import type { Tensor } from '../model/types.js';
import { type DenseCandidate, fittingLayouts } from './dense-layout.js';

/**
 * Networks that a file keeps in lists, as NumPy and JAX programs do: pairs of a weight and a bias, a list of weights and
 * one of biases, or weights and biases in turn. Their tensors have numbers as names: `0.1` is the second part of the
 * first pair.
 */

interface Item {
  name: string;
  tensor: Tensor;
  index: number;
}

/** Layers in order, where every tensor of the file belongs to one; else none. */
export function listedCandidates(tensors: ReadonlyMap<string, Tensor>): DenseCandidate[] {
  const groups = new Map<string, Item[]>();
  for (const [name, tensor] of tensors) {
    const match = /^(.*?)(\d+)$/.exec(name);
    if (!match) return [];
    const group = groups.get(match[1]) ?? [];
    group.push({ name, tensor, index: Number(match[2]) });
    groups.set(match[1], group);
  }
  const lists = [...groups].map(([prefix, items]) => ({ prefix, items: items.sort((p, q) => p.index - q.index) }));
  for (const reading of [weightsAlone, inTurn, pairs, twoLists]) {
    const candidates = reading(lists);
    if (candidates.length && fittingLayouts(candidates, undefined).length) return candidates;
  }
  return [];
}

interface List {
  prefix: string;
  items: Item[];
}

/** `[W0, W1, ...]`. */
function weightsAlone(lists: readonly List[]): DenseCandidate[] {
  if (lists.length !== 1 || !lists[0].items.every(({ tensor }) => isMatrix(tensor))) return [];
  return lists[0].items.map((item) => candidate(item.name, item));
}

/** `[W0, b0, W1, b1, ...]`. */
function inTurn(lists: readonly List[]): DenseCandidate[] {
  if (lists.length !== 1) return [];
  const [{ items }] = lists;
  if (items.length % 2) return [];
  return all(
    Array.from({ length: items.length / 2 }, (_, k) => fitting(items[2 * k].name, items[2 * k], items[2 * k + 1])),
  );
}

/** `[[W0, b0], [W1, b1], ...]`; empty pairs, which stand for activations, leave gaps in the numbers. */
function pairs(lists: readonly List[]): DenseCandidate[] {
  return all(
    lists.map(({ prefix, items }) => {
      const name = prefix.replace(/[._]$/, '');
      if (items.length > 2 || name === prefix) return undefined;
      const [first, second] = items;
      if (second === undefined) return isMatrix(first.tensor) ? candidate(name, first) : undefined;
      return fitting(name, first, second) ?? fitting(name, second, first);
    }),
  );
}

/** `[[W0, W1, ...], [b0, b1, ...]]`, in either order. */
function twoLists(lists: readonly List[]): DenseCandidate[] {
  if (lists.length !== 2 || lists[0].items.length !== lists[1].items.length) return [];
  const match = (weights: List, biases: List) =>
    all(weights.items.map((weight, k) => fitting(weight.name, weight, biases.items[k])));
  const straight = match(lists[0], lists[1]);
  return straight.length ? straight : match(lists[1], lists[0]);
}

function fitting(name: string, weight: Item, bias: Item): DenseCandidate | undefined {
  const fits = isMatrix(weight.tensor) && isVector(bias.tensor);
  return fits && weight.tensor.shape.includes(bias.tensor.data.length) ? candidate(name, weight, bias) : undefined;
}

function candidate(name: string, weight: Item, bias?: Item): DenseCandidate {
  const facts = { name, weightName: weight.name, weight: weight.tensor };
  return bias ? { ...facts, biasName: bias.name, bias: bias.tensor } : facts;
}

function all(list: readonly (DenseCandidate | undefined)[]): DenseCandidate[] {
  return list.every((c): c is DenseCandidate => c !== undefined) ? [...list] : [];
}

function isMatrix({ shape }: Tensor): boolean {
  return shape.length === 2;
}

function isVector({ shape }: Tensor): boolean {
  return shape.length >= 1 && shape.filter((d) => d > 1).length <= 1;
}
