/** Prices of features, of what records make an engine do, from instructions that were counted. */

export interface Sample<F extends string> {
  /** How often one answer takes what each feature prices. */
  counts: Partial<Record<F, number>>;
  instructions: number;
}

const ROUNDS = 20_000;

/** Prices that fit the samples best in relative terms, none below zero: coordinate descent on the squared errors. */
export function fitPrices<F extends string, Fitted extends F>(
  features: readonly Fitted[],
  samples: readonly Sample<F>[],
  known: Partial<Record<F, number>> = {},
): Record<Fitted, number> {
  const rows = samples.map(({ counts, instructions }) => features.map((f) => (counts[f] ?? 0) / instructions));
  const prices = features.map(() => 0);
  const rest = samples.map(({ counts, instructions }) => {
    const taken = (Object.keys(known) as F[]).reduce((sum, f) => sum + (counts[f] ?? 0) * (known[f] ?? 0), 0);
    return 1 - taken / instructions;
  });
  for (let round = 0; round < ROUNDS; round++) {
    features.forEach((_, k) => {
      const norm = rows.reduce((sum, row) => sum + row[k] ** 2, 0);
      if (norm === 0) return;
      const step = rows.reduce((sum, row, i) => sum + row[k] * rest[i], 0) / norm;
      const moved = Math.max(0, prices[k] + step) - prices[k];
      prices[k] += moved;
      rows.forEach((row, i) => {
        rest[i] -= moved * row[k];
      });
    });
  }
  return Object.fromEntries(features.map((f, k) => [f, Number(prices[k].toFixed(1))])) as Record<Fitted, number>;
}
