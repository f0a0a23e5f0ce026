import type { Model } from '../../compiler/model/types.js';
import { modelFrom, perceptron } from '../helpers/models.js';

/** Small equations of one or two inputs with known solutions. */

// biome-ignore lint/suspicious/noExplicitAny: tests put together what a user might write
type Json = Record<string, any>;

/** A network 1-width-1 of t in [0, 2], for u' + u = 0, u(0) = 1. */
export function decayJson(width = 6, physics: Json = {}): Json {
  const json = perceptron([1, width, 1]) as Json;
  const text = JSON.stringify(json).replaceAll('x0', 't').replaceAll('"y0"', '"u"');
  return {
    ...JSON.parse(text),
    name: 'decay',
    inputs: [{ name: 't', min: 0, max: 2 }],
    physics: {
      parameters: { k: 1 },
      residuals: [{ name: 'decay', expression: 'u_t + k*u' }],
      conditions: [{ name: 'start', where: 't = 0', expression: 'u - 1', weight: 10 }],
      exact: { u: 'exp(-k*t)' },
      ...physics,
    },
  };
}

export const decay = (width?: number, physics?: Json): Model => modelFrom(decayJson(width, physics));

/** u_t = u_xx on [0, 1] x [0, 0.2], u = 0 at both ends by the graph itself, u = sin(pi x) at t = 0. */
export function heat(extra: Json = {}): Model {
  const json = perceptron([2, 8, 1]) as Json;
  const text = JSON.stringify(json).replaceAll('x0', 'x').replaceAll('x1', 't').replaceAll('"y0"', '"u"');
  const network = JSON.parse(text);
  return modelFrom({
    ...network,
    name: 'heat',
    inputs: [
      { name: 'x', min: 0, max: 1 },
      { name: 't', min: 0, max: 0.2 },
    ],
    nodes: [
      ...network.nodes,
      { name: 'right', op: 'scale', inputs: ['x'], scale: [-1], shift: [1] },
      { name: 'walls', op: 'mul', inputs: ['x', 'right'] },
      { name: 'hard', op: 'mul', inputs: ['walls', 'z2'] },
    ],
    outputs: [{ name: 'u', value: 'hard' }],
    physics: {
      residuals: [{ name: 'heat', expression: 'u_t - u_xx' }],
      conditions: [{ where: 't = 0', expression: 'u - sin(pi*x)', weight: 30 }],
      exact: { u: 'sin(pi*x)*exp(-pi^2*t)' },
      ...extra,
    },
  });
}
