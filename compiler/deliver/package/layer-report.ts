import { type CompressedLayer, layersOf } from '../../compress/result/layers.js';
import { dequantized } from '../../formats/dequantize.js';
import { withoutBlocks } from '../../ir/blocks.js';
import { evaluateIr } from '../../ir/evaluate.js';
import { buildIr } from '../../ir/from-model.js';
import { foldGraph } from '../../ir/simplify.js';
import {
  type AffineNode,
  type BlocksNode,
  type ConcatNode,
  graphOf,
  type IrGraph,
  type IrNode,
  operands,
  withOperands,
} from '../../ir/types.js';
import { coveringPoints } from '../../judge/points/cover.js';
import { evaluateReference } from '../../judge/reference/evaluate.js';
import { inputBox } from '../../model/box.js';
import type { CompiledModel } from '../../pipeline/compiled-model.js';

/** How a layer's weights are stored in the module, and what that costs. */
export interface LayerReport {
  name: string;
  rows: number;
  cols: number;
  structure: 'dense' | 'low-rank' | 'hierarchical' | 'tensor-train';
  /** Blocks that are stored: 1 of a matrix in one piece. */
  blocks: number;
  /** Smallest and largest rank of low-rank blocks. */
  ranks?: [number, number];
  bits: number[];
  /** Integer weights, and biases of 32 bits. */
  bytes: number;
  macs: number;
  denseMacs: number;
  /** Largest relative error of the outputs when this layer alone has the module's integers. */
  error: number;
  /**
   * Where compression states a bound: the largest relative error of the matrix that was allowed, and the one that was
   * reached, in the norm of the activations and before refinement.
   */
  bound?: number;
  matrixError?: number;
}

const POINTS = 512;

/** The layers of a build, in the order of the graph. */
export function layerReports(compiled: CompiledModel): LayerReport[] {
  const { graph, model, quantized, compressed } = compiled;
  const points = coveringPoints(inputBox(model.inputs), POINTS);
  const exact = outputsOf(graph, points, model.inputs.length);
  const width = model.outputs.length;
  const largest = new Float64Array(width);
  evaluateReference(model, points).forEach((v, i) => {
    largest[i % width] = Math.max(largest[i % width], Math.abs(v));
  });
  const units = model.outputs.map(({ scale = 1 }, k) => (largest[k] || 1) / Math.abs(scale));
  const bounds = new Map(compressed?.layers?.map((layer) => [layer.name, layer]) ?? []);
  const bits = (part: object) => quantizedBits(compiled).get(part)!;
  return layersOf(graph, bits).map(({ structure, nodes }): LayerReport => {
    const rounded = replaceNodes(graph, withDerivatives(graph, nodes), (node) =>
      node.kind === 'affine' || node.kind === 'blocks' ? dequantized(node, quantized) : node,
    );
    const error = outputsOf(rounded, points, model.inputs.length).reduce(
      (most, v, i) => Math.max(most, Math.abs(v - exact[i]) / units[i % width]),
      0,
    );
    const { blocks, ...rest } = structure;
    return { ...rest, blocks: blocks.length, error, ...boundOf(bounds.get(structure.name)) };
  });
}

/** The nodes and the derivatives that share their weights. */
function withDerivatives(graph: IrGraph, nodes: readonly (AffineNode | BlocksNode)[]): Set<IrNode> {
  const weightsOf = (node: IrNode) =>
    node.kind === 'affine' ? [node.weight] : node.kind === 'blocks' ? node.leaves.map(({ weight }) => weight) : [];
  const weights = new Set(nodes.flatMap(weightsOf));
  return new Set(graph.nodes.filter((node) => weightsOf(node).some((weight) => weights.has(weight))));
}

function boundOf(layer: CompressedLayer | undefined): Pick<LayerReport, 'bound' | 'matrixError'> {
  return layer?.bound === undefined ? {} : { bound: layer.bound, matrixError: layer.matrixError };
}

/** Width of the integers of every affine step and of every leaf. */
export function quantizedBits({ quantized }: Pick<CompiledModel, 'quantized'>): Map<object, 8 | 16 | 32> {
  const bits = new Map<object, 8 | 16 | 32>();
  for (const [node, { weightBits }] of quantized.affine) bits.set(node, weightBits);
  for (const [node, { leaves }] of quantized.blocks) {
    node.leaves.forEach((leaf, k) => {
      bits.set(leaf, leaves[k].weightBits);
    });
  }
  return bits;
}

/** Multiply-accumulates of the whole model with every matrix stored densely, before any compression. */
export function denseMacs({ model }: Pick<CompiledModel, 'model'>): number {
  const layers = layersOf(withoutBlocks(foldGraph(buildIr(model))));
  return layers.reduce((n, { structure }) => n + structure.denseMacs, 0);
}

function outputsOf(graph: IrGraph, points: Float64Array, inputCount: number): Float64Array {
  return evaluateIr(graph, points, inputCount).get(graph.output)!;
}

function replaceNodes(graph: IrGraph, chosen: ReadonlySet<IrNode>, change: (node: IrNode) => IrNode): IrGraph {
  const changed = new Map<IrNode, IrNode>();
  for (const node of graph.nodes) {
    const start = chosen.has(node) ? change(node) : node;
    const values = operands(start).map((x) => changed.get(x)!);
    changed.set(node, withOperands(start, values));
  }
  return graphOf(changed.get(graph.output) as ConcatNode);
}
