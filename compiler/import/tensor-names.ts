import type { Tensor } from '../model/types.js';
import { denseCandidates, otherMatrices } from './candidates.js';
import type { DenseCandidate } from './dense-layout.js';
import { isHarmless } from './harmless.js';
import type { Factor, Layout } from './network-spec.js';
import { plainName } from './parametrizations.js';

/** Looks up tensors by name and keeps account of what was read; every failure is an `Error` with the reason. */
export class TensorNames {
  private readonly candidates: Map<string, DenseCandidate>;
  private readonly read = new Set<string>();

  /**
   * @param tensors by their plain names
   * @param layout of all matrices, where the file's maker writes them in one way
   */
  constructor(
    private readonly tensors: ReadonlyMap<string, Tensor>,
    readonly layout: Layout | undefined,
  ) {
    const { candidates } = denseCandidates(tensors);
    const all = [...otherMatrices(tensors, candidates), ...candidates];
    this.candidates = new Map(all.map((c) => [c.name, c]));
  }

  /** The tensor, which counts as read. */
  find(name: string): Tensor | undefined {
    const tensor = this.tensors.get(plainName(name));
    if (tensor) this.read.add(plainName(name));
    return tensor;
  }

  has(name: string): boolean {
    return this.tensors.has(plainName(name));
  }

  tensor(name: string): Tensor {
    const tensor = this.find(name);
    if (!tensor) throw new Error(`the file has no tensor "${name}"; it has ${list([...this.tensors.keys()])}`);
    return tensor;
  }

  /** The layer of that name; its tensors count as read once {@link markRead} is called. */
  candidate(name: string): DenseCandidate {
    const found = this.candidates.get(plainName(name));
    if (!found) throw new Error(`the file has no layer "${name}"; it has ${list([...this.candidates.keys()])}`);
    return found;
  }

  markRead({ weightName, biasName }: DenseCandidate): void {
    this.read.add(plainName(weightName));
    if (biasName !== undefined) this.read.add(plainName(biasName));
  }

  numbers(factor: Factor): number[] {
    return typeof factor === 'string' ? Array.from(this.tensor(factor).data) : [factor].flat();
  }

  /** What nothing has read: what a network never needs, and all else. */
  unread(): { harmless: string[]; others: string[] } {
    const unread = [...this.tensors].filter(([name]) => !this.read.has(name));
    const isIdle = ([name, tensor]: [string, Tensor]) => tensor.data.length === 0 || isHarmless(name, tensor);
    const names = (entries: [string, Tensor][]) => entries.map(([name]) => name);
    return { harmless: names(unread.filter(isIdle)), others: names(unread.filter((entry) => !isIdle(entry))) };
  }
}

const SHOWN = 12;

/** Names in a sentence, the first ones of many. */
export function list(names: readonly string[], shown = SHOWN): string {
  if (names.length <= shown) return names.join(', ') || 'none';
  return `${names.slice(0, shown).join(', ')} and ${names.length - shown} more`;
}
