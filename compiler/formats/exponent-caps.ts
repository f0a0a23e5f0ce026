import type { Leaf, Segment, ValueFormat } from '../table/quantized-graph.js';

/**
 * Weights are integers for columns of given scales. A step that shares them needs the parts of its argument to differ in
 * scale as those of the other step do: parts that could be finer are made as coarse as that takes.
 */

export interface Misaligned {
  segments: readonly Segment[];
  /** Per column, how much less its exponent has to be than the largest. */
  below: readonly number[];
}

/** Largest exponents of values, beyond what their ranges allow. */
export class ExponentCaps {
  private readonly caps = new Map<Leaf, number>();

  of(leaf: Leaf): number {
    return this.caps.get(leaf) ?? Number.POSITIVE_INFINITY;
  }

  /** Takes down what is too fine; true where anything changed. */
  align(all: readonly Misaligned[], formats: ReadonlyMap<Leaf, ValueFormat>): boolean {
    let changed = false;
    for (const { segments, below } of all) {
      let column = 0;
      const parts = segments.map(({ leaf, width }) => {
        const wanted = below[column];
        column += width;
        return { leaf, wanted };
      });
      const common = Math.min(...parts.map(({ leaf, wanted }) => formats.get(leaf)!.exponent + wanted));
      for (const { leaf, wanted } of parts) {
        if (formats.get(leaf)!.exponent === common - wanted) continue;
        this.caps.set(leaf, common - wanted);
        changed = true;
      }
    }
    return changed;
  }
}
