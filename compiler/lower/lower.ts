import { FLAG, FORMAT, KIND } from '../format/spec.js';
import { type BlockTable, EMPTY_RECORD, type TableRecord } from '../format/table.js';
import {
  type AddNode,
  type AffineNode,
  type BlocksNode,
  type ExtremumNode,
  type IrNode,
  type MapNode,
  type MulNode,
  matrixArguments,
  type ScaleNode,
  type SelectNode,
} from '../ir/types.js';
import type { FunctionTable } from '../quantize/function-table.js';
import {
  type BlocksFormat,
  type Leaf,
  type LeafFormat,
  type QuantizedGraph,
  type Segment,
  segmentsOf,
  type ValueFormat,
  type WeightFormat,
} from '../quantize/types.js';
import { align, type BufferLife, planArena } from './arena.js';
import { type BlockStep, orderLeaves } from './blocks.js';
import { PoolBuilder } from './pool.js';

/** What the table does not hold but reports and packages want to know. */
export interface LoweredModel {
  table: BlockTable;
  /** Per record, the model's node it came from. */
  recordNames: string[];
  /** Per record, the largest magnitude of the integers of operand a, by proof; of DENSE records. */
  peaks: number[];
  /** Integer format of each input and output word. */
  inputFormats: ValueFormat[];
  outputFormats: ValueFormat[];
  /** Multiplications of weights by values in one run. */
  macs: number;
}

/** Graph with formats to flat block table: records in execution order, weight pool, arena plan. */
export function lower(
  quantized: QuantizedGraph,
  inputs: readonly { name: string; min: number; max: number }[],
): LoweredModel {
  return new Lowering(quantized, inputs).run();
}

/** A run of bytes whose arena address is decided once all lifetimes are known; `fixed` ones are given. */
interface ArenaBuffer {
  bytes: number;
  alignment?: number;
  first: number;
  last: number;
  fixed?: number;
}

interface Place {
  buffer: ArenaBuffer;
  byte: number;
}

interface Places {
  a?: Place;
  b?: Place;
  condition?: Place;
  out: Place;
}

/** A record whose arena addresses are still places. */
interface PendingRecord extends Places {
  fields: TableRecord;
  name: string;
  peak: number;
}

const COMBINE_KINDS = { add: KIND.ADD, min: KIND.MIN, max: KIND.MAX, select: KIND.SELECT } as const;

const WEIGHT_CODE = { 1: FORMAT.WEIGHT_8, 2: FORMAT.WEIGHT_16, 4: FORMAT.WEIGHT_32 } as const;

/** Rows that no leaf covers. */
const NO_LEAF: LeafFormat = { weightBits: 8, weights: new Int32Array(), lefts: new Uint8Array(), perRow: false };

/** What the device's table check needs behind the input words (runtime/crc32.ts). */
const CHECK_SCRATCH_BYTES = 64;

class Lowering {
  private readonly pool = new PoolBuilder();
  private readonly records: PendingRecord[] = [];
  private readonly buffers: ArenaBuffer[] = [];
  private readonly places = new Map<Leaf, Place>();
  /** Where a value lies contiguously, once copies (if any) have been made. */
  private readonly blocks = new Map<IrNode, { place: Place; copies: { from: Segment; byte: number }[] }>();
  private readonly outputBlock: ArenaBuffer;
  private macs = 0;

  constructor(
    private readonly quantized: QuantizedGraph,
    private readonly inputs: readonly { name: string; min: number; max: number }[],
  ) {
    const outputCount = quantized.graph.output.width;
    const forEver = { first: 0, last: Number.POSITIVE_INFINITY };
    const inputBlock: ArenaBuffer = { bytes: 4 * inputs.length, fixed: 0, ...forEver };
    this.outputBlock = { bytes: 4 * outputCount, fixed: 4 * inputs.length, ...forEver };
    for (const node of quantized.graph.nodes) {
      if (node.kind === 'input') this.places.set(node, { buffer: inputBlock, byte: 4 * node.index });
    }
  }

  run(): LoweredModel {
    const { graph } = this.quantized;
    const outputCopies = this.placeOutputs();
    for (const node of graph.nodes) for (const x of matrixArguments(node)) this.placeContiguous(x);
    for (const node of graph.nodes) this.emit(node);
    for (const { segment, byte } of outputCopies) {
      this.emitCopy(segment, { buffer: this.outputBlock, byte }, 32, 'outputs');
    }
    return this.finish();
  }

  private format(leaf: Leaf): ValueFormat {
    return this.quantized.formats.get(leaf)!;
  }

  private elementBytes(leaf: Leaf): number {
    return this.format(leaf).bits / 8;
  }

  /** Lets outputs be written straight into the output words where they can; returns those that must be copied. */
  private placeOutputs(): { segment: Segment; byte: number }[] {
    const copies: { segment: Segment; byte: number }[] = [];
    let byte = 0;
    for (const segment of segmentsOf(this.quantized.graph.output)) {
      if (this.canPlace(segment) && this.format(segment.leaf).bits === 32) {
        this.places.set(segment.leaf, { buffer: this.outputBlock, byte });
      } else {
        copies.push({ segment, byte });
      }
      byte += 4 * segment.width;
    }
    return copies;
  }

  private canPlace({ leaf, width }: Segment): boolean {
    return width === leaf.width && !this.places.has(leaf);
  }

  /** Decides where the parts of an affine step's input lie side by side. */
  private placeContiguous(node: IrNode): void {
    const segments = segmentsOf(node);
    if (this.blocks.has(node) || segments.length === 1 || this.alreadyContiguous(segments)) return;
    const bytes = this.elementBytes(segments[0].leaf);
    const buffer = this.newBuffer(node.width * bytes);
    const copies: { from: Segment; byte: number }[] = [];
    let byte = 0;
    for (const segment of segments) {
      if (this.canPlace(segment)) this.places.set(segment.leaf, { buffer, byte });
      else copies.push({ from: segment, byte });
      byte += segment.width * bytes;
    }
    this.blocks.set(node, { place: { buffer, byte: 0 }, copies });
  }

  private alreadyContiguous(segments: readonly Segment[]): boolean {
    let next: Place | undefined;
    for (const { leaf, start, width } of segments) {
      const place = this.places.get(leaf);
      if (!place) return false;
      const byte = place.byte + start * this.elementBytes(leaf);
      if (next && (place.buffer !== next.buffer || byte !== next.byte)) return false;
      next = { buffer: place.buffer, byte: byte + width * this.elementBytes(leaf) };
    }
    return true;
  }

  private newBuffer(bytes: number, alignment?: number): ArenaBuffer {
    const buffer = { bytes: align(bytes), alignment, first: Number.POSITIVE_INFINITY, last: -1 };
    this.buffers.push(buffer);
    return buffer;
  }

  /** Where a leaf's component lies; the leaf gets a buffer of its own when it has no place yet. */
  private placeOf({ leaf, start }: Segment): Place {
    let place = this.places.get(leaf);
    if (!place) {
      place = { buffer: this.newBuffer(leaf.width * this.elementBytes(leaf)), byte: 0 };
      this.places.set(leaf, place);
    }
    return { buffer: place.buffer, byte: place.byte + start * this.elementBytes(leaf) };
  }

  private emit(node: IrNode): void {
    switch (node.kind) {
      case 'affine':
        this.emitAffine(node);
        break;
      case 'blocks':
        this.emitBlocks(node);
        break;
      case 'scale':
        this.emitScale(node);
        break;
      case 'map':
        this.emitMap(node);
        break;
      case 'constant':
        this.emitConstant(node);
        break;
      case 'add':
      case 'mul':
      case 'min':
      case 'max':
      case 'select':
        this.emitCombine(node);
        break;
    }
  }

  private push(name: string, fields: Partial<TableRecord>, places: Places, peak = 0): void {
    const step = this.records.length;
    for (const place of [places.a, places.b, places.condition, places.out]) {
      if (!place || place.buffer.fixed !== undefined) continue;
      place.buffer.first = Math.min(place.buffer.first, step);
      place.buffer.last = Math.max(place.buffer.last, step);
    }
    this.records.push({ fields: { ...EMPTY_RECORD, ...fields }, ...places, name, peak });
  }

  private emitAffine(node: AffineNode): void {
    const format = this.quantized.affine.get(node)!;
    const { place: a, wide: aWide } = this.matrixArgument(node.x, node.name);
    this.macs += format.weights.length;
    const fields = { kind: KIND.DENSE, cols: node.x.width, ...this.weighted(node, format, aWide, 0, node.width) };
    const peak = segmentsOf(node.x).reduce((m, { leaf }) => Math.max(m, this.format(leaf).maxInteger), 0);
    this.push(node.name, fields, { a, out: this.placeOf(whole(node)) }, peak);
  }

  /** Where the argument of a matrix lies side by side, copied there if need be. */
  private matrixArgument(x: IrNode, name: string): { place: Place; wide: boolean } {
    const segments = segmentsOf(x);
    const block = this.blocks.get(x);
    for (const { from, byte } of block?.copies.splice(0) ?? []) {
      this.emitCopy(from, { buffer: block!.place.buffer, byte }, this.format(from.leaf).bits, name);
    }
    return { place: block?.place ?? this.placeOf(segments[0]), wide: this.format(segments[0].leaf).bits === 32 };
  }

  private emitBlocks(node: BlocksNode): void {
    const format = this.quantized.blocks.get(node)!;
    const accumulatorBytes = format.accBits / 8;
    for (const group of orderLeaves(node)) {
      const buffer = this.newBuffer(group.rows * accumulatorBytes, accumulatorBytes);
      for (const step of group.steps) {
        const { leaf: index, from, rows } = step;
        const leaf = index === undefined ? undefined : node.leaves[index];
        const a = leaf && this.matrixArgument(leaf.x, node.name);
        const out = this.placeOf({ leaf: node, start: from, width: rows });
        const b = { buffer, byte: (from - group.from) * accumulatorBytes };
        this.push(node.name, this.blockFields(node, format, step, a?.wide ?? false), { a: a?.place, b, out });
      }
    }
  }

  private blockFields(
    node: BlocksNode,
    format: BlocksFormat,
    { leaf: index, from, rows, first, last }: BlockStep,
    aWide: boolean,
  ): Partial<TableRecord> {
    const { row = from, x = undefined } = index === undefined ? {} : node.leaves[index];
    const { weights, lefts, perRow, weightBits } = index === undefined ? NO_LEAF : format.leaves[index];
    const cols = x?.width ?? 0;
    const weightBytes = (weightBits / 8) as 1 | 2 | 4;
    const cut = lefts.subarray(from - row, from - row + rows);
    this.macs += rows * cols;
    return {
      kind: KIND.BLOCK,
      rows,
      cols,
      format:
        WEIGHT_CODE[weightBytes] |
        (aWide ? FORMAT.A_WIDE : 0) |
        (this.format(node).bits === 32 ? FORMAT.OUT_WIDE : 0) |
        (format.accBits === 64 ? FORMAT.ACC_WIDE : 0),
      flags:
        (node.wraps ? FLAG.WRAP : 0) |
        (perRow ? FLAG.ROW_SHIFTS : 0) |
        (first ? FLAG.FIRST : 0) |
        (last ? FLAG.LAST : 0),
      shift: format.shift,
      shiftA: format.guard,
      shiftB: perRow ? 0 : (cut[0] ?? 0),
      weights: this.pool.add(weights.subarray((from - row) * cols, (from - row + rows) * cols), weightBytes),
      bias: first ? this.pool.add(format.bias.subarray(from, from + rows), 4) : 0,
      rowShifts: perRow ? this.pool.add(cut, 1) : 0,
    };
  }

  private weighted(
    node: AffineNode | ScaleNode,
    format: WeightFormat,
    aWide: boolean,
    from: number,
    rows: number,
  ): Partial<TableRecord> {
    const perRow = format.weights.length / node.width;
    const weightBytes = (format.weightBits / 8) as 1 | 2 | 4;
    const outWide = this.format(node).bits === 32;
    return {
      rows,
      format:
        WEIGHT_CODE[weightBytes] |
        (aWide ? FORMAT.A_WIDE : 0) |
        (outWide ? FORMAT.OUT_WIDE : 0) |
        (format.accBits === 64 ? FORMAT.ACC_WIDE : 0),
      flags: (node.wraps ? FLAG.WRAP : 0) | (format.perRow ? FLAG.ROW_SHIFTS : 0),
      shift: format.shifts.slice(from, from + rows).reduce((m, s) => Math.min(m, s)),
      shiftA: format.guard,
      weights: this.pool.add(format.weights.subarray(from * perRow, (from + rows) * perRow), weightBytes),
      bias: this.pool.add(format.bias.subarray(from, from + rows), 4),
      rowShifts: format.perRow ? this.pool.add(format.shifts.subarray(from, from + rows), 1) : 0,
    };
  }

  private emitScale(node: ScaleNode): void {
    const format = this.quantized.affine.get(node)!;
    const broadcast = node.x.width === 1 && node.width > 1;
    this.macs += node.width;
    for (const { from, rows, operands } of runs(node.width, [node.x])) {
      const [x] = operands;
      const fields = this.weighted(node, format, this.format(x.leaf).bits === 32, from, rows);
      const flags = (fields.flags ?? 0) | (broadcast ? FLAG.BROADCAST_A : 0);
      const out = this.placeOf({ leaf: node, start: from, width: rows });
      this.push(node.name, { ...fields, kind: KIND.SCALE, flags }, { a: this.placeOf(x), out });
    }
  }

  private emitConstant(node: Extract<Leaf, { kind: 'constant' }>): void {
    const { exponent, bits } = this.format(node);
    const bias = Array.from(node.data, (v) => Math.round(v * 2 ** (exponent + 1)));
    const fields: Partial<TableRecord> = {
      kind: KIND.DENSE,
      format: FORMAT.WEIGHT_8 | (bits === 32 ? FORMAT.OUT_WIDE : 0),
      rows: node.width,
      shift: 1,
      shiftA: 1,
      bias: this.pool.add(bias, 4),
    };
    this.push(node.name, fields, { out: this.placeOf(whole(node)) });
  }

  private emitMap(node: MapNode): void {
    const table = this.quantized.tables.get(node)!;
    const format = this.format(node);
    const weights = this.pool.add(table.data, table.bytesPerEntry);
    for (const { from, rows, operands } of runs(node.width, [node.x])) {
      const [x] = operands;
      const argument = this.format(x.leaf);
      const fields: Partial<TableRecord> = {
        kind: table.degree === 1 ? KIND.MAP_LINEAR : KIND.MAP_POLYNOMIAL,
        format: (argument.bits === 32 ? FORMAT.A_WIDE : 0) | (format.bits === 32 ? FORMAT.OUT_WIDE : 0),
        rows,
        cols: table.segments,
        weights,
        ...mapFields(node, table, argument, format),
      };
      const out = this.placeOf({ leaf: node, start: from, width: rows });
      this.push(node.name, fields, { a: this.placeOf(x), out });
    }
  }

  private emitCombine(node: AddNode | MulNode | ExtremumNode | SelectNode): void {
    const format = this.format(node);
    const values = node.kind === 'select' ? [node.a, node.b, node.condition] : [node.a, node.b];
    for (const { from, rows, operands } of runs(node.width, values)) {
      const [a, b, condition] = operands;
      const [fa, fb] = [this.format(a.leaf), this.format(b.leaf)];
      const common = {
        format:
          (fa.bits === 32 ? FORMAT.A_WIDE : 0) |
          (fb.bits === 32 ? FORMAT.B_WIDE : 0) |
          (format.bits === 32 ? FORMAT.OUT_WIDE : 0) |
          FORMAT.ACC_WIDE,
        flags:
          (node.kind === 'add' && node.subtract ? FLAG.SUBTRACT : 0) |
          (node.a.width === 1 && node.width > 1 ? FLAG.BROADCAST_A : 0) |
          (node.b.width === 1 && node.width > 1 ? FLAG.BROADCAST_B : 0),
        rows,
      };
      const places: Places = {
        a: this.placeOf(a),
        b: this.placeOf(b),
        out: this.placeOf({ leaf: node, start: from, width: rows }),
      };
      if (node.kind === 'mul') {
        const shift = fa.exponent + fb.exponent - format.exponent;
        this.push(node.name, { ...common, kind: KIND.MUL, shift }, places);
      } else {
        const finest = Math.max(fa.exponent, fb.exponent, format.exponent);
        const shifts = { shiftA: finest - fa.exponent, shiftB: finest - fb.exponent, shift: finest - format.exponent };
        if (node.kind === 'select') {
          const wide = this.format(condition.leaf).bits === 32;
          const broadcast = node.condition.width === 1 && node.width > 1;
          common.format |= wide ? FORMAT.WEIGHT_32 : FORMAT.WEIGHT_16;
          common.flags |= broadcast ? FLAG.BROADCAST_CONDITION : 0;
          places.condition = this.placeOf(condition);
        }
        this.push(node.name, { ...common, kind: COMBINE_KINDS[node.kind], ...shifts }, places);
      }
    }
  }

  private emitCopy(from: Segment, out: Place, bits: 16 | 32, name: string): void {
    const fields = {
      kind: KIND.COPY,
      format:
        (this.format(from.leaf).bits === 32 ? FORMAT.A_WIDE : 0) |
        (bits === 32 ? FORMAT.OUT_WIDE : 0) |
        FORMAT.ACC_WIDE,
      rows: from.width,
    };
    this.push(name, fields, { a: this.placeOf(from), out });
  }

  private finish(): LoweredModel {
    const { graph, formats } = this.quantized;
    const reserved = 4 * (this.inputs.length + graph.output.width);
    // A buffer that nothing touches (its value is only copied from elsewhere) takes no room.
    const lives: BufferLife[] = this.buffers.map((b) => (b.last < 0 ? { ...b, bytes: 0, first: 0, last: 0 } : b));
    const plan = planArena(lives, reserved);
    const offset = new Map(this.buffers.map((buffer, i) => [buffer, plan.offsets[i]]));
    const address = (place: Place | undefined) =>
      place ? ((place.buffer.fixed ?? offset.get(place.buffer)!) + place.byte) / 2 : 0;
    const records = this.records.map(({ fields, a, b, condition, out }) => ({
      ...fields,
      cols: condition ? address(condition) : fields.cols,
      a: address(a),
      b: address(b),
      out: address(out),
    }));
    const inputFormats = this.inputFormats();
    const outputFormats = segmentsOf(graph.output).flatMap(({ leaf, width }) =>
      Array<ValueFormat>(width).fill(formats.get(leaf)!),
    );
    const table: BlockTable = {
      inputs: inputFormats.map(({ exponent }, i) => ({
        min: Math.round(this.inputs[i].min * 2 ** exponent),
        max: Math.round(this.inputs[i].max * 2 ** exponent),
        exponent,
      })),
      outputs: outputFormats.map(({ exponent }) => ({ exponent })),
      arenaBytes: Math.max(plan.bytes, 4 * this.inputs.length + CHECK_SCRATCH_BYTES),
      records,
      pool: this.pool.bytes(),
    };
    const recordNames = this.records.map((r) => r.name);
    const peaks = this.records.map((r) => r.peak);
    return { table, recordNames, peaks, inputFormats, outputFormats, macs: this.macs };
  }

  /** Inputs that no output needs still have a word. */
  private inputFormats(): ValueFormat[] {
    const formats = this.inputs.map(({ min, max }): ValueFormat => {
      const magnitude = Math.max(Math.abs(min), Math.abs(max));
      return { bits: 32, exponent: Math.floor(Math.log2(2 ** 29 / magnitude)), maxInteger: 2 ** 29 };
    });
    for (const [leaf, format] of this.quantized.formats) if (leaf.kind === 'input') formats[leaf.index] = format;
    return formats;
  }
}

function whole(leaf: Leaf): Segment {
  return { leaf, start: 0, width: leaf.width };
}

interface Run {
  from: number;
  rows: number;
  operands: Segment[];
}

/** Cuts an elementwise operation into runs within which every operand comes from one leaf. */
function runs(width: number, operands: readonly IrNode[]): Run[] {
  const segmented = operands.map((node) => ({ segments: segmentsOf(node), broadcast: node.width === 1 && width > 1 }));
  const cuts = new Set([0, width]);
  for (const { segments, broadcast } of segmented) {
    let at = 0;
    for (const segment of broadcast ? [] : segments) {
      at += segment.width;
      cuts.add(at);
    }
  }
  const sorted = [...cuts].sort((a, b) => a - b);
  return sorted.slice(0, -1).map((from, i) => {
    const rows = sorted[i + 1] - from;
    return {
      from,
      rows,
      operands: segmented.map(({ segments, broadcast }) => (broadcast ? segments[0] : segmentAt(segments, from, rows))),
    };
  });
}

function segmentAt(segments: readonly Segment[], at: number, width: number): Segment {
  for (const { leaf, start, width: length } of segments) {
    if (at < length) return { leaf, start: start + at, width };
    at -= length;
  }
  throw new Error('segment out of range');
}

/** The fields of a map record that depend on the format of its argument. */
function mapFields(
  node: MapNode,
  table: FunctionTable,
  argument: ValueFormat,
  result: ValueFormat,
): Partial<TableRecord> {
  const linear = table.degree === 1;
  const common = {
    shiftB: linear ? 0 : table.exponent - result.exponent,
    bias: linear ? 0 : table.degree,
    rowShifts: linear ? 0 : table.octaveBits,
  };
  if (table.segmentation === 'periodic') {
    return {
      ...common,
      flags: FLAG.PERIODIC,
      shift: 32 - table.segmentBits,
      shiftA: 32 - argument.exponent,
      origin: Math.round(node.fn.phase * 2 ** 32) | 0,
    };
  }
  const octaves = table.segmentation === 'octaves';
  return {
    ...common,
    flags: (octaves ? FLAG.OCTAVES : 0) | (table.mirrored ? FLAG.MIRRORED : 0),
    shift: argument.exponent - table.segmentBits,
    origin: Math.round(table.origin * 2 ** argument.exponent),
  };
}
