import type { LoadedBuild } from '../../deliver/package/store.js';
import { statePlaces } from '../../model/state.js';
import type { SimulationEngine } from '../simulate.js';
import { defaultEngine } from '../simulate.js';
import { drivePlaces, type Rollout, referenceRollout, requireSteps, wordRollout } from './rollout.js';

/** One trajectory of a step model, step by step. */

export interface Trajectory {
  /** Name of the engine. */
  engine: string;
  /** The states before the first step, after it, and so on: row-major [(steps + 1) x states], engineering units. */
  states: Float64Array;
  /** All outputs of every step, row-major [steps x outputs], engineering units. */
  outputs: Float64Array;
  /** One of STEP (rollout.ts) per step. */
  statuses: Uint8Array;
  /** The input words of every step, row-major [steps x inputs]; none of the reference. */
  words: Int32Array;
}

/**
 * @param initial the states in the order of the inputs, engineering units
 * @param drives the other inputs, row-major [steps x drives], engineering units
 * @param options `engine`: default wasm3, or the C kernels for a build of the engine `c`
 * @throws PE5111 for a build of a model that has no state
 */
export async function simulateSteps(
  build: LoadedBuild,
  initial: Float64Array,
  drives: Float64Array,
  steps: number,
  options: { engine?: SimulationEngine } = {},
): Promise<Trajectory> {
  requireSteps(build);
  const { model } = build;
  const engine = options.engine ?? defaultEngine(build);
  const isReference = engine === 'reference';
  const words = new Int32Array(isReference ? 0 : steps * model.inputs.length);
  let made = 0;
  const record = (row: Int32Array) => words.set(row, made++ * row.length);
  const rollout: Rollout = isReference
    ? referenceRollout(model, initial)
    : await wordRollout(build, engine, initial, record);
  const width = statePlaces(model).length;
  const driveCount = drivePlaces(model).length;
  const states = new Float64Array((steps + 1) * width);
  const outputs = new Float64Array(steps * model.outputs.length);
  const statuses = new Uint8Array(steps);
  try {
    states.set(rollout.states());
    for (let k = 0; k < steps; k++) {
      const answer = rollout.step(drives.subarray(k * driveCount, (k + 1) * driveCount));
      outputs.set(answer.outputs, k * model.outputs.length);
      statuses[k] = answer.statuses[0];
      states.set(rollout.states(), (k + 1) * width);
    }
    return { engine: rollout.name, states, outputs, statuses, words };
  } finally {
    rollout.dispose();
  }
}
