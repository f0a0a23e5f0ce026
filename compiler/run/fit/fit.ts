import { runFit } from '../../../targets/host/wasm3.js';
import type { Engine, EngineName } from '../../code/engines/engine.js';
import type { LoadedBuild } from '../../deliver/package/store.js';
import { PinnEdgeError } from '../../diagnostics.js';
import { evaluateReference } from '../../judge/reference/evaluate.js';
import { defaultEngine, pointEvaluator } from '../simulate.js';
import { type FitAnswer, type FitSettings, jobNumbers, type Measurement, modelNumbers, readAnswer } from './job.js';

/** Fits of a build's inputs to measurements, by the firmware library's own code: the device's bits. */

export interface BuildFit extends FitAnswer {
  /** Name of the engine. */
  engine: string;
  /** All numbers of the answer, as every board gives them. */
  numbers: Float64Array;
  /** The same with the float64 network and its exact tangents. */
  reference: FitAnswer;
}

/** @throws PE5101 for a build without tangents */
export async function fitBuild(
  build: LoadedBuild,
  measurements: readonly Measurement[],
  settings: FitSettings,
  choice: EngineName | Engine = defaultEngine(build),
): Promise<BuildFit> {
  const { report, model } = build;
  if (!report.fit) throw new PinnEdgeError('PE5101', { build: build.directory });
  const job = jobNumbers(report, measurements, settings);
  const errors = report.outputs.map(({ maxAbsolute }) => maxAbsolute);
  const engine = await pointEvaluator(build, choice);
  try {
    const numbers = runFit(modelNumbers(report, errors), job, engine.run);
    const exact = runFit(
      modelNumbers(
        report,
        errors.map(() => 0),
      ),
      job,
      (point) => evaluateReference(model, point),
    );
    const [answer, reference] = [numbers, exact].map((all) => readAnswer(report, all, settings.free));
    return { ...answer, engine: engine.name, numbers, reference };
  } finally {
    engine.dispose();
  }
}

/** Measured less answered, of every measurement, at an estimate. */
export async function residuals(
  build: LoadedBuild,
  measurements: readonly Measurement[],
  { names, values }: Pick<FitAnswer, 'names' | 'values'>,
): Promise<{ answer: number; residual: number }[]> {
  const { inputs, outputs } = build.report;
  const points = measurements.flatMap((measurement) =>
    inputs.map(({ name }, i) => values[names.indexOf(name)] ?? measurement.inputs[i]),
  );
  const engine = await pointEvaluator(build, defaultEngine(build));
  try {
    const answers = engine.run(Float64Array.from(points));
    return measurements.map(({ output, value }, k) => {
      const answer = answers[k * outputs.length + outputs.findIndex(({ name }) => name === output)];
      return { answer, residual: value - answer };
    });
  } finally {
    engine.dispose();
  }
}
