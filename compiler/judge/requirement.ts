import { PinnEdgeError } from '../diagnostics.js';
import type { OutputError } from './errors.js';

/** What the outputs of a model are held to, and how much of it an error takes. */

/** The largest |edge - reference| of an output: a share of the largest |reference| over the box, or in the output's unit. */
export type Tolerance = { readonly relative: number } | { readonly absolute: number };

/** One tolerance for all outputs, and others for those that are named. */
export interface Requirement {
  readonly all: Tolerance;
  readonly outputs?: Readonly<Record<string, Tolerance>>;
}

/** A number is a relative tolerance of all outputs; where only some outputs are named, the others have the model's. */
export type RequirementLike = number | Tolerance | Requirement | Pick<Requirement, 'outputs'>;

/** Where neither the user nor the model says one. */
export const DEFAULT_TOLERANCE = 1e-3;

/**
 * The relative L2 error is held to this share of a relative tolerance, by compression, by formats and by `verify`: a build is
 * not to be at its limit everywhere.
 */
export const RELATIVE_L2_SHARE = 1 / 3;

/** What a model says of its outputs: one relative tolerance for all, and others for those that have their own. */
interface Toleranced {
  tolerance?: number;
  outputs: readonly { name: string; tolerance?: number; toleranceAbsolute?: number }[];
}

/**
 * What is asked for, else what the model says, else the default. One tolerance that is asked for holds for all outputs.
 *
 * @throws PE4006 for an output that the model does not send
 */
export function requirementOf(model: Toleranced, given?: RequirementLike): Requirement {
  if (typeof given === 'number') return { all: { relative: given } };
  if (given && ('relative' in given || 'absolute' in given)) return { all: given };
  const named = given?.outputs ?? {};
  for (const name of Object.keys(named)) {
    if (model.outputs.some((output) => output.name === name)) continue;
    throw new PinnEdgeError('PE4006', { name, outputs: model.outputs.map((output) => output.name).join(', ') });
  }
  if (given && 'all' in given) return given;
  const own = model.outputs.flatMap(({ name, tolerance, toleranceAbsolute }): [string, Tolerance][] => {
    if (toleranceAbsolute !== undefined) return [[name, { absolute: toleranceAbsolute }]];
    return tolerance === undefined ? [] : [[name, { relative: tolerance }]];
  });
  const outputs = { ...Object.fromEntries(own), ...named };
  const all: Tolerance = { relative: model.tolerance ?? DEFAULT_TOLERANCE };
  return Object.keys(outputs).length ? { all, outputs } : { all };
}

/** The tolerance of one output. */
export function toleranceOf({ all, outputs }: Requirement, output: string): Tolerance {
  return outputs?.[output] ?? all;
}

/**
 * Allowed absolute error of every output, in its unit.
 * @param largest |reference| of every output over the box
 * @throws PE4003 for a relative tolerance of an output that is zero
 */
export function allowancesOf(
  requirement: Requirement,
  outputs: readonly { name: string }[],
  largest: readonly number[],
): number[] {
  return outputs.map(({ name }, k) => {
    const tolerance = toleranceOf(requirement, name);
    if ('absolute' in tolerance) return tolerance.absolute;
    if (largest[k] === 0) throw new PinnEdgeError('PE4003', { output: name });
    return tolerance.relative * largest[k];
  });
}

/**
 * How much of its allowance an output's errors take, 1 is all: the largest error or the relative L2 error, whichever is
 * nearer to its limit.
 */
export function shareOfAllowance(
  { maxAbsolute, relativeL2 }: Pick<OutputError, 'maxAbsolute' | 'relativeL2'>,
  allowance: number,
  largestReference: number,
): number {
  const largest = maxAbsolute / allowance;
  // Of an output that may be off by more than it ever is, a residual for instance, a relative error says nothing.
  if (allowance >= largestReference) return largest;
  return Math.max(largest, relativeL2 / (RELATIVE_L2_SHARE * (allowance / largestReference)));
}

/** True where an output's errors are within its tolerance. */
export function keepsTolerance(requirement: Requirement, error: OutputError): boolean {
  if (error.largestReference === 0 && 'relative' in toleranceOf(requirement, error.name))
    return error.maxAbsolute === 0;
  const [allowance] = allowancesOf(requirement, [error], [error.largestReference]);
  return shareOfAllowance(error, allowance, error.largestReference) <= 1;
}

/** Such as `0.001`, or `0.02 K` for an absolute one. */
export function describeTolerance(tolerance: Tolerance, unit?: string): string {
  return 'relative' in tolerance ? `${tolerance.relative}` : `${tolerance.absolute}${unit ? ` ${unit}` : ''}`;
}

/** Such as `0.001`, `0.02 absolute` or `0.001, u_x 0.005`. */
export function describeRequirement({ all, outputs = {} }: Requirement): string {
  const text = (tolerance: Tolerance) => `${describeTolerance(tolerance)}${'absolute' in tolerance ? ' absolute' : ''}`;
  return [text(all), ...Object.entries(outputs).map(([name, tolerance]) => `${name} ${text(tolerance)}`)].join(', ');
}

/** The option that asks for a tolerance of this kind, and the value it has. */
export function optionOf(tolerance: Tolerance): { option: '--tol' | '--tol-abs'; value: number } {
  return 'relative' in tolerance
    ? { option: '--tol', value: tolerance.relative }
    : { option: '--tol-abs', value: tolerance.absolute };
}

/** Two significant digits, rounded up, so that a tolerance that is offered is enough. */
export function roundUpTolerance(value: number): string {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return (Math.ceil(value / unit) * unit).toPrecision(2);
}
