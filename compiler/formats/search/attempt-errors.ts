import { runTable } from '../../../targets/host/wasm3.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../../code/engines/engine.js';
import { evaluateIr } from '../../ir/evaluate.js';
import type { IrNode } from '../../ir/types.js';
import { type OutputError, summarizeErrors } from '../../judge/errors.js';
import type { Judge, PointFunction } from '../../judge/measure.js';
import { concatPoints, cornerPoints, coveringPoints, edgePoints, interiorPoints } from '../../judge/points/cover.js';
import { shareOfAllowance } from '../../judge/requirement.js';
import type { Model } from '../../model/types.js';
import { tableFunction } from '../../table/function-table.js';
import type { LoweredModel } from '../../table/lower/lower.js';
import { createOracle } from '../../table/oracle/oracle.js';
import type { QuantizedGraph } from '../../table/quantized-graph.js';
import type { Analysis } from './analysis.js';

/** The error of a lowered model, by its own integers, and what it is of the error that is allowed. */

/** Points that formats are tried on. */
export const ATTEMPT_POINTS = 1024;
/** Features of the graph among them, at most. */
const ATTEMPT_FEATURES = 256;

/** A lowered model and its table as bytes. */
export interface LoweredTable {
  lowered: LoweredModel;
  tableBytes: Uint8Array;
}

/** The largest of {@link shareOfAllowance} over the outputs. */
export function shareOfErrors(errors: readonly OutputError[], analysis: Analysis): number {
  return Math.max(...sharesOfErrors(errors, analysis));
}

/** Per output. */
export function sharesOfErrors(errors: readonly OutputError[], { allowances, largestReference }: Analysis): number[] {
  return errors.map((error, k) => shareOfAllowance(error, allowances[k], largestReference[k]));
}

/** Errors of the integers themselves, at the points that formats are tried on. */
export class AttemptErrors {
  private readonly points: Float64Array;
  private readonly wanted: Float64Array;

  constructor(
    private readonly model: Model,
    private readonly judge: Judge,
    { box, features }: Analysis,
  ) {
    this.points = concatPoints([
      interiorPoints(box, ATTEMPT_POINTS),
      cornerPoints(box),
      edgePoints(box, ATTEMPT_POINTS >> 2),
      features.subarray(0, ATTEMPT_FEATURES * model.inputs.length),
    ]);
    this.wanted = judge.reference(this.points);
  }

  of(attempt: LoweredTable): OutputError[] {
    const got = approximateFast(this.model, attempt)(this.points);
    const wanted = this.judge.nearerSide(this.points, this.wanted, got);
    return summarizeErrors(this.model, this.points, wanted, got, ATTEMPT_POINTS);
  }
}

/** The answers of the integers, in engineering units. */
export function approximate(model: Model, lowered: LoweredModel): PointFunction {
  const oracle = createOracle(lowered.table);
  const inputs = inputWordFormats(lowered.table);
  const outputs = outputWordFormats(lowered.table, model.outputs);
  return (points) => fromWords(oracle.run(toWords(points, inputs)).outputs, outputs);
}

/** The same by the kernels in C on this machine, which give the same integers several times as fast. */
export function approximateFast(model: Model, { lowered, tableBytes }: LoweredTable): PointFunction {
  const inputs = inputWordFormats(lowered.table);
  const outputs = outputWordFormats(lowered.table, model.outputs);
  return (points) => {
    const words = toWords(points, inputs);
    return fromWords(runTable(tableBytes, words, inputs.length, outputs.length).outputs, outputs);
  };
}

/** Error of the tables alone (float network with tables for functions), and of the integers against that. */
export function splitError(
  model: Model,
  { quantized, lowered }: { quantized: QuantizedGraph; lowered: LoweredModel },
  analysis: Analysis,
): { tables: number; formats: number } {
  const { graph } = analysis;
  const points = coveringPoints(analysis.box, ATTEMPT_POINTS);
  const functions = new Map<IrNode, (x: number) => number>();
  for (const [node, table] of quantized.tables) {
    const f = tableFunction(table);
    functions.set(node, node.fn.phase ? (x) => f(x + node.fn.phase) : f);
  }
  const d = model.inputs.length;
  const width = model.outputs.length;
  const tabled = evaluateIr(graph, points, d, functions).get(graph.output)!;
  const exact = evaluateIr(graph, points, d).get(graph.output)!;
  const oracle = createOracle(lowered.table);
  const graphUnits = lowered.table.outputs.map(({ exponent }) => ({ exponent, scale: 1, offset: 0 }));
  const words = toWords(points, inputWordFormats(lowered.table));
  const integers = fromWords(oracle.run(words).outputs, graphUnits);
  let tables = 0;
  let formats = 0;
  for (let i = 0; i < exact.length; i++) {
    const unit = (analysis.largestReference[i % width] || 1) / Math.abs(model.outputs[i % width].scale ?? 1);
    tables = Math.max(tables, Math.abs(tabled[i] - exact[i]) / unit);
    formats = Math.max(formats, Math.abs(integers[i] - tabled[i]) / unit);
  }
  return { tables, formats };
}
