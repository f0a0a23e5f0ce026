/**
 * Numbers in [0, 1), the same for the same seed: a 32-bit linear congruential generator (Numerical Recipes, 3rd ed., 7.1).
 * Good for directions and distances of searches; not for cryptography.
 */
export function uniform(seed: number): () => number {
  let state = Math.imul(seed + 1, 2654435761) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
