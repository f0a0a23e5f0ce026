/**
 * Numbers in [0, 1), the same for the same state: a 32-bit linear congruential generator (Numerical Recipes, 3rd ed., 7.1).
 * Good for directions and distances of searches; not for cryptography.
 */
export function congruential(state: number): () => number {
  let next = state >>> 0;
  return () => {
    next = (Math.imul(next, 1664525) + 1013904223) >>> 0;
    return next / 2 ** 32;
  };
}

/** The same from small seeds, which are spread first: neighbours give numbers that have nothing in common. */
export function uniform(seed: number): () => number {
  return congruential(spread(seed));
}

/** The state that a small seed becomes. */
export function spread(seed: number): number {
  return Math.imul(seed + 1, 2654435761) >>> 0;
}
