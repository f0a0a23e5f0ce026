import type { Model } from '../../model/types.js';

/**
 * Continuation: parameters of the physics go from values with which training is easy to their own, step by step, each stage
 * beginning with the weights of the one before.
 */

export interface Stage {
  /** The model with the parameters of the stage. */
  model: Model;
  steps: number;
  /** Such as `nu = 0.1`; empty where nothing is continued. */
  title: string;
}

/** Values of the parameters, the first and the last included. */
const VALUES = 6;
/** Parts of the steps: the first stage starts from nowhere, and the last is the problem itself. */
const FIRST_PART = 0.2;
const MIDDLE_PART = 0.08;

export function stagesOf(model: Model, from: Readonly<Record<string, number>>, steps: number): Stage[] {
  const names = Object.keys(from);
  if (!names.length) return [{ model, steps, title: '' }];
  const last = VALUES - 1;
  return Array.from({ length: VALUES }, (_, k): Stage => {
    const own = model.physics?.parameters ?? {};
    const values = Object.fromEntries(
      names.map((name) => [name, k === last ? own[name] : between(from[name], own[name], k / last)]),
    );
    const part = k === 0 ? FIRST_PART : k < last ? MIDDLE_PART : 1 - FIRST_PART - (VALUES - 2) * MIDDLE_PART;
    const physics = { ...model.physics, parameters: { ...own, ...values } };
    const title = names.map((name) => `${name} = ${Number(values[name].toPrecision(3))}`).join(', ');
    return { model: { ...model, physics }, steps: Math.max(1, Math.round(part * steps)), title };
  });
}

/** In equal ratios where both have the same sign, else in equal differences. */
function between(a: number, b: number, t: number): number {
  return a * b > 0 ? a * (b / a) ** t : a + t * (b - a);
}
