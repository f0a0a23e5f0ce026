import type { Problem } from '../diagnostics.js';
import { type CompiledExpression, compileExpression } from './expression.js';
import type { Condition, Model } from './types.js';

/** Where conditions of the physics block hold: faces and curves of the input box. */

type Named = Pick<Model, 'inputs' | 'physics'>;

/** The parameter of a curve, from 0 to 1; a name of inputs or parameters comes first. */
const CURVE = 's';
/** How far beyond the box the rounding of an expression may put a point, as a share of the range. */
const ROUNDING = 1e-9;
/** Places at which a curve is held against the box. */
const PLACES = 1024;

export interface Place {
  /** Indices of the inputs that are free: they run over their ranges. */
  readonly free: readonly number[];
  readonly isCurve: boolean;
  readonly pinned: readonly { readonly index: number; readonly value: CompiledExpression }[];
}

/** Numbers in [0, 1] that a point of the place takes: one per free input, and the curve's parameter. */
export function dimensionOf({ free, isCurve }: Place): number {
  return free.length + (isCurve ? 1 : 0);
}

/** What a condition is called. */
export function conditionName({ name, where, expression }: Condition): string {
  return name ?? `${expression} at ${where}`;
}

/**
 * Reads a place such as `t = 0`, or `x = 0.5 + 0.2*cos(2*pi*s), y = 0.2*sin(2*pi*s)`.
 * @throws Error with the reason
 */
export function readPlace({ inputs, physics }: Named, where: string): Place {
  const names = inputs.map(({ name }) => name);
  const parts = partsOf(where).map((part): [name: string, value: string] => {
    const [, name, value] = /^\s*(\w+)\s*=\s*([^=]+)$/.exec(part) ?? [];
    if (name === undefined) throw new Error(`"${part.trim()}" is no place: each part is <input> = <expression>`);
    if (!names.includes(name)) throw new Error(`"${name}" is no input; inputs are ${names.join(', ')}`);
    return [name, value];
  });
  const pinned = parts.map(([name]) => name);
  const twice = pinned.find((name, k) => pinned.indexOf(name) < k);
  if (twice !== undefined) throw new Error(`"${twice}" is given twice`);
  const free = names.flatMap((name, k) => (pinned.includes(name) ? [] : [k]));
  const parameters = physics?.parameters ?? {};
  let isCurve = false;
  const isKnown = (name: string) => {
    if (pinned.includes(name)) throw new Error(`"${name}" is given by the place itself`);
    if (Object.hasOwn(parameters, name) || free.some((k) => names[k] === name)) return true;
    isCurve ||= name === CURVE && !names.includes(CURVE);
    return name === CURVE && isCurve;
  };
  const values = parts.map(([name, value]) => ({
    index: names.indexOf(name),
    value: compileExpression(value, isKnown),
  }));
  return { free, isCurve, pinned: values };
}

/** Splits at commas that no bracket encloses. */
function partsOf(where: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const c of where) {
    if (c === '(') depth++;
    if (c === ')') depth--;
    if (c === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += c;
  }
  return parts;
}

/**
 * Points of a place, row-major [count x inputs], engineering units.
 * @param unit row-major [count x {@link dimensionOf}], in [0, 1]
 */
export function pointsOfPlace(
  { inputs, physics }: Named,
  place: Place,
  unit: Float64Array,
  count: number,
): Float64Array {
  const { free, pinned, isCurve } = place;
  const d = dimensionOf(place);
  const points = new Float64Array(count * inputs.length);
  const scope = new Map<string, number>(Object.entries(physics?.parameters ?? {}));
  for (let p = 0; p < count; p++) {
    const at = p * inputs.length;
    free.forEach((k, i) => {
      const { name, min, max } = inputs[k];
      const u = unit[p * d + i];
      points[at + k] = u === 1 ? max : min + u * (max - min);
      scope.set(name, points[at + k]);
    });
    if (isCurve) scope.set(CURVE, unit[p * d + d - 1]);
    for (const { index, value } of pinned) points[at + index] = withinRounding(inputs[index], value.evaluate(scope));
  }
  return points;
}

/** A value that rounding has put just outside of the range as the end of the range. */
function withinRounding({ min, max }: Model['inputs'][number], value: number): number {
  const nearest = Math.min(max, Math.max(min, value));
  return Math.abs(nearest - value) <= ROUNDING * (max - min) ? nearest : value;
}

/** Adds to `problems` what is wrong with the place of a condition: what it says, and where it leaves the input box. */
export function checkPlace(model: Named, where: string, path: string, problems: Problem[]): void {
  const { inputs } = model;
  const fault = (reason: string, expected: string) =>
    problems.push({ path, found: `"${where}" (${reason})`, expected });
  let place: Place;
  try {
    place = readPlace(model, where);
  } catch (error) {
    fault((error as Error).message, 'inputs as expressions of the others, of parameters and of s, such as "t = 0"');
    return;
  }
  if (inputs.some(({ min, max }) => !(min < max))) return;
  const unit = spread(dimensionOf(place));
  const points = pointsOfPlace(model, place, unit, PLACES);
  for (let i = 0; i < points.length; i++) {
    const { name, min, max } = inputs[i % inputs.length];
    if (points[i] >= min && points[i] <= max) continue;
    fault(
      `${name} = ${Number(points[i].toPrecision(6))} is outside of its range ${min} to ${max}`,
      'a place in the box',
    );
    return;
  }
}

/** Numbers in [0, 1], row-major [PLACES x d]: corners first, then multiples of irrational numbers, which fill the cube evenly. */
function spread(d: number): Float64Array {
  const corners = Math.min(2 ** d, PLACES / 4);
  return Float64Array.from({ length: PLACES * d }, (_, i) => {
    const [p, k] = [Math.floor(i / d), i % d];
    if (p < corners) return Math.floor(p / 2 ** k) % 2;
    const multiple = p * Math.sqrt(PRIMES[k % PRIMES.length] + Math.floor(k / PRIMES.length));
    return multiple - Math.floor(multiple);
  });
}

const PRIMES = [2, 3, 5, 7, 11, 13, 17, 19];
