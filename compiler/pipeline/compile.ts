import { describeFormats, describeTables } from '../formats/describe.js';
import { splitError } from '../formats/search/attempt-errors.js';
import { Judge } from '../judge/measure.js';
import { requirementOf } from '../judge/requirement.js';
import { requireStateRanges } from '../judge/state-ranges.js';
import { withScaledState } from '../model/state.js';
import type { Model } from '../model/types.js';
import { generateModule } from './code-stage.js';
import { type CompileOptions, settingsOf } from './compile-options.js';
import type { CompiledModel } from './compiled-model.js';
import { compressWithin } from './formats-stage.js';
import { graphsOf } from './graph-stage.js';
import { otherEngines } from './other-engines.js';
import { StageLog } from './stage-log.js';
import { requireParts } from './two-parts.js';
import { layOutWithinFloats } from './worth-its-bytes.js';

/**
 * Compiles a validated model into a block table and, unless the engine is `c`, a module that keeps the tolerance at every
 * point that was looked at: thousands, and the worst found from them by local search. The same model and options give the
 * same bytes:
 *
 *     model -> graph -> compressed graph -> integers in formats -> block table -> sources -> module
 *
 * @throws PE4001 when no format keeps the tolerance, with the nearest one that works; PE2002 and PE2003 when the model is
 * not defined or not finite in its input box; PE4003 for a relative tolerance of an output that is zero; PE2020 for a step
 * model whose next state has another range than the state; PE2021 for inputs that cannot be given once
 */
export async function compile(given: Model, options: CompileOptions = {}): Promise<CompiledModel> {
  const model = withScaledState(given);
  const wanted = settingsOf(model, options);
  const { file } = wanted;
  const tolerance = requirementOf(model, options.tolerance);
  const log = new StageLog(options.onStage);
  const judge = new Judge(model);

  const graphs = graphsOf(model, file, tolerance, wanted.goal);
  requireParts(model, graphs.whole.graph, wanted.engine, file);
  const jumps = judge.lookForJumps(graphs.whole.allowances);
  const stateRanges = requireStateRanges(model, file);
  const backwards = graphs.gradients.size
    ? `, gradient of ${[...graphs.gradients.keys()].join(', ')} in reverse mode`
    : '';
  log.finish('ir', `${model.nodes.length} nodes -> ${graphs.whole.graph.nodes.length}${backwards}`);

  const { compressed, analysis, fit } = await compressWithin(model, judge, graphs, tolerance, wanted);
  log.finish('compress', compressed?.detail ?? 'off', compressed?.relativeError ?? 0);
  requireParts(model, analysis.graph, wanted.engine, file);
  const { settings, fitted, lowered, table } = layOutWithinFloats(model, wanted, fit);
  const { engine, goal, precision } = settings;
  const { attempt, measured } = fitted;
  const { quantized } = attempt;
  const spent = { compress: compressed?.relativeError ?? 0, ...splitError(model, attempt, analysis) };
  log.finish('quantize', describeFormats(quantized) + (goal === wanted.goal ? '' : FOR_SIZE), spent.formats);
  log.finish('tables', describeTables(quantized), spent.tables);

  const { sources, wasm } = await generateModule(settings, model, lowered, table);
  log.finish('compile', wasm.length ? `${(wasm.length / 1000).toFixed(1)} kB module` : 'C sources');

  const choices = { engine, goal, precision, tolerance };
  const others = otherEngines(settings, attempt.lowered);
  const network = { graph: analysis.graph, ranges: analysis.ranges, quantized, lowered, others };
  const checks = { measured, stateRanges, jumps, spent, stages: log.stages };
  return { model, ...choices, ...network, table, sources, wasm, compressed, ...checks };
}

/** Of a build for speed that is not: see worth-its-bytes.ts. */
const FOR_SIZE = '; for size, as speed is not worth more bytes than float32 takes';
