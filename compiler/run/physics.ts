import type { PointFunction } from '../judge/measure.js';
import { evaluateReference } from '../judge/reference/evaluate.js';
import { forEachMeaning, type Meaning, meaningOf } from '../model/derivatives.js';
import { applyFunction, applyOperator, type ExpressionAlgebra, interpretExpression } from '../model/expression.js';
import { exactSolutions } from '../model/physics.js';
import type { DerivedOutput, Model } from '../model/types.js';

/**
 * How well networks satisfy their equations: the residuals of the physics block, and the distance from the exact
 * solution, of the float network, of the compressed one and of the module, at the same points.
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
  exact: PhysicsRow[];
}

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
  const residuals = model.physics?.residuals ?? [];
  const count = points.length / model.inputs.length;
  const sent = module(points);
  const [network, smaller, ours] = [
    networkAnswers(model, residuals, points),
    compressed && networkAnswers({ ...model, ...networkOf(compressed) }, residuals, points),
    moduleAnswers(model, sent),
  ];
  const column = (k: number) => columnOf(sent, k, model.outputs.length);
  const rows = residuals.map(({ name, expression }): ResidualRow => {
    const float = evaluateTerms(model, expression, network, points)!;
    const small = smaller && evaluateTerms(model, expression, smaller, points);
    const itself = model.outputs.findIndex((output) => output.expression === expression);
    const edge = itself >= 0 ? column(itself) : evaluateTerms(model, expression, ours, points)?.values;
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
  });
  return { residuals: rows, exact: exactRows() };

  function exactRows(): PhysicsRow[] {
    const d = model.inputs.length;
    return [...exactSolutions(model)].map(([name, solution]): PhysicsRow => {
      const exact = Float64Array.from({ length: count }, (_, p) => solution(points.subarray(p * d, (p + 1) * d)));
      const distance = (answers: Answers | undefined) => {
        const values = answers?.(meaningOf(model, name) as Meaning & { kind: 'output' });
        return values && sizeOf(differences(values, exact));
      };
      const edge = distance(ours);
      const missing = edge ? undefined : [name];
      return { name, network: distance(network)!, compressed: distance(smaller), module: edge, missing };
    });
  }
}

/** What of a compressed model makes it another network of the same inputs and outputs. */
function networkOf({ nodes, tensors, widths, outputs, hidden }: Model): Partial<Model> {
  return { nodes, tensors, widths, outputs, hidden };
}

/** Everything that residuals and exact solutions are made of, from one evaluation in jets. */
function networkAnswers(model: Model, residuals: readonly { expression: string }[], points: Float64Array): Answers {
  const wanted = new Map<string, Meaning & { kind: 'output' }>();
  const want = (meaning: Meaning) => {
    if (meaning.kind === 'output') wanted.set(nameOf(model, meaning), meaning);
  };
  for (const { expression } of residuals) forEachMeaning(model, expression, want);
  for (const output of Object.keys(model.physics?.exact ?? {})) want(meaningOf(model, output));
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
  return Boolean(physics?.residuals?.length) || Object.keys(physics?.exact ?? {}).length > 0;
}
