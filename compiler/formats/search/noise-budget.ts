const MAX_ATTEMPTS = 8;
/** The model adds up errors as if they were independent, and tends to overstate them a little. */
const FIRST_BUDGET = 1.2;
/** Below this all values and weights have 32 bits. */
const SMALLEST_BUDGET = 1e-7;
/** Budgets as near as this give the same plan more often than not: one bit is a factor of two. */
const NEAR = 1.3;
/** Aims a little below the margin, since a plan that just misses it is of no use. */
const AIM = 0.9;
/** Larger budgets than before are worth an attempt from here on, and taken up to three bits at a time. */
const WORTHWHILE = 1.2;
const LARGEST_RISE = 8;
/** Smaller ones are at least half a bit and at most six bits smaller: errors do not fall in proportion everywhere. */
const LEAST_FALL = 1.5;
const LARGEST_FALL = 50;

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
  if (kept > 0 && tooLarge / kept < NEAR) return undefined;
  if (kept > 0 && Number.isFinite(tooLarge)) return Math.sqrt(kept * tooLarge);
  // Errors grow roughly in proportion to the budget; widths change in steps, so large moves are held back.
  const proposed = ratio > 0 ? (budget * AIM) / ratio : budget * LARGEST_RISE;
  if (kept > 0) return proposed > budget * WORTHWHILE ? Math.min(proposed, budget * LARGEST_RISE) : undefined;
  const next = Math.max(Math.min(proposed, budget / LEAST_FALL), budget / LARGEST_FALL);
  return next >= SMALLEST_BUDGET ? next : undefined;
}
