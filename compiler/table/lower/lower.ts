import { complements } from '../../ir/complement.js';
import type { MapClaim } from '../../ir/map-function.js';
import { type AddNode, type IrNode, type MulNode, matrixArguments, operands } from '../../ir/types.js';
import { type QuantizedGraph, segmentsOf, type ValueFormat } from '../quantized-graph.js';
import type { BlockTable } from '../table.js';
import { inParts } from './parts.js';
import { RecordWriter } from './record-writer.js';
import { lowerBlocks } from './records/block.js';
import { fitsComplement, lowerCombine, lowerComplement } from './records/combine.js';
import { lowerAffine, lowerConstant } from './records/dense.js';
import { lowerMap } from './records/map.js';
import { lowerScale } from './records/scale.js';
import { lowerSpline } from './records/spline.js';

/** What the table does not hold but reports and packages want to know. */
export interface LoweredModel {
  table: BlockTable;
  /** Of a model in two parts: the first records, which read nothing but inputs that are given once, and their multiplications. */
  once?: { records: number; macs: number };
  /** Per record, the model's node it came from. */
  recordNames: string[];
  /** Per record, the largest magnitude of the integers of operand a, by proof; of DENSE records. */
  peaks: number[];
  /** Per record, the function that its table stands for; null of records without one. */
  claims: (MapClaim | null)[];
  /** Integer format of each input and output word. */
  inputFormats: ValueFormat[];
  outputFormats: ValueFormat[];
  /** Multiplications of weights by values in one run. */
  macs: number;
}

/** Name and range over the input box of a model's input, in its unit. */
type InputRange = { name: string; min: number; max: number; once?: boolean };

/** What the device's table check needs behind the input words (runtime/crc32.ts). */
const CHECK_SCRATCH_BYTES = 64;

/** Behind the output words of a model in parts, the word that says which of them runs (code/entry.ts). */
const PART_BYTES = 4;

/** Graph with formats to flat block table: records in execution order, weight pool, arena plan. */
export function lower(quantized: QuantizedGraph, inputs: readonly InputRange[]): LoweredModel {
  const { output } = quantized.graph;
  const { nodes, once } = inParts(quantized.graph.nodes, inputs);
  const hasParts = inputs.some((input) => input.once);
  const writer = new RecordWriter(quantized, inputs.length, hasParts ? PART_BYTES : 0);
  const outputCopies = writer.places.placeOutputs();
  for (const node of nodes) for (const x of matrixArguments(node)) writer.places.placeContiguous(x);
  const fused = fusedComplements(quantized, writer);
  const products = new Set<IrNode>(fused.values());
  for (const [i, node] of nodes.entries()) {
    if (i === once) writer.endPart();
    const product = node.kind === 'add' ? fused.get(node) : undefined;
    if (product) lowerComplement(node as AddNode, product, writer);
    else if (!products.has(node) && !isReadOnlyBy(node, fused, nodes)) lowerNode(node, writer);
  }
  for (const copy of outputCopies) writer.copy(copy, 32, 'outputs');

  const { records, names, peaks, claims, arenaBytes } = writer.finish();
  const inputFormats = formatsOfInputs(quantized, inputs);
  const outputFormats = segmentsOf(output).flatMap(({ leaf, width }) =>
    Array<ValueFormat>(width).fill(quantized.formats.get(leaf)!),
  );
  // Of a model in parts the scratch must leave alone the word that says which part runs.
  const wordBytes = 4 * inputs.length + (hasParts ? 4 * outputFormats.length + PART_BYTES : 0);
  const table: BlockTable = {
    inputs: inputFormats.map(({ exponent }, i) => ({
      min: Math.round(inputs[i].min * 2 ** exponent),
      max: Math.round(inputs[i].max * 2 ** exponent),
      exponent,
    })),
    outputs: outputFormats.map(({ exponent }) => ({ exponent })),
    arenaBytes: Math.max(arenaBytes, wordBytes + CHECK_SCRATCH_BYTES),
    records,
    pool: writer.pool.bytes(),
  };
  return {
    table,
    once: writer.once,
    recordNames: names,
    peaks,
    claims,
    inputFormats,
    outputFormats,
    macs: writer.macs,
  };
}

/** Sums 1 - a b that one record computes in their formats. */
function fusedComplements({ graph }: QuantizedGraph, to: RecordWriter): ReadonlyMap<AddNode, MulNode> {
  return new Map([...complements(graph)].filter(([node, product]) => fitsComplement(node, product, to)));
}

/** A one that is part of the records of its readers. */
function isReadOnlyBy(node: IrNode, fused: ReadonlyMap<AddNode, MulNode>, nodes: readonly IrNode[]): boolean {
  if (node.kind !== 'constant') return false;
  const readers = nodes.filter((reader) => operands(reader).includes(node));
  return readers.every((reader) => reader.kind === 'add' && fused.has(reader));
}

/** The records of a node; inputs, concat and slice are addresses in the arena, not work. */
function lowerNode(node: IrNode, to: RecordWriter): void {
  switch (node.kind) {
    case 'affine':
      lowerAffine(node, to);
      break;
    case 'blocks':
      lowerBlocks(node, to);
      break;
    case 'scale':
      lowerScale(node, to);
      break;
    case 'spline':
      lowerSpline(node, to);
      break;
    case 'map':
      lowerMap(node, to);
      break;
    case 'constant':
      lowerConstant(node, to);
      break;
    case 'add':
    case 'mul':
    case 'min':
    case 'max':
    case 'select':
      lowerCombine(node, to);
      break;
  }
}

/** Inputs that no output needs still have a word. */
function formatsOfInputs({ formats: known }: QuantizedGraph, inputs: readonly InputRange[]): ValueFormat[] {
  const formats = inputs.map(({ min, max }): ValueFormat => {
    const magnitude = Math.max(Math.abs(min), Math.abs(max));
    return { bits: 32, exponent: Math.floor(Math.log2(2 ** 29 / magnitude)), maxInteger: 2 ** 29 };
  });
  for (const [leaf, format] of known) if (leaf.kind === 'input') formats[leaf.index] = format;
  return formats;
}
