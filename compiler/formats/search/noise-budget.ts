const MAX_ATTEMPTS = 8;
const FIRST_BUDGET = 1.2;
const SMALLEST_BUDGET = 1e-7;

/**
 * Searches the noise model's budget whose plan is cheapest and, measured, keeps the margin.
 *
 * @param attempt quantises, lowers and measures for a budget (share of the allowed error, in the noise model's terms)
 * @param margin largest share of the allowed error that an attempt may measure
 * @returns the cheapest that keeps the tolerance; else the most accurate one, with `share` above the margin
 */
export function searchNoiseBudget<T extends { share: number; cost: number }>(
  attempt: (budget: number) => T,
  margin: number,
): T {
  let budget = FIRST_BUDGET;
  let kept: T | undefined;
  let keptBudget = 0;
  let tooLarge = Number.POSITIVE_INFINITY;
  let closest: T | undefined;
  for (let n = 0; n < MAX_ATTEMPTS; n++) {
    const result = attempt(budget);
    if (!closest || result.share < closest.share) closest = result;
    if (result.share <= margin) {
      if (!kept || result.cost < kept.cost) kept = result;
      keptBudget = Math.max(keptBudget, budget);
    } else {
      tooLarge = Math.min(tooLarge, budget);
    }
    const next = nextBudget(budget, result.share / margin, keptBudget, tooLarge);
    if (next === undefined) break;
    budget = next;
  }
  return kept ?? closest!;
}

function nextBudget(budget: number, ratio: number, kept: number, tooLarge: number): number | undefined {
  if (kept > 0 && tooLarge / kept < 1.3) return undefined;
  if (kept > 0 && Number.isFinite(tooLarge)) return Math.sqrt(kept * tooLarge);
  // Errors grow roughly in proportion to the budget; widths change in steps, so large moves are held back.
  const proposed = ratio > 0 ? (budget * 0.9) / ratio : budget * 8;
  if (kept > 0) return proposed > budget * 1.2 ? Math.min(proposed, budget * 8) : undefined;
  const next = Math.max(Math.min(proposed, budget / 1.5), budget / 50);
  return next >= SMALLEST_BUDGET ? next : undefined;
}
