import type { PointFunction } from '../judge/measure.js';
import { conditionPoints, measuredOutputs } from '../judge/points/condition-points.js';
import { coveringPoints } from '../judge/points/cover.js';
import { evaluateReference } from '../judge/reference/evaluate.js';
import { inputBox } from '../model/box.js';
import { conditionName } from '../model/conditions.js';
import { forEachMeaning, type Meaning, meaningOf } from '../model/derivatives.js';
import { applyFunction, applyOperator, type ExpressionAlgebra, interpretExpression } from '../model/expression.js';
import { exactSolutions } from '../model/physics.js';
import type { DerivedOutput, Model } from '../model/types.js';

/**
 * How well networks satisfy their equations: the residuals and conditions of the physics block, and the distance from the
 * exact solution and from data, of the float network, of the compressed one and of the module, at the same points.
 */

/** Size of a function over the box. */
export interface Size {
  largest: number;
  /** The root of the mean square. */
  l2: number;
}

/** One residual, or the distance of one output from the exact solution; in its unit. */
export interface PhysicsRow {
  name: string;
  network: Size;
  /** Absent where the network was built as it is. */
  compressed?: Size;
  /** Absent where the module does not send what it takes. */
  module?: Size;
  /** What the module would have to send. */
  missing?: string[];
}

export interface ResidualRow extends PhysicsRow {
  expression: string;
  /** The largest |term| of its sum, by the float network: what the residual is small or large beside. */
  largestTerm: number;
  /** The largest |module - float network|. */
  moduleError?: number;
}

export interface PhysicsResult {
  residuals: ResidualRow[];
  /** Each at points of its own face or curve. */
  conditions: ResidualRow[];
  exact: PhysicsRow[];
  /** Distances from what was measured, per file and output. */
  data: PhysicsRow[];
}

/** Points of a face or curve, where there are as many over the box. */
const CONDITION_POINTS = 4096;

/** Who answers: the outputs that it gives, by what they mean, at all points. */
type Answers = (meaning: Meaning & { kind: 'output' }) => Float64Array | undefined;

/**
 * @param model the float model with its physics block, and the outputs that the module sends
 * @param compressed the network that the module was made from, where it is another
 * @param module what the module sends, row-major [points x outputs], engineering units
 * @param points row-major [count x inputs]
 */
export function measurePhysics(
  model: Model,
  compressed: Model | undefined,
  module: PointFunction,
  points: Float64Array,
): PhysicsResult {
  const { residuals = [], conditions = [], data = [], exact = {} } = model.physics ?? {};
  const count = points.length / model.inputs.length;
  const at = (where: Float64Array, asked: readonly Asked[], names: readonly string[] = []) =>
    new Comparison(model, compressed, module, where, asked, names);
  const box = at(points, residuals, Object.keys(exact));
  const solutions = exactSolutions(model);
  return {
    residuals: residuals.map((residual) => box.residual(residual.name, residual)),
    conditions: conditions.map((condition) => {
      const there = conditionPoints(model, condition, Math.min(count, CONDITION_POINTS));
      return at(there, [condition]).residual(conditionName(condition), condition);
    }),
    exact: [...solutions].map(([name, solution]) => {
      const d = model.inputs.length;
      const values = Float64Array.from({ length: count }, (_, p) => solution(points.subarray(p * d, (p + 1) * d)));
      return box.distance(name, name, values);
    }),
    data: data.flatMap((file) =>
      measuredOutputs(model, file).map(({ name, output, points: there, values }) =>
        at(there, [], [output]).distance(name, output, values),
      ),
    ),
  };
}

interface Asked {
  expression: string;
}

/** A residual is about zero: what is sent of it is held to this share of the largest term of its sum. */
const RESIDUAL_SHARE = 1e-2;
const TERM_POINTS = 4096;

/** Of every residual that a model sends, by the name of its output: its absolute tolerance, unless the file says one. */
export function residualTolerances(model: Model): Record<string, number> {
  const box = inputBox(model.inputs);
  const tolerances = (model.physics?.residuals ?? []).flatMap(({ expression }) => {
    const output = model.outputs.find((one) => one.expression === expression);
    if (!output || (output.tolerance ?? output.toleranceAbsolute) !== undefined) return [];
    const points = coveringPoints(box, TERM_POINTS);
    const answers = networkAnswers(model, [{ expression }], [], points);
    const { largestTerm } = evaluateTerms(model, expression, answers, points)!;
    const isKnown = largestTerm > 0 && Number.isFinite(largestTerm);
    return isKnown ? [[output.name, Number((RESIDUAL_SHARE * largestTerm).toPrecision(2))] as const] : [];
  });
  return Object.fromEntries(tolerances);
}

/** All networks at the same points. */
class Comparison {
  private readonly sent: Float64Array;
  private readonly network: Answers;
  private readonly smaller?: Answers;
  private readonly ours: Answers;

  constructor(
    private readonly model: Model,
    compressed: Model | undefined,
    module: PointFunction,
    private readonly points: Float64Array,
    asked: readonly Asked[],
    outputs: readonly string[],
  ) {
    this.sent = module(points);
    this.network = networkAnswers(model, asked, outputs, points);
    this.smaller = compressed && networkAnswers({ ...model, ...networkOf(compressed) }, asked, outputs, points);
    this.ours = moduleAnswers(model, this.sent);
  }

  residual(name: string, { expression }: Asked): ResidualRow {
    const { model, points, ours } = this;
    const float = evaluateTerms(model, expression, this.network, points)!;
    const small = this.smaller && evaluateTerms(model, expression, this.smaller, points);
    const itself = model.outputs.findIndex((output) => output.expression === expression);
    const edge =
      itself >= 0
        ? columnOf(this.sent, itself, model.outputs.length)
        : evaluateTerms(model, expression, ours, points)?.values;
    return {
      name,
      expression,
      network: sizeOf(float.values),
      compressed: small && sizeOf(small.values),
      module: edge && sizeOf(edge),
      missing: edge ? undefined : missingIn(model, expression, ours),
      largestTerm: float.largestTerm,
      moduleError: edge && sizeOf(differences(edge, float.values)).largest,
    };
  }

  distance(name: string, output: string, wanted: Float64Array): PhysicsRow {
    const meaning = meaningOf(this.model, output) as Meaning & { kind: 'output' };
    const from = (answers: Answers | undefined) => {
      const values = answers?.(meaning);
      return values && sizeOf(differences(values, wanted));
    };
    const edge = from(this.ours);
    const missing = edge ? undefined : [output];
    return { name, network: from(this.network)!, compressed: from(this.smaller), module: edge, missing };
  }
}

/** What of a compressed model makes it another network of the same inputs and outputs. */
function networkOf({ nodes, tensors, widths, outputs, hidden }: Model): Partial<Model> {
  return { nodes, tensors, widths, outputs, hidden };
}

/** The named outputs and everything that expressions are made of, from one evaluation in jets. */
function networkAnswers(
  model: Model,
  asked: readonly Asked[],
  names: readonly string[],
  points: Float64Array,
): Answers {
  const wanted = new Map<string, Meaning & { kind: 'output' }>();
  const want = (meaning: Meaning) => {
    if (meaning.kind === 'output') wanted.set(nameOf(model, meaning), meaning);
  };
  for (const { expression } of asked) forEachMeaning(model, expression, want);
  for (const output of names) want(meaningOf(model, output));
  const hidden = [...model.outputs, ...(model.hidden ?? [])];
  // Names that no output of a file can have, so that none is taken for another.
  const outputs = [...wanted.keys()].map((expression, k): DerivedOutput => ({ name: `:${k}`, expression }));
  const values = evaluateReference({ ...model, outputs, hidden }, points);
  const known = new Map([...wanted.keys()].map((name, k) => [name, columnOf(values, k, outputs.length)]));
  return (meaning) => known.get(nameOf(model, meaning));
}

/** Of the outputs that are sent: themselves, and the derivatives that they are by their expressions. */
function moduleAnswers(model: Model, sent: Float64Array): Answers {
  const known = new Map<string, Float64Array>();
  model.outputs.forEach((output, k) => {
    const values = columnOf(sent, k, model.outputs.length);
    known.set(output.name, values);
    if (output.expression === undefined || !/^\w+$/.test(output.expression)) return;
    const meaning = meaningOf(model, output.expression);
    if (meaning.kind === 'output') known.set(nameOf(model, meaning), values);
  });
  return (meaning) => known.get(nameOf(model, meaning));
}

/** One name for every meaning: derivatives by the same inputs in any order have the same. */
function nameOf({ inputs }: Model, { output, by }: Meaning & { kind: 'output' }): string {
  return by.length ? `${output.name}_${by.map((input) => inputs[input].name).join('')}` : output.name;
}

/** Values of a part of an expression, and at every point the largest |term| of the sum that it is. */
interface Terms {
  values: Float64Array;
  largest: Float64Array;
}

function evaluateTerms(
  model: Model,
  expression: string,
  answers: Answers,
  points: Float64Array,
): { values: Float64Array; largestTerm: number } | undefined {
  const d = model.inputs.length;
  const count = points.length / d;
  const term = (value: (p: number) => number): Terms => {
    const values = Float64Array.from({ length: count }, (_, p) => value(p));
    return { values, largest: values.map(Math.abs) };
  };
  let isWhole = true;
  const algebra: ExpressionAlgebra<Terms> = {
    literal: (value) => term(() => value),
    name: (name) => {
      const meaning = meaningOf(model, name);
      if (meaning.kind === 'parameter') return term(() => meaning.value);
      if (meaning.kind === 'input') return term((p) => points[p * d + meaning.index]);
      const values = answers(meaning);
      if (!values) isWhole = false;
      return term((p) => values?.[p] ?? Number.NaN);
    },
    negate: ({ values, largest }) => ({ values: values.map((v) => -v), largest }),
    binary: (operator, a, b) => {
      const result = term((p) => applyOperator(operator, a.values[p], b.values[p]));
      if (operator !== '+' && operator !== '-') return result;
      return { values: result.values, largest: a.largest.map((size, p) => Math.max(size, b.largest[p])) };
    },
    call: (name, args) =>
      term((p) =>
        applyFunction(
          name,
          args.map(({ values }) => values[p]),
        ),
      ),
  };
  const { values, largest } = interpretExpression(expression, algebra);
  return isWhole ? { values, largestTerm: sizeOf(largest).largest } : undefined;
}

function missingIn(model: Model, expression: string, answers: Answers): string[] {
  const missing = new Set<string>();
  forEachMeaning(model, expression, (meaning) => {
    if (meaning.kind === 'output' && !answers(meaning)) missing.add(nameOf(model, meaning));
  });
  return [...missing];
}

function columnOf(values: Float64Array, k: number, width: number): Float64Array {
  return Float64Array.from({ length: values.length / width }, (_, p) => values[p * width + k]);
}

function differences(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((v, p) => v - b[p]);
}

/** What is not a number counts as infinite. */
function sizeOf(values: Float64Array): Size {
  let [largest, squares] = [0, 0];
  for (const value of values) {
    const size = Number.isNaN(value) ? Number.POSITIVE_INFINITY : Math.abs(value);
    largest = Math.max(largest, size);
    squares += size * size;
  }
  return { largest, l2: Math.sqrt(squares / (values.length || 1)) };
}

/** True where there is something to measure. */
export function hasPhysics({ physics }: Model): boolean {
  const { residuals, conditions, data, exact = {} } = physics ?? {};
  return Boolean(residuals?.length || conditions?.length || data?.length) || Object.keys(exact).length > 0;
}
