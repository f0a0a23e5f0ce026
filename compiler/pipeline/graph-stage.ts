import type { Goal } from '../code/cost/goal.js';
import { costOf } from '../compress/graph-cost.js';
import type { Analysis } from '../formats/search/analysis.js';
import { analyze } from '../formats/search/analysis.js';
import { deriveOutputs, sentGraph } from '../ir/derive/derived-outputs.js';
import { refuseJumps } from '../ir/derive/refuse-jumps.js';
import { buildIr } from '../ir/from-model.js';
import { foldGraph } from '../ir/simplify.js';
import type { IrGraph } from '../ir/types.js';
import { coveringPoints } from '../judge/points/cover.js';
import type { Requirement } from '../judge/requirement.js';
import { inputBox } from '../model/box.js';
import { type Gradients, gradientsOf } from '../model/derivatives.js';
import type { Model } from '../model/types.js';

/** Stage `ir`: the graph of a model, ready to be compressed and quantised. */

export interface Graphs {
  /** The model's graph, folded; what compression works on. */
  source: IrGraph;
  /** The same as it is sent, with ranges and allowances. */
  whole: Analysis;
  /** Outputs whose first derivatives are made in reverse mode, by inputs: where that costs less, else none. */
  gradients: Gradients;
}

/**
 * @param goal what derivatives are to be cheap in
 * @throws PE2010 for derivatives of what jumps; see `analyze` for the others
 */
export function graphsOf(model: Model, file: string, tolerance: Requirement, goal: Goal = 'size'): Graphs {
  const source = foldGraph(buildIr(model));
  checkDerivatives(model, source, file);
  const { graph, gradients } = cheapestGraph(model, source, goal);
  return { source, whole: analyze(model, graph, file, tolerance), gradients };
}

/** What a model sends, with its gradients in forward mode or, where that costs less, in reverse mode. */
export function cheapestGraph(model: Model, source: IrGraph, goal: Goal): { graph: IrGraph; gradients: Gradients } {
  const forward = sentGraph(model, source);
  const gradients = gradientsOf(model);
  if (gradients.size) {
    const reverse = sentGraph(model, source, gradients);
    if (costOf(reverse, goal) < costOf(forward, goal)) return { graph: reverse, gradients };
  }
  return { graph: forward, gradients: new Map() };
}

const JUMP_POINTS = 1024;

/** Refuses derivatives of what jumps: PE2010. */
function checkDerivatives(model: Model, network: IrGraph, file: string): void {
  deriveOutputs(model, network, (selects) => {
    if (selects.size) refuseJumps(file, model, selects, coveringPoints(inputBox(model.inputs), JUMP_POINTS));
  });
}
