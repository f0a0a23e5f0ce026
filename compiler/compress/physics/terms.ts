import { PinnEdgeError } from '../../diagnostics.js';
import { deriveOutputs } from '../../ir/derive/derived-outputs.js';
import { refuseJumps } from '../../ir/derive/refuse-jumps.js';
import { buildIr } from '../../ir/from-model.js';
import type { ParameterLayout } from '../../ir/parameters.js';
import { graphOf, type IrGraph } from '../../ir/types.js';
import { conditionPoints, measuredOutputs } from '../../judge/points/condition-points.js';
import { coveringPoints, interiorPoints } from '../../judge/points/cover.js';
import { inputBox } from '../../model/box.js';
import { conditionName } from '../../model/conditions.js';
import { allOutputs, type Model } from '../../model/types.js';

/**
 * What a physics block asks of a network, as graphs: every residual, condition and measured output is an ordinary output,
 * with derivatives as nodes, and shares the very arrays of the network's weights.
 *
 *     loss = sum over all of them  weight * mean over their points  (value - wanted)^2
 */

/** Outputs that are looked at together, at the same points. */
export interface Term {
  /** What its outputs are called. */
  readonly names: readonly string[];
  readonly graph: IrGraph;
  /** Square roots of the weights of its outputs. */
  readonly roots: Float64Array;
  /** True for residuals, whose points may be chosen freely. */
  readonly isResidual: boolean;
  /**
   * Points, row-major [points x inputs], engineering units.
   * @param skip part of the Sobol sequence
   */
  readonly points: (count: number, skip: number) => Float64Array;
  /** Its points for each of the residuals'. */
  readonly density: number;
  /** What its outputs should be, row-major [points x outputs]; zero unless given. */
  readonly wanted?: (points: Float64Array) => Float64Array;
}

/** Points of a condition for each of the residuals'. */
const CONDITION_DENSITY = 1 / 8;

const JUMP_POINTS = 1024;

/** @returns the terms, as graphs of `network`, which is that of the model's network outputs */
export function termsOf(model: Model, network: IrGraph, file = model.name): Term[] {
  const { residuals = [], conditions = [], data = [] } = model.physics ?? {};
  const box = inputBox(model.inputs);
  const hidden = allOutputs(model);
  const graphFor = (expressions: readonly string[]) => {
    // Names that no output of a file can have, so that none is taken for another.
    const outputs = expressions.map((expression, k) => ({ name: `:${k}`, expression }));
    return deriveOutputs({ ...model, outputs, hidden }, network, (selects) => {
      if (selects.size) refuseJumps(file, model, selects, coveringPoints(box, JUMP_POINTS));
    });
  };
  const rootsOf = (list: readonly { weight?: number }[]) =>
    Float64Array.from(list, ({ weight = 1 }) => Math.sqrt(weight));
  const terms: Term[] = [];
  if (residuals.length) {
    terms.push({
      names: residuals.map(({ name }) => name),
      graph: graphFor(residuals.map(({ expression }) => expression)),
      roots: rootsOf(residuals),
      isResidual: true,
      density: 1,
      points: (count, skip) => interiorPoints(box, count, skip),
    });
  }
  for (const condition of conditions) {
    terms.push({
      names: [conditionName(condition)],
      graph: graphFor([condition.expression]),
      roots: rootsOf([condition]),
      isResidual: false,
      density: CONDITION_DENSITY,
      points: (count, skip) => conditionPoints(model, condition, count, skip),
    });
  }
  for (const table of data) {
    if (table.weight === 0) continue;
    for (const { name, output, points, values } of measuredOutputs(model, table)) {
      const [graph, roots] = [graphFor([output]), rootsOf([table])];
      const fixed = { isResidual: false, density: 0, points: () => points, wanted: () => values };
      terms.push({ names: [name], graph, roots, ...fixed });
    }
  }
  return terms;
}

/** Weights that graphs share, as one vector. */
export interface Weights {
  readonly layout: ParameterLayout;
  readonly inputCount: number;
}

/** A model that owns its weights, and the graph of its network, whose arrays they are. */
export interface Trainee extends Weights {
  readonly model: Model;
  readonly network: IrGraph;
}

/**
 * A copy of a model to train: the tensors of its dense, low-rank and hierarchical layers are parameters, numbers that are
 * written into nodes (scalings, constants) are not.
 * @throws PE4304 for tensor trains
 */
export function traineeOf(given: Model, file: string, frozen: readonly string[] = []): Trainee {
  const train = given.nodes.find(({ op }) => op === 'tensor_train');
  if (train) throw new PinnEdgeError('PE4304', { file, node: train.name });
  const tensors = new Map([...given.tensors].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
  const model = { ...given, tensors };
  const network = buildIr(model);
  const used = new Set(
    graphOf(network.output).nodes.flatMap((node) => {
      if (node.kind === 'affine') return [node.weight, node.bias];
      return node.kind === 'blocks' ? [...node.leaves.map(({ weight }) => weight), node.bias] : [];
    }),
  );
  const offsets = new Map<Float64Array, number>();
  let size = 0;
  for (const [name, { data }] of tensors) {
    if (frozen.includes(name) || !used.has(data)) continue;
    offsets.set(data, size);
    size += data.length;
  }
  return { model, network, layout: { offsets, size }, inputCount: model.inputs.length };
}

export function parametersOf({ layout: { offsets, size } }: Weights): Float64Array {
  const theta = new Float64Array(size);
  for (const [array, at] of offsets) theta.set(array, at);
  return theta;
}

/** Overwrites the weights in place, in every graph that has them. */
export function setParameters({ layout: { offsets } }: Weights, theta: Float64Array): void {
  for (const [array, at] of offsets) array.set(theta.subarray(at, at + array.length));
}
