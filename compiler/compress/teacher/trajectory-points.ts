import { interiorPoints } from '../../judge/points/cover.js';
import { evaluateReference } from '../../judge/reference/evaluate.js';
import { inputBox } from '../../model/box.js';
import { statePlaces } from '../../model/state.js';
import type { Model } from '../../model/types.js';

/** Where a step model is when it runs: networks that are to keep a trajectory learn there beside the rest of the box. */

const TRAJECTORIES = 64;
const POINTS_EACH = 32;
/** Steps for which the inputs that drive the model stay as they are. */
const HELD_STEPS = 10;

/**
 * Points on trajectories of the float64 network from states all over the box, evenly in time up to `steps`; a state that leaves
 * its range is held at the end of it, as on the device. Row-major [points x inputs]; none of a model without state.
 */
export function trajectoryPoints(model: Model, steps: number): Float64Array {
  const places = statePlaces(model);
  if (!places.length) return new Float64Array(0);
  const box = inputBox(model.inputs);
  const [inputs, outputs] = [model.inputs.length, model.outputs.length];
  const isState = model.inputs.map((_, i) => places.some(({ input }) => input === i));
  const changes = Math.ceil(steps / HELD_STEPS);
  const drives = interiorPoints(box, TRAJECTORIES * (changes + 1));
  const now = drives.slice(0, TRAJECTORIES * inputs);
  const kept: number[] = [];
  const stride = Math.max(1, Math.floor(steps / POINTS_EACH));
  for (let step = 0; step < steps; step++) {
    if (step % stride === 0) kept.push(...now);
    const next = evaluateReference(model, now);
    const rows = TRAJECTORIES * Math.floor((step + 1) / HELD_STEPS);
    for (let p = 0; p < TRAJECTORIES; p++) {
      for (let i = 0; i < inputs; i++) if (!isState[i]) now[p * inputs + i] = drives[(rows + p) * inputs + i];
      for (const { input, output } of places) {
        const value = next[p * outputs + output];
        now[p * inputs + input] = Math.min(box.max[input], Math.max(box.min[input], value));
      }
    }
  }
  return Float64Array.from(kept);
}
