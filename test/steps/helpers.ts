import { buildForTarget } from '../../compiler/deliver/build.js';
import { builtInMemory, type LoadedBuild } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { modelFrom } from '../helpers/models.js';

type Json = Record<string, unknown>;

/** Length of the step, in seconds. */
export const STEP = 0.1;

/**
 * A pendulum driven by u, by one step of symplectic Euler: omega' = omega - h (sin theta - u), theta' = theta + h omega'. The
 * next theta is given in turns of a tenth of a radian with an offset, so that its scale and offset are used.
 */
export function pendulum(change: (json: Json) => void = () => {}): Json {
  const json: Json = {
    format: 'pinn-edge/1',
    name: 'pendulum',
    inputs: [
      { name: 'u', min: -0.5, max: 0.5 },
      { name: 'theta', min: -2, max: 2, unit: 'rad' },
      { name: 'omega', min: -2.5, max: 2.5, unit: 'rad/s' },
    ],
    outputs: [
      { name: 'omega_next', value: 'both', index: 1, unit: 'rad/s' },
      { name: 'theta_next', value: 'both', index: 0, unit: 'rad', scale: 0.1, offset: 0.3 },
    ],
    state: { theta: 'theta_next', omega: 'omega_next' },
    tensors: {},
    nodes: [
      { name: 'sine', op: 'sin', inputs: ['theta'] },
      { name: 'force', op: 'sub', inputs: ['sine', 'u'] },
      { name: 'change', op: 'scale', inputs: ['force'], scale: [STEP] },
      { name: 'faster', op: 'sub', inputs: ['omega', 'change'] },
      { name: 'way', op: 'scale', inputs: ['faster'], scale: [STEP] },
      { name: 'there', op: 'add', inputs: ['theta', 'way'] },
      { name: 'tenths', op: 'scale', inputs: ['there'], scale: [10], shift: [-3] },
      { name: 'both', op: 'concat', inputs: ['tenths', 'faster'] },
    ],
    physics: { conserved: { energy: 'omega^2/2 - cos(theta)' } },
  };
  change(json);
  return json;
}

/** What {@link pendulum} computes, in float64. */
export function pendulumStep(theta: number, omega: number, u: number): [theta: number, omega: number] {
  const faster = omega - STEP * (Math.sin(theta) - u);
  return [theta + STEP * faster, faster];
}

export async function stepBuild(
  engine: 'c' | 'wasm3' = 'c',
  json: Json = pendulum(),
): Promise<LoadedBuild & { files: Map<string, Uint8Array | string> }> {
  const model = modelFrom(json);
  const made = await buildForTarget(model, loadTarget('cortex-m4'), {
    engine,
    compress: 'none',
    goal: 'size',
    tolerance: 1e-5,
  });
  return { ...builtInMemory(made.compiled, made), files: made.files };
}
