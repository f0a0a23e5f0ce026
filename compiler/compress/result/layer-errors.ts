import { withoutBlocks, withoutFactors } from '../../ir/blocks.js';
import { mapNodes } from '../../ir/map-nodes.js';
import { affineNodes } from '../../ir/parameters.js';
import { foldGraph } from '../../ir/simplify.js';
import type { AffineNode, IrGraph } from '../../ir/types.js';
import { coveringPoints } from '../../judge/points/cover.js';
import { roundRows } from '../matrices/hmatrix.js';
import type { Found } from '../search/one-method.js';
import { POINT_COUNTS } from '../teacher/point-counts.js';
import { evaluateOutputs, type Teacher } from '../teacher/teacher.js';
import { storedBits } from './layers.js';

/**
 * What each layer costs by itself, by its name: the largest error of the outputs over the largest output when this layer
 * alone is as it is stored, over points of the box. The others are as in the network that it was stored from: the one whose
 * matrices a method did nothing but approximate, otherwise the network before its weights were rounded, since what is left
 * of the error of structures after refinement is of all layers together.
 *
 * @param graph of `found`, as it is stored
 */
export function layerErrors(
  teacher: Teacher,
  { refined, from, unrounded }: Omit<Found, 'attempts'>,
  graph: IrGraph,
): Map<string, number> {
  const approximated = refined || !from ? undefined : errorsBetween(teacher, from, graph);
  if (approximated) return approximated;
  const [before, after] = unrounded ? [foldGraph(unrounded), graph] : [graph, atStatedPrecision(graph)];
  return errorsBetween(teacher, before, after) ?? new Map();
}

/** Undefined where the two do not have the same layers, because neurons were taken out. */
function errorsBetween(teacher: Teacher, before: IrGraph, after: IrGraph): Map<string, number> | undefined {
  const from = dense(before);
  const stored = new Map(affineNodes(dense(after)).map((node) => [node.name, node]));
  const layers = affineNodes(from);
  const sameShape = ({ name, width, x }: AffineNode) =>
    stored.get(name)?.width === width && stored.get(name)?.x.width === x.width;
  if (layers.length !== stored.size || !layers.every(sameShape)) return undefined;
  const points = coveringPoints(teacher.box, POINT_COUNTS.layerErrors);
  const exact = evaluateOutputs(teacher.sent(from), points, teacher.inputCount);
  const { largestOutputs: largest } = teacher;
  return new Map(
    layers.map((layer) => {
      const { weight, bias } = stored.get(layer.name)!;
      const alone = mapNodes(from, (node, original) =>
        original === layer && node.kind === 'affine' ? { ...node, weight, bias } : node,
      );
      const error = evaluateOutputs(teacher.sent(alone), points, teacher.inputCount).reduce((most, v, i) => {
        const k = i % largest.length;
        return largest[k] > 0 ? Math.max(most, Math.abs(v - exact[i]) / largest[k]) : most;
      }, 0);
      return [layer.name, error];
    }),
  );
}

/** Weights that are not rounded yet at the precision that they are counted with. */
function atStatedPrecision(graph: IrGraph): IrGraph {
  return mapNodes(graph, (node) => {
    if (node.kind === 'affine') return { ...node, weight: roundRows(node.weight, node.x.width, storedBits(node)) };
    if (node.kind !== 'blocks') return node;
    const leaves = node.leaves.map((leaf) => ({
      ...leaf,
      weight: roundRows(leaf.weight, leaf.x.width, storedBits(leaf)),
    }));
    return { ...node, leaves };
  });
}

const dense = (graph: IrGraph) => withoutFactors(withoutBlocks(graph));
