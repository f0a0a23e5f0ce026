import type { FunctionName } from '../../model/functions.js';
import { functionOf, type MapFunction, type MapStep, precededBy } from '../map-function.js';
import type { IrNode, MapNode } from '../types.js';
import { chosen, constantNode, product, scaled, sum, type Term } from './arithmetic.js';

/**
 * Derivatives of functions of one variable. Where f' is simple in f or has a table of its own already, no second table is
 * needed: tanh' = 1 - tanh^2, exp' = exp, sin' = a quarter turn of the same table. Any other f' is tabulated from its
 * exact values: the derivative of f's polynomials would jump where their segments meet.
 */

/** How a derivative by the argument s of a function comes from s, from its value, or from the derivative of s. */
type Rule = (f: Applied) => Slope;

/** A factor, or for a kinked function a choice between two. */
type Slope = { factor: Term } | { condition: IrNode; above: Term; below: Term };

/** Core function g(c x + d), whose value is known. */
interface Applied {
  name: string;
  width: number;
  /** g as a map of x, the shift c x + d included, with other steps in place of g. */
  map(...steps: readonly MapStep[]): IrNode;
  argument(): IrNode;
  value(): IrNode;
}

const one = (width: number) => constantNode('one', new Float64Array(width).fill(1));
/** One node, so that all layers of a graph read one constant. */
const ONE = constantNode('one', [1]);
const fn = (name: FunctionName): MapStep => ({ op: 'function', name });
const square = (f: Applied) => product(f.name, f.value(), f.value());
const power = (exponent: number): MapStep => ({ op: 'power', exponent });

const RULES: Partial<Record<FunctionName, Rule>> = {
  // A sum with a constant takes less time than a scaling.
  tanh: (f) => {
    const factor: IrNode = { kind: 'add', name: f.name, width: f.width, a: ONE, b: square(f)!, subtract: true };
    return { factor };
  },
  sigmoid: (f) => ({ factor: sum(f.name, f.value(), square(f), true) }),
  exp: (f) => ({ factor: f.value() }),
  sin: (f) => ({ factor: f.map(fn('cos')) }),
  cos: (f) => ({ factor: scaled(f.name, f.map(fn('sin')), -1) }),
  softplus: (f) => ({ factor: f.map(fn('sigmoid')) }),
  reciprocal: (f) => ({ factor: scaled(f.name, square(f)!, -1) }),
  sqrt: (f) => ({ factor: scaled(f.name, f.map(power(-0.5)), 0.5) }),
  log: (f) => ({ factor: f.map(fn('reciprocal')) }),
  atan: (f) => ({ factor: f.map(power(2), { op: 'affine', scale: 1, shift: 1 }, fn('reciprocal')) }),
  erf: (f) => {
    const bell = f.map(power(2), { op: 'affine', scale: -1, shift: 0 }, fn('exp'));
    return { factor: scaled(f.name, bell, 2 / Math.sqrt(Math.PI)) };
  },
  sinh: (f) => ({ factor: f.map(fn('cosh')) }),
  cosh: (f) => ({ factor: f.map(fn('sinh')) }),
  relu: (f) => ({ condition: f.argument(), above: one(f.width), below: undefined }),
  abs: (f) => ({ condition: f.argument(), above: one(f.width), below: scaled(f.name, one(f.width), -1) }),
  // Below 0 an exponential function minus 1 is its own derivative minus 1.
  selu: (f) => belowZero(f, SELU_SCALE, SELU_SCALE * SELU_ALPHA),
};

/** Klambauer et al., arXiv 1706.02515. */
const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

function belowZero(f: Applied, above: number, shift: number): Slope {
  return {
    condition: f.argument(),
    above: scaled(f.name, one(f.width), above),
    below: scaled(f.name, f.value(), 1, shift),
  };
}

function ruleOf(step: MapStep): Rule | undefined {
  switch (step.op) {
    case 'function':
      return RULES[step.name];
    case 'power':
      return (f) => powerSlope(f, step.exponent);
    case 'elu':
      return (f) => belowZero(f, 1, step.alpha);
    case 'leakyRelu':
      return (f) => ({
        condition: f.argument(),
        above: one(f.width),
        below: scaled(f.name, one(f.width), step.slope),
      });
    case 'derivative':
      return (f) => ({ factor: f.map({ ...step, order: step.order + 1 }) });
    default:
      return undefined;
  }
}

function powerSlope(f: Applied, exponent: number): Slope {
  if (exponent === 0) return { factor: undefined };
  if (exponent === 1) return { factor: one(f.width) };
  const lower = exponent === 2 ? f.argument() : f.map(power(exponent - 1));
  return { factor: scaled(f.name, lower, exponent) };
}

/** The derivative of f(x) by x as a factor, or as a choice of factors. */
export function slopeOf(node: MapNode, name: string): Slope & { scale: number } {
  const { fn: f, x, width } = node;
  const before = f.steps[0].op === 'affine' ? f.steps[0] : { op: 'affine' as const, scale: 1, shift: 0 };
  const from = f.steps[0].op === 'affine' ? 1 : 0;
  const end = f.steps.at(-1)!;
  const after = end.op === 'affine' && f.steps.length > from ? end : { op: 'affine' as const, scale: 1, shift: 0 };
  const core = f.steps.slice(from, end === after ? -1 : undefined);
  const scale = before.scale * after.scale;
  if (!core.length) return { factor: one(width), scale };
  const mapped = (change: (g: MapFunction) => MapFunction): IrNode => ({ kind: 'map', name, width, x, fn: change(f) });
  const [step] = core;
  if (f.periodic && core.length === 1 && step.op === 'function' && step.name === 'sin') {
    const quarter = (g: MapFunction) => ({ ...g, steps: [before, step], phase: (g.phase + 0.25) % 1 });
    return { factor: mapped(quarter), scale };
  }
  const rule = f.periodic || core.length > 1 ? undefined : ruleOf(step);
  if (!rule) {
    const derivative: MapStep = { op: 'derivative', steps: from ? [before, ...core] : core, order: 1 };
    return { factor: mapped((g) => ({ ...g, steps: [derivative] })), scale: after.scale };
  }
  const applied: Applied = {
    name,
    width,
    map: (...steps) => mapped(() => (from ? precededBy(functionOf(...steps), before) : functionOf(...steps))),
    argument: () => scaled(name, x, before.scale, before.shift),
    value: () => scaled(name, node, 1 / after.scale, -after.shift / after.scale),
  };
  return { ...rule(applied), scale };
}

/** f'(x) times dx. */
export function timesSlope(name: string, slope: ReturnType<typeof slopeOf>, dx: IrNode): Term {
  if ('factor' in slope) {
    const times = product(name, slope.factor, dx);
    return times && scaled(name, times, slope.scale);
  }
  const { condition, above, below, scale } = slope;
  const choice = chosen(name, condition, product(name, above, dx), product(name, below, dx), dx.width);
  return choice && scaled(name, choice, scale);
}
