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
import type { Model } from '../model/types.js';

/** Stage `ir`: the graph of a model, ready to be compressed and quantised. */

export interface Graphs {
  /** The model's graph, folded; what compression works on. */
  source: IrGraph;
  /** The same as it is sent, with ranges and allowances. */
  whole: Analysis;
}

/** @throws PE2010 for derivatives of what jumps; see `analyze` for the others */
export function graphsOf(model: Model, file: string, tolerance: Requirement): Graphs {
  const source = foldGraph(buildIr(model));
  checkDerivatives(model, source, file);
  return { source, whole: analyze(model, sentGraph(model, source), file, tolerance) };
}

const JUMP_POINTS = 1024;

/** Refuses derivatives of what jumps: PE2010. */
function checkDerivatives(model: Model, network: IrGraph, file: string): void {
  deriveOutputs(model, network, (selects) => {
    if (selects.size) refuseJumps(file, model, selects, coveringPoints(inputBox(model.inputs), JUMP_POINTS));
  });
}
