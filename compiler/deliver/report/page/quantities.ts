import { evaluateReference } from '../../../judge/reference/evaluate.js';
import { allOutputs, type Model } from '../../../model/types.js';
import type { Runtime } from './runtime.js';

/** What can be drawn over the inputs. */

export interface Series {
  label: string;
  /** @param points row-major [points x inputs], inside the box @returns a value per point */
  values(points: Float64Array): Float64Array;
}

export interface Quantity {
  label: string;
  unit: string;
  /** Index of the output; none of a residual. */
  output?: number;
  runtime: Runtime;
  /** What a heat map shows. */
  map: Series;
  /** What curves show. */
  curves: Series[];
  /** Signed values about 0, with the lines that they are to stay between. */
  limits?: { label: string; value: number }[];
}

/** Outputs and errors of every build, and the residuals of the float network, whose derivatives are exact. */
export function quantitiesOf(runtimes: readonly Runtime[]): Quantity[] {
  const [first] = runtimes;
  const several = runtimes.length > 1;
  const names = runtimes.map(({ title }, i) => (several ? ` (${'AB'[i]}: ${title})` : ''));
  const all = first.build.report.outputs.flatMap(({ name, unit = '' }, k) => {
    const modules = runtimes.map(
      (runtime, i): Series => ({ label: `module${names[i]}`, values: moduleOf(runtime, k) }),
    );
    const reference: Series = { label: 'float64 reference', values: referenceOf(first, k) };
    const values = runtimes.map(
      (runtime, i): Quantity => ({
        label: `${name}${names[i]}`,
        unit,
        output: k,
        runtime,
        map: modules[i],
        curves: [reference, ...modules],
      }),
    );
    const errors = runtimes.map((runtime, i): Quantity => {
      const series = { label: `error${names[i]}`, values: errorOf(runtime, k) };
      const bound = runtime.build.proved?.find((proved) => proved.name === name)?.bound;
      return {
        label: `error of ${name}${names[i]}`,
        unit,
        output: k,
        runtime,
        map: series,
        curves: runtimes.map((other, j) => ({ label: `error${names[j]}`, values: errorOf(other, k) })),
        limits: [
          { label: 'tolerance', value: runtime.allowances[k] },
          ...(bound === undefined ? [] : [{ label: 'proved bound', value: bound }]),
        ],
      };
    });
    return [...values, ...errors];
  });
  const residuals = (first.model.physics?.residuals ?? []).map(({ name, expression }): Quantity => {
    const series = { label: `residual ${name}`, values: expressionOf(first.model, name, expression) };
    return {
      label: `residual ${name} of the float network`,
      unit: '',
      runtime: first,
      map: series,
      curves: [series],
      limits: [],
    };
  });
  return [...all, ...residuals];
}

function moduleOf({ run, build }: Runtime, k: number) {
  return (points: Float64Array) => column(run(points).values, k, build.report.outputs.length);
}

function referenceOf({ reference, build }: Runtime, k: number) {
  return (points: Float64Array) => column(reference(points), k, build.report.outputs.length);
}

function errorOf(runtime: Runtime, k: number) {
  const [module, reference] = [moduleOf(runtime, k), referenceOf(runtime, k)];
  return (points: Float64Array) => {
    const wanted = reference(points);
    return module(points).map((value, p) => value - wanted[p]);
  };
}

/** An expression of outputs and derivatives, as the only output that is sent. */
function expressionOf(model: Model, name: string, expression: string) {
  const alone: Model = { ...model, outputs: [{ name: `residual ${name}`, expression }], hidden: allOutputs(model) };
  return (points: Float64Array) => evaluateReference(alone, points);
}

function column(rows: Float64Array, k: number, width: number): Float64Array {
  return Float64Array.from({ length: rows.length / width }, (_, p) => rows[p * width + k]);
}
