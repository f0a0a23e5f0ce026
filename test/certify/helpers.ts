import type { CertifiedBuild } from '../../compiler/certify/certify.js';
import { interpreterPrices } from '../../compiler/code/cost/instructions.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../../compiler/code/engines/engine.js';
import { type Precision, planFormats } from '../../compiler/formats/plan.js';
import { quantize } from '../../compiler/formats/quantize.js';
import { analyze } from '../../compiler/formats/search/analysis.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph, toTurns } from '../../compiler/ir/simplify.js';
import { congruential } from '../../compiler/judge/points/random.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { modelHash } from '../../compiler/model/hash.js';
import type { Model } from '../../compiler/model/types.js';
import { LARGEST_KERNELS, layOut } from '../../compiler/table/layout/interpreter.js';
import { nativeTable } from '../../compiler/table/layout/native.js';
import { lower } from '../../compiler/table/lower/lower.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { decodeTable, encodeTable } from '../../compiler/table/table.js';
import { modelFrom } from '../helpers/models.js';

export type Layout = 'plain' | 'dual' | 'lanes';

/** A model in integers of formats chosen by the noise model alone, in the order that an engine reads. */
export function quantized(
  model: Model,
  tolerance: number,
  precision: Precision = 'auto',
  layout: Layout = 'plain',
): CertifiedBuild {
  const { graph, ranges, sensitivity } = analyze(model, toTurns(foldGraph(buildIr(model))), 'model', {
    all: { relative: tolerance },
  });
  const plan = planFormats(graph, ranges, sensitivity, 0.5, precision);
  const lanes = { laneColumns: new Map(), oneShift: new Set<never>() };
  const lowered = lower(quantize(graph, ranges, plan, layout === 'lanes' ? { speed: lanes } : {}), model.inputs);
  const laid =
    layout === 'lanes'
      ? layOut(lowered, LARGEST_KERNELS, interpreterPrices('armv7e-m')).table
      : layout === 'dual'
        ? nativeTable(lowered.table, lowered.peaks)
        : lowered.table;
  return {
    model,
    table: encodeTable(laid),
    claims: lowered.claims,
    modelHash: modelHash(model),
    outputs: model.outputs.map(({ name, scale = 1, offset = 0 }) => ({ name, scale, offset, maxAbsolute: 0 })),
  };
}

/** Per output, the largest |edge - reference| over the points, and every one of them. */
export function errorsAt({ model, table }: CertifiedBuild, points: Float64Array): number[] {
  const decoded = decodeTable(table);
  const words = createOracle(decoded).run(toWords(points, inputWordFormats(decoded))).outputs;
  const edge = fromWords(words, outputWordFormats(decoded, model.outputs));
  const reference = evaluateReference(model, points);
  const largest = model.outputs.map(() => 0);
  edge.forEach((value, i) => {
    const k = i % largest.length;
    const error = Math.abs(value - reference[i]);
    largest[k] = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(largest[k], error);
  });
  return largest;
}

/** So many points of the input box of a generator, and all of its corners. */
export function boxPoints({ inputs }: Model, count: number, seed = 1): Float64Array {
  const next = congruential(seed);
  const points: number[] = [];
  for (let corner = 0; corner < 2 ** inputs.length; corner++) {
    points.push(...inputs.map(({ min, max }, i) => ((corner >> i) & 1 ? max : min)));
  }
  for (let p = 0; p < count; p++)
    points.push(...inputs.map(({ min, max }) => Math.min(max, min + next() * (max - min))));
  return Float64Array.from(points);
}

type Json = Record<string, unknown>;

/** y = nodes over inputs x0, x1 in -1 .. 1 that a dense layer of 4 has gone through: the value `z`. */
export function smallModel(
  nodes: Json[],
  value: string,
  options: { scale?: number; bias?: number[]; tensors?: Json } = {},
): Model {
  const { scale = 1, bias = [0.1, -0.2, 0.05, 0.3], tensors = {} } = options;
  const weights = [0.7, -0.4, -0.55, 0.8, 0.3, 0.6, -0.9, 0.2].map((w) => w * scale);
  return modelFrom({
    format: 'pinn-edge/1',
    name: 'small',
    inputs: [
      { name: 'x', min: -1, max: 1 },
      { name: 't', min: 0, max: 2 },
    ],
    outputs: [{ name: 'y', value }],
    tensors: {
      w: { shape: [4, 2], data: weights },
      b: { shape: [4], data: bias },
      v: { shape: [1, 4], data: [0.5, -0.7, 0.9, 0.4] },
      ...tensors,
    },
    nodes: [
      { name: 'in', op: 'concat', inputs: ['x', 't'] },
      { name: 'z', op: 'dense', inputs: ['in'], weight: 'w', bias: 'b' },
      ...nodes,
    ],
  });
}

/** Sum of the elements of a value, as the output `y`. */
export const summed = (value: string): Json => ({ name: 'y', op: 'dense', inputs: [value], weight: 'v' });
