import type { BlockLeaf, BlocksNode, WeightBits } from '../ir/types.js';
import type { BlocksFormat, LeafFormat, ValueFormat } from '../table/quantized-graph.js';
import { biasGuard, clampInt32, commonExponent, type MatrixIntegers } from './weight-formats.js';

/**
 * Weights of a matrix in blocks as integers that all leaves add into the same accumulators.
 *
 * Row r sums s_r = sum over leaves of (sum_c w_rc q_c) 2^left in units of 2^-P, with one P for the whole matrix. A leaf
 * whose inputs have exponents e_c <= E stores w_rc = v_rc 2^k, v_rc = W_rc 2^(E - e_c), with the largest k for which the
 * row fits its weight format and k + E <= P; left = P - E - k. P is the finest of all rows, as far as the largest
 * possible sum and the result's rounding fit the accumulator: what a row with small weights loses to that is below the
 * last bit of the others, which share its result format.
 */

export interface BlocksRequest {
  node: BlocksNode;
  bias: Float64Array;
  inputs: (leaf: BlockLeaf) => readonly ValueFormat[];
  weightBits: (leaf: BlockLeaf) => WeightBits;
  accBits: 32 | 64;
  /** Wanted exponent of the result; the format may have to be coarser. */
  outExponent: number;
}

const MAX_SHIFT = { 32: 30, 64: 46 } as const;
const MAX_LEFT = { 32: 30, 64: 31 } as const;

/** The integers of a leaf in a format that {@link quantizeBlocks} made, for another matrix with the same weights. */
export function leafIntegers(
  { weights, lefts }: LeafFormat,
  inputs: readonly ValueFormat[],
  accumulator: number,
): MatrixIntegers {
  const base = commonExponent(inputs);
  const exponents = Array.from(lefts, (left) => accumulator - base - left);
  return { weights, exponents, below: inputs.map(({ exponent }) => base - exponent) };
}

/**
 * Integers of a matrix in blocks, as fine as the accumulator's proof allows, and the exponent that the result can
 * have.
 */
export function quantizeBlocks(request: BlocksRequest): { format: BlocksFormat; outExponent: number } {
  return formatOf(request, undefined)!;
}

/**
 * A matrix in blocks with the integers of another that has the same weights.
 * @returns undefined where its inputs, its result or its accumulator do not allow them
 */
export function shareBlocks(
  request: BlocksRequest,
  given: (leaf: BlockLeaf) => MatrixIntegers,
): { format: BlocksFormat; outExponent: number } | undefined {
  return formatOf(request, given);
}

type Given = ((leaf: BlockLeaf) => MatrixIntegers) | undefined;

function formatOf(request: BlocksRequest, given: Given): { format: BlocksFormat; outExponent: number } | undefined {
  const { node, bias, accBits } = request;
  const prepared = node.leaves.map((leaf) => prepare(leaf, request, given));
  const finestAllowed = finestAccumulator(request, prepared);
  const exponents = prepared.flatMap(({ base, byWeight }) => byWeight.filter(Number.isFinite).map((k) => base + k));
  // The finest row, unless its products would have to be shifted too far to meet those of the coarsest.
  const finestRow = exponents.reduce((m, e) => Math.max(m, e), Number.NEGATIVE_INFINITY);
  const reach = exponents.reduce((m, e) => Math.min(m, e), Number.POSITIVE_INFINITY) + MAX_LEFT[accBits];
  const useful = request.outExponent + MAX_SHIFT[accBits];
  let accumulator = Math.min(finestAllowed, useful, reach, exponents.length ? finestRow : useful);
  const largestBias = bias.reduce((m, b) => Math.max(m, Math.abs(b)), 0);
  // Rounding needs one bit, and a bias must fit its int32.
  const finest = Math.min(request.outExponent, accumulator - 1);
  const outExponent = largestBias > 0 ? Math.min(finest, Math.floor(Math.log2((2 ** 31 - 1) / largestBias))) : finest;
  accumulator = Math.min(accumulator, outExponent + MAX_SHIFT[accBits]);
  const shift = accumulator - outExponent;
  if (prepared.some((leaf) => leaf.given && !isPossible(leaf, accumulator, accBits))) return undefined;
  const guard = biasGuard(bias, outExponent, shift);
  const leaves = prepared.map((leaf): LeafFormat => integers(leaf, accumulator));
  const format: BlocksFormat = {
    accBits,
    leaves,
    bias: Int32Array.from(bias, (b) => clampInt32(Math.round(b * 2 ** (outExponent + guard)))),
    shift,
    guard,
    accumulatorPeak: 0,
  };
  format.accumulatorPeak = peak(request, format);
  if (format.accumulatorPeak >= 2 ** (accBits - 1)) {
    if (given) return undefined;
    throw new Error('accumulator proof failed');
  }
  return { format, outExponent };
}

interface Prepared {
  leaf: BlockLeaf;
  weightBits: WeightBits;
  inputs: readonly ValueFormat[];
  /** Largest exponent of the inputs. */
  base: number;
  /** Weights for inputs of that exponent. */
  scaled: Float64Array;
  /** Per row, the largest k for which its weights times 2^k fit their format; infinite for a row of zeros. */
  byWeight: readonly number[];
  given?: MatrixIntegers;
}

/** True where the accumulators hold the given integers' products as they are, and the inputs differ as they have to. */
function isPossible({ base, inputs, given }: Prepared, accumulator: number, accBits: 32 | 64): boolean {
  const { exponents, below } = given!;
  const lefts = exponents.map((k) => accumulator - base - k);
  return (
    inputs.every(({ exponent }, c) => base - exponent === below[c]) &&
    lefts.every((left) => left >= 0 && left <= MAX_LEFT[accBits])
  );
}

function prepare(leaf: BlockLeaf, request: BlocksRequest, allGiven: Given): Prepared {
  const inputs = request.inputs(leaf);
  const weightBits = request.weightBits(leaf);
  const cols = inputs.length;
  const base = commonExponent(inputs);
  const given = allGiven?.(leaf);
  const scaled = leaf.weight.map((w, i) => w * 2 ** (base - inputs[i % cols].exponent));
  if (given) return { leaf, weightBits, inputs, base, scaled, byWeight: given.exponents, given };
  const byWeight = Array.from({ length: leaf.rows }, (_, r) => {
    const largest = scaled.subarray(r * cols, (r + 1) * cols).reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    return largest > 0 ? Math.floor(Math.log2((2 ** (weightBits - 1) - 0.5) / largest)) : Number.POSITIVE_INFINITY;
  });
  return { leaf, weightBits, inputs, base, scaled, byWeight };
}

/** Finest exponent at which half of the accumulator holds the largest sum of any row. */
function finestAccumulator({ bias, accBits }: BlocksRequest, prepared: readonly Prepared[]): number {
  const sums = bias.map(Math.abs);
  for (const { leaf, inputs } of prepared) {
    for (let r = 0; r < leaf.rows; r++) {
      inputs.forEach(({ maxInteger, exponent }, c) => {
        sums[leaf.row + r] += Math.abs(leaf.weight[r * inputs.length + c]) * maxInteger * 2 ** -exponent;
      });
    }
  }
  const most = sums.reduce((m, s) => Math.max(m, s), 0);
  return most > 0 ? Math.floor(Math.log2(2 ** (accBits - 2) / most)) : MAX_SHIFT[64];
}

function integers(prepared: Prepared, accumulator: number): LeafFormat {
  const { weightBits, base, scaled, byWeight, inputs, given } = prepared;
  const cols = inputs.length;
  const lefts = Uint8Array.from(byWeight, (k) => Math.max(0, accumulator - base - k));
  const spread = Math.max(...lefts) - Math.min(...lefts);
  if (given) return { weightBits, weights: given.weights, lefts, perRow: spread > 0 };
  const perRow = spread > (weightBits === 8 ? 0 : 1);
  // The coarsest row's shift suits all: weights only get smaller by it.
  if (!perRow) lefts.fill(Math.max(...lefts));
  const limit = 2 ** (weightBits - 1);
  const weights = Int32Array.from(scaled, (v, i) => {
    const k = accumulator - base - lefts[Math.floor(i / cols)];
    return Math.min(limit - 1, Math.max(-limit, Math.round(v * 2 ** k)));
  });
  return { weightBits, weights, lefts, perRow };
}

function peak({ node, inputs }: BlocksRequest, { leaves, bias, shift, guard }: BlocksFormat): number {
  const sums = Float64Array.from(bias, (b) => Math.abs(b) * 2 ** (shift - guard) + 2 ** (shift - 1));
  node.leaves.forEach((leaf, l) => {
    const { weights, lefts } = leaves[l];
    const columns = inputs(leaf);
    for (let r = 0; r < leaf.rows; r++) {
      columns.forEach(({ maxInteger }, c) => {
        sums[leaf.row + r] += Math.abs(weights[r * columns.length + c]) * maxInteger * 2 ** lefts[r];
      });
    }
  });
  return sums.reduce((m, s) => Math.max(m, s), 0);
}
