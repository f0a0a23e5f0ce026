import { evaluateIr, evaluateNode, gradientIr, type IrValues } from '../ir/evaluate.js';
import { normalEquations } from '../ir/jacobian.js';
import { createGram } from '../ir/linear-algebra/gram.js';
import { babai } from '../ir/linear-algebra/nearest-plane.js';
import { mapNodes } from '../ir/map-nodes.js';
import { affineNodes, type ParameterLayout } from '../ir/parameters.js';
import { type AffineNode, type IrGraph, type IrNode, operands } from '../ir/types.js';
import { coveringPoints } from '../judge/points/cover.js';
import type { Box } from '../model/box.js';
import type { QuantizedGraph } from '../table/quantized-graph.js';
import { roundStep } from './step-rounding.js';
import {
  clampTo,
  type Grid,
  gridOf,
  plainRounding,
  type RoundedWeights,
  type Rounding,
  shapeOf,
  storedBias,
} from './weight-grid.js';

/**
 * Rounding of weights with the activations in view: weights are put on their grids one after the other, the coarsest
 * first, and what each rounding does to the outputs over the box is made up for by those that are not rounded yet
 * (optimal brain quantisation, Frantar and Alistarh, arXiv 2208.11580; GPTQ, arXiv 2210.17323; it is Babai's nearest
 * plane in the lattice of the grids). Biases come last: their grid is the finest.
 *
 * Small networks take all weights together, with J^T J of the outputs. Larger ones go step by step: each is fitted to the
 * unrounded step's results from the arguments that it really gets, and rounded with the second moments of those, points
 * weighted by how much the result moves the outputs. The largest networks, and matrices in blocks, are rounded plainly.
 * Of several dampings and plain rounding the most accurate is taken, so the result is never worse than plain rounding on
 * the points looked at.
 */

/** More weights than this are rounded step by step. */
const LARGEST_JOINT = 1200;
/** And more than this plainly: looking at the activations would take seconds, for every plan that is tried. */
const LARGEST_STEPWISE = 60_000;
const POINTS = 640;
/** Shares of the diagonal of the curvature that are added to it: how little weights may move to make up for others. */
const DAMPINGS = [1e-2, 1e-4] as const;

/** Rounds the weights of one graph, for any formats of it. */
export class WeightRounder {
  private readonly points: Float64Array;
  private readonly exact: Float64Array;
  private readonly layers: readonly AffineNode[];
  /** Layers whose matrix is that of another layer, too. */
  private readonly shared: ReadonlySet<AffineNode>;
  private readonly owners: ReadonlyMap<Float64Array, AffineNode>;
  private curvature?: { sum: Float64Array; size: number };

  /** @param allowances allowed absolute error of each component of the graph's output */
  constructor(
    private readonly graph: IrGraph,
    box: Box,
    private readonly inputCount: number,
    private readonly allowances: readonly number[],
  ) {
    this.points = coveringPoints(box, POINTS);
    this.exact = outputsOf(graph, this.points, inputCount);
    // Of steps that share weights the first one has them rounded, the others take its integers.
    const first = new Map<Float64Array, AffineNode>();
    for (const node of affineNodes(graph)) if (!first.has(node.weight)) first.set(node.weight, node);
    this.layers = [...first.values()];
    this.owners = first;
    this.shared = new Set(this.layers.filter((layer) => this.layers.some((other) => isShared(layer, other))));
  }

  /** The weights on the grids of `quantized`, which was made from the same graph with plain rounding. */
  round(quantized: QuantizedGraph): Rounding {
    const grids = this.layers.map((layer) => gridOf(layer, quantized));
    const plain = plainRounding(this.layers, grids);
    let best = plain;
    if (this.parameters > LARGEST_STEPWISE) return best;
    let least = this.errorOf(best);
    const joint = this.parameters <= LARGEST_JOINT && !this.graph.nodes.some((node) => node.kind === 'blocks');
    for (const damping of joint ? DAMPINGS : DAMPINGS.slice(-1)) {
      const own = joint ? this.jointly(grids, damping) : this.stepwise(grids, damping);
      // What is used several times is rounded in one way, so that it is stored once.
      const rounding =
        own && new Map([...own].map(([layer, w]) => [layer, this.shared.has(layer) ? plain.get(layer)! : w]));
      const error = rounding ? this.errorOf(rounding) : Number.POSITIVE_INFINITY;
      if (rounding && error < least) [best, least] = [rounding, error];
    }
    return best;
  }

  /** Largest plus three root mean square errors against the unrounded network, in units of the allowances. */
  errorOf(rounding: Rounding): number {
    const got = outputsOf(withWeights(this.graph, rounding), this.points, this.inputCount);
    let [peak, squares] = [0, 0];
    for (let i = 0; i < got.length; i++) {
      const r = Math.abs(got[i] - this.exact[i]) / this.allowances[i % this.allowances.length];
      peak = Math.max(peak, Number.isFinite(r) ? r : Number.POSITIVE_INFINITY);
      squares += r * r;
    }
    return peak + 3 * Math.sqrt(squares / got.length);
  }

  private get parameters(): number {
    return this.layers.reduce((n, layer) => n + layer.weight.length + storedBias(layer).length, 0);
  }

  private jointly(grids: readonly Grid[], damping: number): Rounding | undefined {
    const { sum, size } = this.jointCurvature();
    const n = this.parameters;
    const steps = new Float64Array(n);
    const values = new Float64Array(n);
    let at = 0;
    this.layers.forEach((layer, l) => {
      const { cols } = shapeOf(layer);
      for (let i = 0; i < layer.weight.length; i++) steps[at + i] = grids[l].step(Math.floor(i / cols), i % cols);
      values.set(layer.weight, at);
      at += layer.weight.length;
      const bias = storedBias(layer);
      steps.fill(grids[l].biasStep, at, at + bias.length);
      values.set(bias, at);
      at += bias.length;
    });
    const entry = (i: number, j: number) => sum[Math.max(i, j) * size + Math.min(i, j)];
    const rounded = babai(n, entry, values, steps, damping, (k, value) => clampTo(grids, this.layers, k, value));
    if (!rounded) return undefined;
    const result = new Map<AffineNode, RoundedWeights>();
    at = 0;
    for (const layer of this.layers) {
      const weight = rounded.slice(at, at + layer.weight.length);
      at += layer.weight.length;
      const stored = storedBias(layer).length;
      result.set(layer, { weight, bias: stored ? rounded.slice(at, at + stored) : layer.bias });
      at += stored;
    }
    return result;
  }

  private jointCurvature(): { sum: Float64Array; size: number } {
    if (!this.curvature) {
      const { allowances, graph, points, inputCount } = this;
      const count = points.length / inputCount;
      const gram = createGram(this.parameters);
      const units = { allowances: Float64Array.from(allowances), inputCount };
      const ones = new Float64Array(count * allowances.length).fill(1);
      const gradient = new Float64Array(this.parameters);
      normalEquations(units, graph, points, new Float64Array(ones.length), ones, { gram, gradient }, this.layout());
      this.curvature = gram;
    }
    return this.curvature;
  }

  /** Layer after layer, weights and then bias, as {@link jointly} has them. */
  private layout(): ParameterLayout {
    const offsets = new Map<Float64Array, number>();
    let size = 0;
    for (const layer of this.layers) {
      offsets.set(layer.weight, size);
      size += layer.weight.length;
      offsets.set(layer.bias, size);
      size += storedBias(layer).length;
    }
    return { offsets, size };
  }

  private stepwise(grids: readonly Grid[], damping: number): Rounding | undefined {
    const result = new Map<AffineNode, RoundedWeights>();
    const { values, pulls } = this.unrounded();
    const count = this.points.length / this.inputCount;
    // Derivatives have their arguments, and what errors of the weights do through them, from the unrounded network.
    const others = (layer: AffineNode) =>
      affineNodes(this.graph)
        .filter((node) => node !== layer && node.weight === layer.weight)
        .map((node) => ({ x: values.get(node.x)!, pull: pulls.get(node)! }));
    // The network as it will be, as far as it is rounded: every step sees the arguments that it really gets.
    const now = new Map<IrNode, Float64Array>();
    for (const node of this.graph.nodes) {
      let step: IrNode = node;
      const l = node.kind === 'affine' ? this.layers.indexOf(node) : -1;
      if (node.kind === 'affine' && l >= 0) {
        const own = { x: now.get(node.x)!, pull: pulls.get(node)! };
        const rounded = roundStep(node, grids[l], own, values.get(node)!, others(node), damping);
        if (!rounded) return undefined;
        result.set(node, node.tangent ? { ...rounded, bias: node.bias } : rounded);
        step = { ...node, ...result.get(node)! };
      } else if (node.kind === 'affine') {
        step = { ...node, weight: result.get(this.owners.get(node.weight)!)!.weight };
      }
      const out = node.kind === 'input' ? values.get(node)! : new Float64Array(count * node.width);
      if (node.kind !== 'input') {
        const read = operands(node).map((x) => now.get(x)!);
        evaluateNode(step, read, out, count);
      }
      now.set(node, out);
    }
    return result;
  }

  private known?: { values: IrValues; pulls: Map<AffineNode, Float64Array> };

  /** Values of the unrounded network at the points, and the sum of squared gradients of the outputs by each step there. */
  private unrounded(): { values: IrValues; pulls: Map<AffineNode, Float64Array> } {
    if (this.known) return this.known;
    const { graph, points, inputCount, allowances } = this;
    const values = evaluateIr(graph, points, inputCount);
    const count = points.length / inputCount;
    const steps = affineNodes(graph);
    const pulls = new Map<AffineNode, Float64Array>(steps.map((step) => [step, new Float64Array(count)]));
    allowances.forEach((allowance, component) => {
      const gradients = gradientIr(graph, values, component);
      for (const step of steps) {
        const pull = pulls.get(step)!;
        gradients.get(step)!.forEach((g, i) => {
          const share = (g / allowance) ** 2;
          if (Number.isFinite(share)) pull[Math.floor(i / step.width)] += share;
        });
      }
    });
    this.known = { values, pulls };
    return this.known;
  }
}

function outputsOf(graph: IrGraph, points: Float64Array, inputCount: number): Float64Array {
  return evaluateIr(graph, points, inputCount).get(graph.output)!;
}

/** The graph with other weights, in the steps that they are given for and in those that share them. */
function withWeights(graph: IrGraph, weights: Rounding): IrGraph {
  const byArray = new Map([...weights].map(([layer, { weight }]) => [layer.weight, weight]));
  return mapNodes(graph, (node, original) => {
    if (node.kind !== 'affine' || original.kind !== 'affine') return node;
    const { weight = byArray.get(original.weight) ?? node.weight, bias = node.bias } = weights.get(original) ?? {};
    return { ...node, weight, bias };
  });
}

/** True for two layers with one matrix. */
function isShared(layer: AffineNode, other: AffineNode): boolean {
  return (
    layer !== other &&
    layer.weight.length === other.weight.length &&
    layer.weight.every((w, i) => w === other.weight[i])
  );
}
