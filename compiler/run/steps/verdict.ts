import type { StepsResult } from './verify-steps.js';

/** One sentence: what trajectories were held to, and what they kept. */
export function stepsVerdict({ pass, steps, trajectories, tolerance, distances }: StepsResult): string {
  const { largest, most, inside } = distances.at(-1)!;
  const figure = (value: number) => (value === 0 ? '0' : value.toExponential(1));
  const found = `${figure(most)} of the range for 99 % of ${trajectories} trajectories in ${steps.toLocaleString('en-US')} steps, ${figure(largest)} at most`;
  if (tolerance === undefined) return found;
  if (!inside)
    return `FAIL: no trajectory stays in the box for ${steps} steps, so tolerance ${tolerance} is not kept by any`;
  return `${pass ? 'PASS' : 'FAIL'}: tolerance ${tolerance}, ${found}`;
}
