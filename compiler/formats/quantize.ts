import { complements } from '../ir/complement.js';
import { kinksOf, mapValue, stepFunction, tableKey } from '../ir/map-function.js';
import { type Range, type Ranges, unionRange } from '../ir/ranges.js';
import {
  type AffineNode,
  type BlockLeaf,
  type BlocksNode,
  graphOf,
  type IrGraph,
  type IrNode,
  type MapNode,
  type MulNode,
  operands,
  type ScaleNode,
  type SplineNode,
} from '../ir/types.js';
import type { FunctionTable } from '../table/function-table.js';
import {
  type BlocksFormat,
  type Leaf,
  type QuantizedGraph,
  type SplineFormat,
  segmentsOf,
  type ValueBits,
  type ValueFormat,
  type WeightFormat,
} from '../table/quantized-graph.js';
import { type BlocksRequest, leafIntegers, quantizeBlocks, shareBlocks } from './block-formats.js';
import { decidingLeaves, exactAtZero } from './deciding-values.js';
import { ExponentCaps, type Misaligned } from './exponent-caps.js';
import type { Plan } from './plan.js';
import { quantizeSpline } from './spline-format.js';
import { buildTable, usefulDomain } from './table-search.js';
import { integersOf, type MatrixIntegers, quantizeAffine, shareAffine } from './weight-formats.js';
import type { Rounding } from './weight-grid.js';

export interface QuantizeOptions {
  /** Prefer formats that the interpreter's packed kernels are fast with; see {@link LaneFormats}. */
  speed?: LaneFormats;
  /**
   * Bytes that a function table's degree is worth, from 0 on, where `elements` of values go through it: degree costs
   * time, segments cost memory. Default: what suits size.
   */
  degreeBytes?: (elements: number) => readonly number[];
  /** Weights to store in place of the graph's, for the affine steps that it names. */
  rounding?: Rounding;
  /** Function tables made before: plans that differ in other things share them. */
  built?: Map<string, FunctionTable>;
}

/** How formats bend to speed under the interpreter, matrix by matrix. */
export interface LaneFormats {
  /** Columns whose products are summed in one 32-bit lane; fewer leave more bits to the weights. Default: 16. */
  laneColumns: ReadonlyMap<IrNode, number>;
  /** Matrices whose rows have one shift in common. */
  oneShift: ReadonlySet<IrNode>;
}

/** Sixteen products of 15 bits and of weights that use 13 to 16 bits fit a lane. */
export const DEFAULT_LANE_COLUMNS = 16;

/** Number formats, integer weights, function tables and overflow proofs for a whole graph. */
export function quantize(graph: IrGraph, ranges: Ranges, plan: Plan, options: QuantizeOptions = {}): QuantizedGraph {
  const caps = new ExponentCaps();
  for (let round = 1; ; round++) {
    const quantizer = new Quantizer(graph, ranges, plan, options, caps);
    const quantized = quantizer.run();
    // Steps that share weights want the parts of their arguments to differ in scale in the same way.
    if (round === ALIGNING_ROUNDS || !caps.align(quantizer.misaligned, quantized.formats)) return quantized;
  }
}

const ALIGNING_ROUNDS = 4;

/** Largest magnitude of an int32 value: two bits are kept so that 64-bit products have headroom. */
const WIDE_LIMIT = 2 ** 29;
/** The same of an input that a table reads: its range is known exactly, and functions can be steep in it. */
const TABLED_INPUT_LIMIT = 2 ** 30;
/** A 16-bit value may reach 2^15 and saturate by one unit: 1.0 then uses all 16 bits. */
const NARROW_LIMIT = 2 ** 15;
const MAX_EXPONENT = 40;
const MIN_EXPONENT = -40;
/** Steps from zero to the largest argument of a table of slopes. */
const SLOPE_ARGUMENT_LIMIT = 2 ** 18;
/** One less than the format allows, for weighted values that turn out coarser than their range allows. */
const MAX_ALIGNING_SHIFT = 30;
/** 16-bit weights use 32-bit accumulators when that costs no more than this many bits of the weights. */
const NARROW_ACCUMULATOR_LOSS_BITS = 2;

class Quantizer {
  private readonly formats = new Map<Leaf, ValueFormat>();
  private readonly weights = new Map<AffineNode | ScaleNode, WeightFormat>();
  private readonly blocks = new Map<BlocksNode, BlocksFormat>();
  private readonly tables = new Map<MapNode, FunctionTable>();
  private readonly splines = new Map<SplineNode, SplineFormat>();
  /** Smallest error wanted, widest domain and coarsest argument of all maps that share a table. */
  private readonly tableGroups = new Map<string, { error: number; domain: Range; range: Range; maps: MapNode[] }>();
  private readonly readers = new Map<IrNode, IrNode[]>();
  private readonly deciding: ReadonlySet<Leaf>;
  private readonly complements: ReturnType<typeof complements>;
  /** Integers of matrices that are met again, by their arrays of weights, and the step that has them. */
  private readonly shared = new Map<Float64Array, MatrixIntegers & { weight: Float64Array }>();
  readonly misaligned: Misaligned[] = [];

  constructor(
    private readonly graph: IrGraph,
    private readonly ranges: Ranges,
    private readonly plan: Plan,
    private readonly options: QuantizeOptions,
    private readonly caps: ExponentCaps,
  ) {
    this.deciding = decidingLeaves(graph);
    this.complements = complements(graph);
  }

  run(): QuantizedGraph {
    for (const node of this.graph.nodes) {
      for (const x of operands(node)) {
        for (const { leaf } of segmentsOf(x)) this.readers.set(leaf, [...(this.readers.get(leaf) ?? []), node]);
      }
    }
    this.groupTables();
    for (const node of this.graph.nodes) {
      // The step itself decides the scales of its columns, not a derivative whose argument has zeros of any scale.
      const own =
        node.kind === 'affine' && node.tangent && !this.shared.has(node.weight) && this.undifferentiated(node);
      if (own)
        for (const before of graphOf({ kind: 'concat', name: '', width: own.width, parts: [own] }).nodes)
          this.settle(before);
      this.settle(node);
    }
    const { graph, formats, weights, blocks, tables, splines } = this;
    return { graph, formats, affine: weights, blocks, tables, splines };
  }

  /** The step whose derivative a step is, where the graph has it. */
  private undifferentiated({ weight }: AffineNode): AffineNode | undefined {
    return this.graph.nodes.find((node): node is AffineNode => {
      return node.kind === 'affine' && node.weight === weight && !node.tangent;
    });
  }

  private settle(node: IrNode): void {
    if (node.kind === 'concat' || node.kind === 'slice' || this.formats.has(node)) return;
    this.formats.set(node, this.quantizeLeaf(node));
  }

  private quantizeLeaf(leaf: Leaf): ValueFormat {
    const bits = this.plan.bits.get(leaf)!;
    switch (leaf.kind) {
      case 'input':
        return this.plainFormat(leaf, 32);
      case 'affine':
      case 'scale':
        return this.quantizeWeighted(leaf, bits);
      case 'blocks':
        return this.quantizeBlocks(leaf, bits);
      case 'constant':
        return this.quantizeConstant(leaf, bits);
      case 'map':
        return this.quantizeMap(leaf, bits);
      case 'spline':
        return this.quantizeSpline(leaf, bits);
      case 'add': {
        const product = this.complements.get(leaf);
        if (product) return this.plainFormat(leaf, bits, this.finestProduct(product));
        return this.plainFormat(leaf, bits, Math.max(this.finestExponent(leaf.a), this.finestExponent(leaf.b)));
      }
      case 'min':
      case 'max':
      case 'select':
        return this.plainFormat(leaf, bits, Math.max(this.finestExponent(leaf.a), this.finestExponent(leaf.b)));
      case 'mul':
        return this.plainFormat(leaf, bits, this.finestProduct(leaf));
    }
  }

  private finestProduct({ a, b }: MulNode): number {
    return this.coarsestExponent(a) + this.coarsestExponent(b);
  }

  /** Format from the range of the value, no finer than `finest`. */
  private plainFormat(leaf: Leaf, bits: ValueBits, finest = MAX_EXPONENT): ValueFormat {
    const { min, max } = this.storedRange(leaf);
    const magnitude = Math.max(Math.abs(min), Math.abs(max));
    const wideLimit = leaf.kind === 'input' && this.tablesOf(leaf).length ? TABLED_INPUT_LIMIT : WIDE_LIMIT;
    const limit = bits === 16 ? NARROW_LIMIT : wideLimit;
    const fitting = magnitude > 0 ? Math.floor(Math.log2(limit / magnitude) + 1e-12) : MAX_EXPONENT;
    const finestForReaders = Math.min(this.finestForTables(leaf), this.finestForSums(leaf));
    const exponent = Math.max(
      MIN_EXPONENT,
      Math.min(fitting, finest, finestForReaders, this.finestForSlopes(leaf, bits), this.caps.of(leaf), MAX_EXPONENT),
    );
    const maxInteger = leaf.kind === 'input' ? Math.ceil(magnitude * 2 ** exponent) + 1 : 2 ** (bits - 1);
    return { bits, exponent, maxInteger };
  }

  /** Tables of bases and slopes want their argument's segments to have at most 15 bits. */
  private finestForSlopes(leaf: Leaf, bits: ValueBits): number {
    const readers = this.readers.get(leaf) ?? [];
    if (!this.options.speed || bits === 16 || !readers.length) return MAX_EXPONENT;
    if (!readers.every((reader) => reader.kind === 'map' && !reader.fn.periodic)) return MAX_EXPONENT;
    // Of the table, so that all arguments of one table have one exponent, where they can, and share it.
    const domains = readers.map((reader) => this.tableGroups.get(this.tableGroupKey(reader as MapNode))!.domain);
    const magnitude = Math.max(...domains.map(({ min, max }) => Math.max(Math.abs(min), Math.abs(max))));
    return magnitude > 0 ? Math.floor(Math.log2(SLOPE_ARGUMENT_LIMIT / magnitude)) : MAX_EXPONENT;
  }

  /** A map's table, origin and segments, must be within int32 in steps of its argument. */
  private finestForTables(leaf: Leaf): number {
    const reachBits = leaf.kind === 'input' ? 30 : 28;
    let finest = MAX_EXPONENT;
    for (const reader of this.tablesOf(leaf)) {
      const { domain } = this.tableGroups.get(this.tableGroupKey(reader))!;
      const reach = Math.max(Math.abs(domain.min), Math.abs(domain.max), domain.max - domain.min);
      if (reach > 0) finest = Math.min(finest, reachBits - Math.ceil(Math.log2(reach)));
    }
    return finest;
  }

  /** Maps over a range that read a value. */
  private tablesOf(leaf: Leaf): MapNode[] {
    const readers = this.readers.get(leaf) ?? [];
    return readers.filter((reader): reader is MapNode => reader.kind === 'map' && !reader.fn.periodic);
  }

  /** Operands of sums and choices are shifted left to a common scale, by 31 bits at most. */
  private finestForSums(leaf: Leaf): number {
    let finest = MAX_EXPONENT;
    for (const reader of this.readers.get(leaf) ?? []) {
      if (!('a' in reader) || reader.kind === 'mul') continue;
      const { min, max } = unionRange([reader, reader.a, reader.b].flatMap((node) => this.ranges.get(node)!));
      const magnitude = Math.max(Math.abs(min), Math.abs(max));
      if (magnitude > 0)
        finest = Math.min(finest, Math.floor(Math.log2(NARROW_LIMIT / magnitude)) + MAX_ALIGNING_SHIFT);
    }
    return finest;
  }

  private tableGroupKey(node: MapNode): string {
    const key = `${tableKey(node.fn)} -> ${this.plan.bits.get(node)!}`;
    if (!node.fn.steps.some((step) => stepFunction(step).domain?.pole !== undefined)) return key;
    // Ranges on either side of a pole must not be joined across it.
    const { min, max } = unionRange(this.ranges.get(node.x)!);
    return `${key} over ${min} .. ${max}`;
  }

  /** The range that must be told apart: only the useful domain where all readers are function tables. Inputs come as they are. */
  private storedRange(leaf: Leaf): Range {
    const readers = this.readers.get(leaf) ?? [];
    const whole = unionRange(this.ranges.get(leaf)!);
    if (
      leaf.kind === 'input' ||
      !readers.length ||
      !readers.every((reader) => reader.kind === 'map' && !reader.fn.periodic)
    )
      return whole;
    return unionRange(readers.map((reader) => this.mapDomain(reader as MapNode)));
  }

  private mapDomain(node: MapNode): Range {
    const error = this.plan.tableErrors.get(node)!;
    const range = unionRange(this.ranges.get(node.x)!);
    return usefulDomain(mapValue(node.fn), range, Number.isFinite(error) ? error / 4 : 0);
  }

  private quantizeWeighted(node: AffineNode | ScaleNode, bits: ValueBits): ValueFormat {
    const cols = node.kind === 'affine' ? node.x.width : 1;
    const { weight, bias } = this.weightsOf(node);
    const inputs = this.elementFormats(node.x);
    const column = (row: number, col: number) => (node.kind === 'affine' ? col : node.x.width === 1 ? 0 : row);
    const finest = this.decides(node)
      ? exactAtZero(node.width, cols, weight, (r, c) => inputs[column(r, c)].exponent)
      : undefined;
    const wanted = node.wraps ? (bits === 16 ? 16 : 30) : this.plainFormat(node, bits, finest).exponent;
    const weightBits = node.kind === 'affine' ? this.plan.weightBits.get(node)! : 32;
    const request = {
      rows: node.width,
      cols,
      weight,
      bias: bias.map((b) => (node.wraps ? b - Math.round(b) : b)),
      inputs,
      column,
      widest: node.kind === 'affine' && weightBits === 32 ? this.widestArgument(node.weight) : 0,
      outExponent: wanted,
    };
    const wide = node.kind === 'scale' || weightBits === 32 || request.inputs.some((input) => input.bits === 32);
    const packs = this.options.speed && node.kind === 'affine' && !wide;
    const laneColumns = packs ? (this.options.speed?.laneColumns.get(node) ?? DEFAULT_LANE_COLUMNS) : undefined;
    const oneShift = this.options.speed?.oneShift.has(node);
    const shared = node.kind === 'affine' ? this.sharedIntegers(node.weight, node.x) : undefined;
    if (shared) {
      const known =
        (wide ? undefined : shareAffine({ ...request, weightBits, accBits: 32 }, shared)) ??
        shareAffine({ ...request, weightBits, accBits: 64 }, shared);
      if (known) {
        this.weights.set(node, known.format);
        return { bits, exponent: known.outExponent, maxInteger: 2 ** (bits - 1) };
      }
    }
    let result = quantizeAffine({ ...request, weightBits, accBits: 64, laneColumns, oneShift });
    if (!wide && !packs) {
      const narrow = quantizeAffine({ ...request, weightBits, accBits: 32 });
      const lost = bitsLost(result.format, narrow.format);
      if (narrow.outExponent === result.outExponent && lost <= (weightBits === 8 ? 0 : NARROW_ACCUMULATOR_LOSS_BITS)) {
        result = narrow;
      }
    }
    this.weights.set(node, result.format);
    if (node.kind === 'affine' && !shared) {
      this.shared.set(node.weight, { ...integersOf(result.format, request.inputs, result.outExponent), weight });
    }
    return { bits, exponent: result.outExponent, maxInteger: 2 ** (bits - 1) };
  }

  /** A condition that is computed from inputs alone, whose equality means a place in the box. */
  private decides(node: AffineNode | ScaleNode): boolean {
    return this.deciding.has(node) && segmentsOf(node.x).every(({ leaf }) => leaf.kind === 'input');
  }

  /** Largest magnitude of an argument of any step with these weights. */
  private widestArgument(weight: Float64Array): number {
    const sharers = this.graph.nodes.filter((node) => node.kind === 'affine' && node.weight === weight);
    if (sharers.length < 2) return 0;
    return Math.max(
      ...sharers
        .flatMap((node) => operands(node).flatMap(segmentsOf))
        .map(({ leaf }) => 2 ** (this.plan.bits.get(leaf)! - 1)),
    );
  }

  /** The integers of a matrix met before; notes an argument whose parts differ in scale in another way. */
  private sharedIntegers(weight: Float64Array, x: IrNode): MatrixIntegers | undefined {
    const shared = this.shared.get(weight);
    if (shared) this.misaligned.push({ segments: segmentsOf(x), below: shared.below });
    return shared;
  }

  private quantizeBlocks(node: BlocksNode, bits: ValueBits): ValueFormat {
    const request = {
      node,
      bias: node.bias.map((b) => (node.wraps ? b - Math.round(b) : b)),
      inputs: (leaf: BlockLeaf) => this.elementFormats(leaf.x),
      weightBits: (leaf: BlockLeaf) => this.plan.weightBits.get(leaf)!,
      outExponent: node.wraps ? (bits === 16 ? 16 : 30) : this.plainFormat(node, bits).exponent,
    };
    const wide = node.leaves.some((leaf) => {
      return request.weightBits(leaf) === 32 || request.inputs(leaf).some((input) => input.bits === 32);
    });
    const shared = new Map(node.leaves.map((leaf) => [leaf, this.sharedIntegers(leaf.weight, leaf.x)]));
    const known = node.leaves.every((leaf) => shared.get(leaf))
      ? this.sharedBlocks(request, wide, (leaf) => shared.get(leaf)!)
      : undefined;
    let result = known ?? quantizeBlocks({ ...request, accBits: 64 });
    if (!wide && !known) {
      const narrow = quantizeBlocks({ ...request, accBits: 32 });
      const eight = node.leaves.every((leaf) => request.weightBits(leaf) === 8);
      const lost = result.format.shift - narrow.format.shift;
      if (narrow.outExponent === result.outExponent && lost <= (eight ? 0 : NARROW_ACCUMULATOR_LOSS_BITS)) {
        result = narrow;
      }
    }
    this.blocks.set(node, result.format);
    node.leaves.forEach((leaf, k) => {
      if (this.shared.has(leaf.weight)) return;
      const accumulator = result.format.shift + result.outExponent;
      const integers = leafIntegers(result.format.leaves[k], request.inputs(leaf), accumulator);
      this.shared.set(leaf.weight, { ...integers, weight: leaf.weight });
    });
    return { bits, exponent: result.outExponent, maxInteger: 2 ** (bits - 1) };
  }

  private sharedBlocks(
    request: Omit<BlocksRequest, 'accBits'>,
    wide: boolean,
    given: (leaf: BlockLeaf) => MatrixIntegers,
  ): ReturnType<typeof shareBlocks> {
    const narrow = wide ? undefined : shareBlocks({ ...request, accBits: 32 }, given);
    return narrow ?? shareBlocks({ ...request, accBits: 64 }, given);
  }

  private weightsOf(node: AffineNode | ScaleNode): { weight: Float64Array; bias: Float64Array } {
    if (node.kind === 'scale') return { weight: node.scale, bias: node.shift };
    // Where the integers of a step cannot be shared, its weights still are what that step's were rounded to.
    const { weight = node.weight } = this.shared.get(node.weight) ?? {};
    return this.options.rounding?.get(node) ?? { weight, bias: node.bias };
  }

  /** A constant that must lie in the arena is an affine step without columns. */
  private quantizeConstant(leaf: Extract<Leaf, { kind: 'constant' }>, bits: ValueBits): ValueFormat {
    return this.plainFormat(leaf, bits);
  }

  private quantizeMap(node: MapNode, bits: ValueBits): ValueFormat {
    const group = this.tableGroups.get(this.tableGroupKey(node))!;
    let table = this.tables.get(group.maps[0]);
    if (!table) {
      const finest = this.plainFormat(node, bits).exponent;
      const magnitudes = group.maps.map((map) => this.plainFormat(map, bits).exponent);
      const argumentExponent = Math.min(...group.maps.map((map) => this.coarsestArgument(map)));
      const f = mapValue({ ...node.fn, phase: 0 });
      const exponent = Math.min(finest, ...magnitudes);
      const { error, domain, range } = group;
      const coarsest = node.fn.steps.some((step) => kinksOf(step) === 'integers') ? 0 : undefined;
      const { periodic } = node.fn;
      const degreeBytes = this.degreeBytes(group.maps);
      const request = { periodic, domain, range, error, bits, exponent, argumentExponent, coarsest, degreeBytes };
      const key = `${this.tableGroupKey(node)} ${JSON.stringify(request)}`;
      table = this.options.built?.get(key) ?? buildTable({ f, ...request });
      this.options.built?.set(key, table);
      for (const map of group.maps) this.tables.set(map, table);
    }
    const exponent =
      table.degree === 1 ? table.exponent : Math.min(table.exponent, this.groupExponent(group.maps, bits));
    const { min, max } = table.valueRange;
    const peak = Math.ceil(Math.max(Math.abs(min), Math.abs(max)) * 2 ** exponent) + 2;
    return { bits, exponent, maxInteger: Math.min(peak, 2 ** (bits - 1)) };
  }

  private quantizeSpline(node: SplineNode, bits: ValueBits): ValueFormat {
    const weightBits = this.plan.weightBits.get(node) === 8 ? 8 : 16;
    const wanted = this.plainFormat(node, bits).exponent;
    const { format, outExponent } = quantizeSpline(node, this.elementFormats(node.x), weightBits, wanted);
    this.splines.set(node, format);
    return { bits, exponent: outExponent, maxInteger: 2 ** (bits - 1) };
  }

  private degreeBytes(maps: readonly MapNode[]): readonly number[] | undefined {
    return this.options.degreeBytes?.(maps.reduce((n, map) => n + map.width, 0));
  }

  private groupExponent(maps: readonly MapNode[], bits: ValueBits): number {
    return Math.min(...maps.map((map) => this.plainFormat(map, bits).exponent));
  }

  /** Maps of one function and width share one table over the union of their domains. */
  private groupTables(): void {
    for (const node of this.graph.nodes) {
      if (node.kind !== 'map') continue;
      const key = this.tableGroupKey(node);
      const error = this.plan.tableErrors.get(node)!;
      const domain = this.mapDomain(node);
      const range = unionRange(this.ranges.get(node.x)!);
      const group = this.tableGroups.get(key);
      if (group) {
        group.error = Math.min(group.error, error);
        group.domain = unionRange([group.domain, domain]);
        group.range = unionRange([group.range, range]);
        group.maps.push(node);
      } else {
        this.tableGroups.set(key, { error, domain, range, maps: [node] });
      }
    }
  }

  private elementFormats(node: IrNode): ValueFormat[] {
    return segmentsOf(node).flatMap(({ leaf, width }) => Array<ValueFormat>(width).fill(this.formats.get(leaf)!));
  }

  private finestExponent(node: IrNode): number {
    return Math.max(...segmentsOf(node).map(({ leaf }) => this.formats.get(leaf)!.exponent));
  }

  private coarsestExponent(node: IrNode): number {
    return Math.min(...segmentsOf(node).map(({ leaf }) => this.formats.get(leaf)!.exponent));
  }

  /** Coarsest exponent of a map's argument; known for arguments before the map, else as its range will give it. */
  private coarsestArgument(map: MapNode): number {
    return Math.min(
      ...segmentsOf(map.x).map(({ leaf }) => {
        const known = this.formats.get(leaf);
        if (known) return known.exponent;
        const bits = this.plan.bits.get(leaf)!;
        if ('wraps' in leaf && leaf.wraps) return 16;
        // A weighted value may turn out coarser than its range allows; two bits cover that.
        return this.plainFormat(leaf, bits).exponent - 2;
      }),
    );
  }
}

/** Largest number of bits by which the weights of a row are coarser in `narrow` than in `wide`. */
function bitsLost(wide: WeightFormat, narrow: WeightFormat): number {
  return wide.shifts.reduce((m, shift, r) => Math.max(m, shift - narrow.shifts[r]), 0);
}
