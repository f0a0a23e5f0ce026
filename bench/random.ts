/** Numbers in [-1, 1), always the same (Numerical Recipes' 32-bit linear congruential generator). */
export function randoms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}
