import { deriveOutputs } from '../../ir/derive/derived-outputs.js';
import type { IrGraph } from '../../ir/types.js';
import { concatPoints, coveringPoints, interiorPoints } from '../../judge/points/cover.js';
import { evaluateReference } from '../../judge/reference/evaluate.js';
import { RELATIVE_L2_SHARE } from '../../judge/requirement.js';
import { inputBox } from '../../model/box.js';
import { isDerived, type Model, networkOutputs } from '../../model/types.js';
import { POINT_COUNTS } from './point-counts.js';
import { evaluateOutputs, type Teacher } from './teacher.js';
import { trajectoryPoints } from './trajectory-points.js';

/** The graphs of what a model sends, each made once. */
function derivedOnce(model: Model): Teacher['sent'] {
  if (!isDerived(model)) return (graph) => graph;
  const known = new WeakMap<IrGraph, IrGraph>();
  return (graph) => {
    const sent = known.get(graph) ?? deriveOutputs(model, graph);
    known.set(graph, sent);
    return sent;
  };
}

/**
 * @param allowances allowed absolute error of each output that is sent, in its engineering unit
 * @param trajectorySteps of a step model: learn on trajectories of so many steps, too
 */
export function makeTeacher(
  model: Model,
  graph: IrGraph,
  allowances: readonly number[],
  seed: number,
  trajectorySteps = 0,
): Teacher {
  const box = inputBox(model.inputs);
  const width = model.outputs.length;
  const reference = evaluateReference(
    model,
    concatPoints([interiorPoints(box, POINT_COUNTS.scales), coveringPoints(box, POINT_COUNTS.scales)]),
  );
  const largest = new Float64Array(width);
  const squares = new Float64Array(width);
  reference.forEach((v, i) => {
    largest[i % width] = Math.max(largest[i % width], Math.abs(v));
    if (i < POINT_COUNTS.scales * width) squares[i % width] += v * v;
  });
  const rms = squares.map((s) => Math.sqrt(s / POINT_COUNTS.scales));
  const units = model.outputs.map(({ scale = 1 }) => Math.abs(scale));
  const teacher: Teacher = {
    graph,
    sent: derivedOnce(model),
    box,
    inputCount: model.inputs.length,
    largestOutputs: largest.map((v, k) => v / units[k]),
    allowances: Float64Array.from(allowances, (a, k) => a / units[k]),
    // As judge/requirement.ts has it.
    rmsLimits: rms.map((r, k) =>
      largest[k] > allowances[k] ? (RELATIVE_L2_SHARE * r) / largest[k] : Number.POSITIVE_INFINITY,
    ),
    seed,
    trajectories: trajectorySteps ? trajectoryPoints(model, trajectorySteps) : undefined,
  };
  return isDerived(model) ? { ...teacher, values: teacherOfValues(model, teacher) } : teacher;
}

/** Values that are sent keep their allowances; hidden ones the smallest share of their largest that an output has. */
function teacherOfValues(model: Model, teacher: Teacher): Teacher {
  const { graph, box, inputCount, allowances, largestOutputs } = teacher;
  const share = Math.min(...allowances.map((a, k) => (largestOutputs[k] > 0 ? a / largestOutputs[k] : 1)));
  const outputs = networkOutputs(model);
  const points = concatPoints([interiorPoints(box, POINT_COUNTS.scales), coveringPoints(box, POINT_COUNTS.scales)]);
  const largest = new Float64Array(outputs.length);
  evaluateOutputs(graph, points, inputCount).forEach((v, i) => {
    const k = i % outputs.length;
    largest[k] = Math.max(largest[k], Math.abs(v));
  });
  const allowed = outputs.map((output, k) => {
    const sent = model.outputs.indexOf(output);
    return sent >= 0 ? allowances[sent] : share * largest[k] || 1;
  });
  return {
    ...teacher,
    sent: (of) => of,
    largestOutputs: largest,
    allowances: Float64Array.from(allowed),
    rmsLimits: new Float64Array(outputs.length).fill(Number.POSITIVE_INFINITY),
  };
}
