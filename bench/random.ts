import { congruential } from '../compiler/judge/points/random.js';

/** Numbers in [-1, 1), always the same. */
export function randoms(seed: number): () => number {
  const random = congruential(seed);
  return () => 2 * random() - 1;
}
