import { tangentPlaces } from '../../deliver/package/fit-header.js';
import type { Report } from '../../deliver/package/report.js';
import { PinnEdgeError } from '../../diagnostics.js';

/** Fits as the arrays that targets/common/pe_fit_job.h and targets/host/fit_node.h describe. */

/** One measured value. */
export interface Measurement {
  /** All inputs in the model's order and units; those that are fitted are not read. */
  inputs: readonly number[];
  /** Name of the output. */
  output: string;
  value: number;
  /** Standard deviation, in the output's unit. */
  sigma: number;
}

export interface FitSettings {
  /** Names of the inputs to fit, among those that the build was made for. */
  free: readonly string[];
  /** Values to begin at, by name; the others begin in the middle of their range. */
  start?: Readonly<Record<string, number>>;
  maxIterations?: number;
  /** Of the parameters' effects; above it they cannot be told apart. */
  maxCondition?: number;
  /** One measurement at a time (pe_filter_update) instead of all at once. */
  filter?: boolean;
  /** For filters: standard deviation of what is known before, and of what changes between two measurements, by name. */
  prior?: Readonly<Record<string, number>>;
  process?: Readonly<Record<string, number>>;
}

/** What pe_fit_result_t says, by its number. */
export const FIT_RESULTS = {
  ok: 0,
  atEdge: 1,
  argument: -1,
  few: -2,
  measurement: -3,
  outside: -4,
  evaluation: -5,
  noEffect: -6,
  alike: -7,
  steps: -8,
} as const;

export interface FitAnswer {
  /** One of {@link FIT_RESULTS}. */
  result: number;
  /** Of an error: index of the measurement, or of the parameter among the fitted ones. */
  at: number;
  iterations: number;
  /** Names of the parameters that ended on the edge of their ranges. */
  atEdge: string[];
  chiSquare: number;
  smallestSingularValue: number;
  condition: number;
  /** Of the fitted parameters, in the order of `names`; empty after an error. */
  names: string[];
  values: number[];
  /** Square and symmetric. */
  covariance: number[][];
}

/** Names of the fitted parameters in the order of the device's arrays. */
export function fittedNames({ fit }: Report, free: readonly string[]): string[] {
  return fit!.parameters.filter((name) => free.includes(name));
}

export function modelNumbers(report: Report, errors: readonly number[]): Float64Array {
  const { inputs, outputs, fit } = report;
  const parameters = fit!.parameters.map((name) => inputs.findIndex((input) => input.name === name));
  const tangents = tangentPlaces(report);
  return Float64Array.from([
    ...[inputs.length, outputs.length, fit!.outputs.length, parameters.length],
    ...inputs.flatMap(({ min, max }) => [min, max]),
    ...parameters,
    ...tangents,
    ...tangents.map((place) => (place < 0 ? 0 : errors[place])),
  ]);
}

/** @throws PE3005 for a measurement of what cannot be measured */
export function jobNumbers(report: Report, measurements: readonly Measurement[], settings: FitSettings): Float64Array {
  const { parameters, outputs } = report.fit!;
  const unknown = measurements.find(({ output }) => !outputs.includes(output));
  if (unknown) {
    const reason = `outputs that can be measured are ${outputs.join(', ')}`;
    throw new PinnEdgeError('PE3005', { option: `output "${unknown.output}"`, reason });
  }
  const { free, start, prior, process, filter = false, maxIterations = 0, maxCondition = 0 } = settings;
  const fitted = parameters.reduce((mask, name, k) => (free.includes(name) ? mask | (1 << k) : mask), 0);
  const named = (values: Readonly<Record<string, number>> | undefined, otherwise: (name: string) => number) =>
    parameters.map((name) => values?.[name] ?? otherwise(name));
  const range = (name: string) => report.inputs.find((input) => input.name === name)!;
  return Float64Array.from([
    ...[Number(filter), fitted, maxIterations, maxCondition, measurements.length],
    ...[start, prior, process].map((values) => Number(values !== undefined)),
    ...named(start, (name) => 0.5 * (range(name).min + range(name).max)),
    ...named(prior, (name) => 0.5 * (range(name).max - range(name).min)),
    ...named(process, () => 0),
    ...measurements.flatMap(({ inputs, output, value, sigma }) => [outputs.indexOf(output), value, sigma, ...inputs]),
  ]);
}

export function readAnswer(report: Report, numbers: Float64Array, free: readonly string[]): FitAnswer {
  const [result, at, n, iterations, edges, chiSquare, smallestSingularValue, condition] = numbers;
  const names = fittedNames(report, free);
  const values = result < 0 ? [] : Array.from(numbers.subarray(8, 8 + n));
  const triangle = numbers.subarray(8 + n);
  const covariance = values.map((_, i) =>
    values.map((_, j) => {
      const [row, column] = i < j ? [j, i] : [i, j];
      return triangle[(row * (row + 1)) / 2 + column];
    }),
  );
  const atEdge = names.filter((_, i) => (edges >> i) & 1);
  return { result, at, iterations, atEdge, chiSquare, smallestSingularValue, condition, names, values, covariance };
}
