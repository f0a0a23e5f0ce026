// One step of training on Poisson's equation in integers, for two hidden layers of WIDTH sines: the arithmetic of group.ts,
// optimiser.ts and training.ts, to the bit. Doubles there are 64-bit integers here, each at a fixed unit, which the comments
// give as the bits behind the point. step-module.ts makes ./constants and compiles this.
//
//     a group: PATHS x 4 rows, path after path, the four points of a path together; blocks are 4 rows x 4 neurons
//     angles   i32 [rows x WIDTH], 24 bits         one per hidden layer
//     values   i8  [rows x WIDTH], exponents i8 [PATHS x WIDTH / 4]
//     back     i32 [rows x WIDTH], 30 bits         gradients before they are rounded
//     g        i16 [rows x WIDTH], exponents i8    gradients in blocks
import {
  BACK_SCALE,
  CONDITION_GROUPS,
  CONDITION_SHIFT,
  FACTOR_BITS,
  GROUPS,
  INITIAL,
  PAIRS,
  POINT_STATE,
  QUARTER_WAVE,
  RATE,
  ROUNDING_STATE,
  STEIN_DIRECTIONS,
  STEIN_FACTORS,
  STEPS,
  STOCHASTIC,
  WIDTH,
} from './constants';

const PATHS: i32 = 1 + 2 * PAIRS;
const ROWS: i32 = 4 * PATHS;
const ACROSS: i32 = WIDTH / 4;

// Parameters in their order: first matrix, its biases, second, its biases, output row, its bias.
const FIRST: i32 = 0;
const FIRST_BIAS: i32 = 2 * WIDTH;
const SECOND: i32 = 3 * WIDTH;
const SECOND_BIAS: i32 = SECOND + WIDTH * WIDTH;
const OUTPUT: i32 = SECOND_BIAS + WIDTH;
const OUTPUT_BIAS: i32 = OUTPUT + WIDTH;
const COUNT: i32 = OUTPUT_BIAS + 1;

const STORED: usize = INITIAL;
const MEANS: usize = memory.data(4 * COUNT, 8);
const LARGEST: usize = memory.data(4 * COUNT, 8);
const SUMS: usize = memory.data(8 * COUNT, 8);
const WEIGHTS: usize = memory.data(COUNT, 8);
/** Exponents of the blocks of the three matrices. */
const WEIGHT_EXPONENTS: usize = memory.data(ACROSS + ACROSS * ACROSS + ACROSS, 8);
const SECOND_EXPONENTS: usize = WEIGHT_EXPONENTS + ACROSS;
const OUTPUT_EXPONENTS: usize = SECOND_EXPONENTS + ACROSS * ACROSS;
const ANGLES_1: usize = memory.data(4 * ROWS * WIDTH, 8);
const ANGLES_2: usize = memory.data(4 * ROWS * WIDTH, 8);
const VALUES_1: usize = memory.data(ROWS * WIDTH, 8);
const VALUES_2: usize = memory.data(ROWS * WIDTH, 8);
const EXPONENTS_1: usize = memory.data(PATHS * ACROSS, 8);
const EXPONENTS_2: usize = memory.data(PATHS * ACROSS, 8);
const BACK: usize = memory.data(4 * ROWS * WIDTH, 8);
const G: usize = memory.data(2 * ROWS * WIDTH, 8);
const G_EXPONENTS: usize = memory.data(PATHS * ACROSS, 8);
const OUTPUTS: usize = memory.data(4 * ROWS, 8);
/** Gradients by the outputs, 64 bits, and in blocks of 4 x 1. */
const BY_OUTPUT: usize = memory.data(8 * ROWS, 8);
const G_OUTPUT: usize = memory.data(2 * ROWS, 8);
const G_OUTPUT_EXPONENTS: usize = memory.data(PATHS, 8);
/** x and y of four points, 14 bits; what conditions know of them, 27 bits. */
const POINTS: usize = memory.data(32, 8);
const KNOWN: usize = memory.data(16, 8);
/** Two words from the group of a step that is over: sums of squares (i64, 24 bits). */
const SQUARES: usize = memory.data(16, 8);
const WORDS: usize = memory.data(24, 8);

/** Bits behind the point of sums of products, and of sums of gradients of the first layer and of the others. */
const SUM_BITS: i32 = 35;
const BACK_BITS: i32 = 39;
const GRADIENT_BITS: i32 = 40;
const FIRST_GRADIENT_BITS: i32 = 42;
const BIAS_GRADIENT_BITS: i32 = 22;
const LOWEST_WEIGHT: i32 = -17;
const LOWEST_VALUE: i32 = -18;
const LOWEST_GRADIENT: i32 = -22;
const MOST: i64 = 0x7fffffff;

// Set in the first step: modules of devices have no start function.
let pointState: u32 = 0;
let roundingState: u32 = 0;
let step: i32 = 0;
/** log2 of what gradients are multiplied by. */
let lossShift: i32 = 0;
let largestResidual: i32 = 0;

function drawPoint(): u32 {
  return (pointState = pointState * 1664525 + 1013904223);
}

function clamp(value: i64, most: i64): i64 {
  return value > most ? most : value < -most ? -most : value;
}

/** value / 2^bits to the nearest, halves up; negative bits shift left. */
function nearest(value: i64, bits: i32): i64 {
  return bits > 0 ? (value + ((<i64>1) << (bits - 1))) >> bits : value << -bits;
}

/** As {@link nearest} for bits above 0, but up as often as the part behind the point says. */
function stochastic(value: i64, bits: i32): i64 {
  if (!STOCHASTIC) return nearest(value, bits);
  roundingState = roundingState * 1664525 + 1013904223;
  const below = value >> bits;
  const part: u64 = value & (((<i64>1) << bits) - 1);
  const random: u64 = roundingState;
  const up = bits <= 32 ? (part << (32 - bits)) + random >> 32 : part + (random << (bits - 32)) >> bits;
  return below + <i64>up;
}

function log2(magnitude: i64): i32 {
  return 63 - <i32>clz(magnitude);
}

/** Exponent of a block whose largest magnitude is an integer with `bits` bits behind the point. */
function exponentOf(largest: i64, bits: i32, width: i32, lowest: i32, highest: i32): i32 {
  if (largest == 0) return lowest;
  const exponent = log2(largest) - bits - (width - 2);
  return min(highest, max(lowest, exponent));
}

/** Largest magnitude of rows x cols 32-bit integers, `stride` apart. */
function largest32(at: usize, rows: i32, cols: i32, stride: i32): i64 {
  let most: i64 = 0;
  for (let r = 0; r < rows; r++) {
    const row = at + 4 * r * stride;
    for (let c = 0; c < cols; c++) most = max(most, abs(<i64>load<i32>(row + (c << 2))));
  }
  return most;
}

function roundWeights(first: i32, rows: i32, cols: i32, exponents: usize): void {
  for (let top = 0; top < rows; top += 4) {
    const height = min(4, rows - top);
    for (let left = 0; left < cols; left += 4) {
      const wide = min(4, cols - left);
      const at = first + top * cols + left;
      const exponent = exponentOf(largest32(STORED + 4 * at, height, wide, cols), 24, 8, LOWEST_WEIGHT, -5);
      store<i8>(exponents++, exponent);
      for (let r = 0; r < height; r++) {
        for (let c = 0; c < wide; c++) {
          const i = at + r * cols + c;
          store<i8>(WEIGHTS + i, clamp(nearest(load<i32>(STORED + 4 * i), exponent + 24), 127));
        }
      }
    }
  }
}

/** Sine of a fraction of a turn, 26 bits. */
function sine(phase: u32): i32 {
  const quadrant = phase >> 30;
  const within = phase & 0x3fffffff;
  const place = quadrant & 1 ? 0x40000000 - within : within;
  const entry = QUARTER_WAVE + ((place >> 22) << 2);
  const value = load<i32>(entry);
  const part = <i32>nearest(<i64>(load<i32>(entry, 4) - value) * (place & 0x3fffff), 22);
  return quadrant & 2 ? -(value + part) : value + part;
}

function cosine(phase: u32): i32 {
  return sine(phase + 0x40000000);
}

const TURN_FACTOR: i64 = 667544;

function phaseOf(angle: i32): u32 {
  return <u32>((angle * TURN_FACTOR + 8192) >> 14);
}

function halfPhaseOf(angle: i32): u32 {
  return <u32>((angle * TURN_FACTOR + 16384) >> 15);
}

/** Angles of the first layer: of the points, and of the directions, which all four points have in common. */
function firstAngles(paths: i32): void {
  for (let row = 0; row < 4 * paths; row++) {
    const path = row >> 2;
    let x: i64, y: i64, bits: i32;
    if (path == 0) {
      x = load<i32>(POINTS + (row << 3));
      y = load<i32>(POINTS + (row << 3), 4);
      bits = 14 - LOWEST_WEIGHT;
    } else {
      const direction = STEIN_DIRECTIONS + (((path - 1) >> 1) << 3);
      const sign = path & 1 ? 1 : -1;
      x = sign * load<i32>(direction);
      y = sign * load<i32>(direction, 4);
      bits = 20 - LOWEST_WEIGHT;
    }
    for (let j = 0; j < WIDTH; j++) {
      const exponent = load<i8>(WEIGHT_EXPONENTS + (j >> 2)) - LOWEST_WEIGHT;
      const weight = WEIGHTS + FIRST + 2 * j;
      let sum = (x * load<i8>(weight) + y * load<i8>(weight, 1)) << exponent;
      if (path == 0) sum += <i64>load<i32>(STORED + 4 * (FIRST_BIAS + j)) << (bits - 24);
      store<i32>(ANGLES_1 + 4 * (row * WIDTH + j), clamp(nearest(sum, bits - 24), (1 << 30) - 1));
    }
  }
}

/** Sum of products of a row of values with a row of weights, SUM_BITS. */
function dot(values: usize, exponents: usize, weights: usize, weightExponents: usize): i64 {
  let sum: i64 = 0;
  for (let block = 0; block < ACROSS; block++) {
    const products =
      <i32>load<i8>(values) * load<i8>(weights) +
      <i32>load<i8>(values, 1) * load<i8>(weights, 1) +
      <i32>load<i8>(values, 2) * load<i8>(weights, 2) +
      <i32>load<i8>(values, 3) * load<i8>(weights, 3);
    const shift = load<i8>(exponents + block) - LOWEST_VALUE + load<i8>(weightExponents + block) - LOWEST_WEIGHT;
    sum += (<i64>products) << shift;
    values += 4;
    weights += 4;
  }
  return sum;
}

function secondAngles(paths: i32): void {
  for (let row = 0; row < 4 * paths; row++) {
    const exponents = EXPONENTS_1 + (row >> 2) * ACROSS;
    for (let j = 0; j < WIDTH; j++) {
      let sum = dot(VALUES_1 + row * WIDTH, exponents, WEIGHTS + SECOND + j * WIDTH, SECOND_EXPONENTS + (j >> 2) * ACROSS);
      if (row < 4) sum += <i64>load<i32>(STORED + 4 * (SECOND_BIAS + j)) << (SUM_BITS - 24);
      store<i32>(ANGLES_2 + 4 * (row * WIDTH + j), clamp(nearest(sum, SUM_BITS - 24), (1 << 30) - 1));
    }
  }
}

/** Outputs of all paths, 28 bits. */
function outputs(paths: i32): void {
  for (let row = 0; row < 4 * paths; row++) {
    let sum = dot(VALUES_2 + row * WIDTH, EXPONENTS_2 + (row >> 2) * ACROSS, WEIGHTS + OUTPUT, OUTPUT_EXPONENTS);
    if (row < 4) sum += <i64>load<i32>(STORED + 4 * OUTPUT_BIAS) << (SUM_BITS - 24);
    store<i32>(OUTPUTS + 4 * row, clamp(nearest(sum, SUM_BITS - 28), MOST));
  }
}

/** The sine of a value, or for a perturbed path its difference from the centre's, 26 bits. */
function sineValue(angles: usize, row: i32, neuron: i32): i32 {
  const centre = phaseOf(load<i32>(angles + 4 * ((row & 3) * WIDTH + neuron)));
  if (row < 4) return sine(centre);
  const half = halfPhaseOf(load<i32>(angles + 4 * (row * WIDTH + neuron)));
  return <i32>nearest(<i64>cosine(centre + half) * sine(half), 25);
}

/** Values of all paths in blocks. BACK is free in the forward pass and holds a block. */
function sines(angles: usize, values: usize, exponents: usize, paths: i32): void {
  for (let path = 0; path < paths; path++) {
    const lowest = path == 0 ? LOWEST_WEIGHT : LOWEST_VALUE;
    for (let left = 0; left < WIDTH; left += 4) {
      for (let i = 0; i < 16; i++) store<i32>(BACK + 4 * i, sineValue(angles, 4 * path + (i >> 2), left + (i & 3)));
      const exponent = exponentOf(largest32(BACK, 4, 4, 4), 26, 8, lowest, -6);
      store<i8>(exponents++, exponent);
      for (let i = 0; i < 16; i++) {
        const q = clamp(nearest(load<i32>(BACK + 4 * i), exponent + 26), 127);
        store<i8>(values + (4 * path + (i >> 2)) * WIDTH + left + (i & 3), q);
      }
    }
  }
}

function forward(paths: i32): void {
  firstAngles(paths);
  sines(ANGLES_1, VALUES_1, EXPONENTS_1, paths);
  secondAngles(paths);
  sines(ANGLES_2, VALUES_2, EXPONENTS_2, paths);
  outputs(paths);
}

function addSum(parameter: i32, value: i64): void {
  store<i64>(SUMS + 8 * parameter, load<i64>(SUMS + 8 * parameter) + value);
}

/** BY_OUTPUT in blocks of 4 x 1; its numbers have `bits` bits behind the point. */
function roundOutputs(paths: i32, bits: i32): void {
  for (let path = 0; path < paths; path++) {
    let most: i64 = 0;
    for (let p = 0; p < 4; p++) most = max(most, abs(load<i64>(BY_OUTPUT + 8 * (4 * path + p))));
    const exponent = exponentOf(most, bits, 12, LOWEST_GRADIENT, -10);
    store<i8>(G_OUTPUT_EXPONENTS + path, exponent);
    for (let p = 0; p < 4; p++) {
      const row = 4 * path + p;
      store<i16>(G_OUTPUT + 2 * row, clamp(stochastic(load<i64>(BY_OUTPUT + 8 * row), exponent + bits), 2047));
    }
  }
}

/** Gradients by the second layer's values, and those of the output's weights. */
function backOutput(paths: i32): void {
  for (let path = 0; path < paths; path++) {
    const exponent = load<i8>(G_OUTPUT_EXPONENTS + path) - LOWEST_GRADIENT;
    const g = G_OUTPUT + 8 * path;
    for (let k = 0; k < WIDTH; k++) {
      const column = VALUES_2 + 4 * path * WIDTH + k;
      let products: i32 = 0;
      const shift = exponent + load<i8>(OUTPUT_EXPONENTS + (k >> 2)) - LOWEST_WEIGHT;
      const weight: i32 = load<i8>(WEIGHTS + OUTPUT + k);
      for (let p = 0; p < 4; p++) {
        const gradient: i32 = load<i16>(g + 2 * p);
        products += gradient * load<i8>(column + p * WIDTH);
        storeBack((4 * path + p) * WIDTH + k, (<i64>(gradient * weight)) << shift);
      }
      const ofValues = load<i8>(EXPONENTS_2 + path * ACROSS + (k >> 2)) - LOWEST_VALUE;
      addSum(OUTPUT + k, (<i64>products) << (exponent + ofValues));
    }
    if (path == 0) for (let p = 0; p < 4; p++) addSum(OUTPUT_BIAS, (<i64>load<i16>(g + 2 * p)) << exponent);
  }
}

/** From BACK_BITS to 30. */
function storeBack(at: i32, gradient: i64): void {
  store<i32>(BACK + 4 * at, clamp(nearest(gradient, BACK_BITS - 30), MOST));
}

/** BACK, gradients by sines, becomes gradients by their angles. */
function sineBack(angles: usize, paths: i32): void {
  const size = 4 * WIDTH;
  for (let i = 0; i < size; i++) {
    const centre = phaseOf(load<i32>(angles + 4 * i));
    let sum = slope(load<i32>(BACK + 4 * i), cosine(centre));
    for (let at = i + size; at < paths * size; at += size) {
      const gradient = load<i32>(BACK + 4 * at);
      const half = halfPhaseOf(load<i32>(angles + 4 * at));
      const change = nearest(<i64>sine(centre + half) * sine(half), 31);
      sum -= nearest(gradient * change, 20);
      store<i32>(BACK + 4 * at, slope(gradient, cosine(centre + 2 * half)));
    }
    store<i32>(BACK + 4 * i, clamp(sum, MOST));
  }
}

function slope(gradient: i32, by: i32): i64 {
  return nearest(gradient * nearest(by, 6), 20);
}

/** BACK in blocks of 4 x 4. */
function roundBack(paths: i32): void {
  let exponents = G_EXPONENTS;
  for (let path = 0; path < paths; path++) {
    for (let left = 0; left < WIDTH; left += 4) {
      const at = 4 * path * WIDTH + left;
      const exponent = exponentOf(largest32(BACK + 4 * at, 4, 4, WIDTH), 30, 12, LOWEST_GRADIENT, -10);
      store<i8>(exponents++, exponent);
      for (let i = 0; i < 16; i++) {
        const place = at + (i >> 2) * WIDTH + (i & 3);
        store<i16>(G + 2 * place, clamp(stochastic(load<i32>(BACK + 4 * place), exponent + 30), 2047));
      }
    }
  }
}

/** Gradients of the second layer's weights, and those by the first layer's values. */
function backSecond(paths: i32): void {
  for (let path = 0; path < paths; path++) {
    const exponents = G_EXPONENTS + path * ACROSS;
    for (let j = 0; j < WIDTH; j++) {
      const exponent = load<i8>(exponents + (j >> 2)) - LOWEST_GRADIENT;
      const g = G + 2 * (4 * path * WIDTH + j);
      const g0: i32 = load<i16>(g);
      const g1: i32 = load<i16>(g + 2 * WIDTH);
      const g2: i32 = load<i16>(g + 4 * WIDTH);
      const g3: i32 = load<i16>(g + 6 * WIDTH);
      if (path == 0) addSum(SECOND_BIAS + j, (<i64>(g0 + g1 + g2 + g3)) << exponent);
      let value = VALUES_1 + 4 * path * WIDTH;
      for (let k = 0; k < WIDTH; k++) {
        const products =
          g0 * load<i8>(value) +
          g1 * load<i8>(value, WIDTH) +
          g2 * load<i8>(value, 2 * WIDTH) +
          g3 * load<i8>(value, 3 * WIDTH);
        const shift = exponent + load<i8>(EXPONENTS_1 + path * ACROSS + (k >> 2)) - LOWEST_VALUE;
        addSum(SECOND + j * WIDTH + k, (<i64>products) << shift);
        value++;
      }
    }
    for (let p = 0; p < 4; p++) backRow(4 * path + p, exponents);
  }
}

/** A row of gradients times the second layer's weights. */
function backRow(row: i32, exponents: usize): void {
  for (let k = 0; k < WIDTH; k++) {
    let sum: i64 = 0;
    let g = G + 2 * row * WIDTH;
    let weight = WEIGHTS + SECOND + k;
    for (let block = 0; block < ACROSS; block++) {
      const products =
        <i32>load<i16>(g) * load<i8>(weight) +
        <i32>load<i16>(g, 2) * load<i8>(weight, WIDTH) +
        <i32>load<i16>(g, 4) * load<i8>(weight, 2 * WIDTH) +
        <i32>load<i16>(g, 6) * load<i8>(weight, 3 * WIDTH);
      const ofWeights = load<i8>(SECOND_EXPONENTS + block * ACROSS + (k >> 2)) - LOWEST_WEIGHT;
      sum += (<i64>products) << (load<i8>(exponents + block) - LOWEST_GRADIENT + ofWeights);
      g += 8;
      weight += 4 * WIDTH;
    }
    storeBack(row * WIDTH + k, sum);
  }
}

/** Gradients of the first layer's weights. */
function backFirst(paths: i32): void {
  for (let row = 0; row < 4 * paths; row++) {
    const path = row >> 2;
    const direction = STEIN_DIRECTIONS + (((path - 1) >> 1) << 3);
    const input = path == 0 ? POINTS + (row << 3) : direction;
    const sign: i64 = path == 0 ? 64 : path & 1 ? 1 : -1;
    const x = sign * load<i32>(input);
    const y = sign * load<i32>(input, 4);
    for (let j = 0; j < WIDTH; j++) {
      const exponent = load<i8>(G_EXPONENTS + path * ACROSS + (j >> 2)) - LOWEST_GRADIENT;
      const gradient = (<i64>load<i16>(G + 2 * (row * WIDTH + j))) << exponent;
      addSum(FIRST + 2 * j, gradient * x);
      addSum(FIRST + 2 * j + 1, gradient * y);
      if (path == 0) addSum(FIRST_BIAS + j, gradient);
    }
  }
}

/** @param bits behind the point of BY_OUTPUT */
function backward(paths: i32, bits: i32): void {
  roundOutputs(paths, bits);
  backOutput(paths);
  sineBack(ANGLES_2, paths);
  roundBack(paths);
  backSecond(paths);
  sineBack(ANGLES_1, paths);
  roundBack(paths);
  backFirst(paths);
  holdSums(FIRST, FIRST_BIAS, FIRST_GRADIENT_BITS);
  holdSums(FIRST_BIAS, SECOND, BIAS_GRADIENT_BITS);
  holdSums(SECOND, SECOND_BIAS, GRADIENT_BITS);
  holdSums(SECOND_BIAS, OUTPUT, BIAS_GRADIENT_BITS);
  holdSums(OUTPUT, OUTPUT_BIAS, GRADIENT_BITS);
  holdSums(OUTPUT_BIAS, COUNT, BIAS_GRADIENT_BITS);
}

/** Sums of gradients stay within 2^10. */
function holdSums(from: i32, to: i32, bits: i32): void {
  const most = (<i64>1) << (10 + bits);
  for (let i = from; i < to; i++) store<i64>(SUMS + 8 * i, clamp(load<i64>(SUMS + 8 * i), most));
}

function addSquare(slot: usize, value: i32): void {
  const root = clamp(nearest(value, 8), (1 << 22) - 1);
  store<i64>(SQUARES + slot, load<i64>(SQUARES + slot) + root * root);
}

function equationGroup(): void {
  for (let p: usize = 0; p < 4; p++) {
    store<i32>(POINTS + (p << 3), drawPoint() >> 18);
    store<i32>(POINTS + (p << 3), drawPoint() >> 18, 4);
  }
  forward(PATHS);
  for (let p = 0; p < 4; p++) {
    let laplacian: i64 = 0;
    for (let k = 0; k < PAIRS; k++) {
      const plus: i64 = load<i32>(OUTPUTS + 4 * ((2 * k + 1) * 4 + p));
      laplacian += load<i32>(STEIN_FACTORS + 4 * k) * (plus + load<i32>(OUTPUTS + 4 * ((2 * k + 2) * 4 + p)));
    }
    const place = POINTS + (p << 3);
    const source: i64 = sine(phaseOf((load<i32>(place) + load<i32>(place, 4)) << 10));
    const sum = laplacian + (source << (2 + FACTOR_BITS));
    const residual = <i32>clamp(nearest(sum, 8 + FACTOR_BITS), (1 << 30) - 1);
    addSquare(0, residual);
    largestResidual = max(largestResidual, abs(residual));
    store<i64>(BY_OUTPUT + 8 * p, 0);
    for (let k = 0; k < PAIRS; k++) {
      const even = <i64>residual * load<i32>(STEIN_FACTORS + 4 * k);
      store<i64>(BY_OUTPUT + 8 * ((2 * k + 1) * 4 + p), even);
      store<i64>(BY_OUTPUT + 8 * ((2 * k + 2) * 4 + p), even);
    }
  }
  backward(PATHS, 20 + FACTOR_BITS + BACK_SCALE - lossShift);
}

function conditionGroup(): void {
  for (let p: usize = 0; p < 4; p++) {
    const side = drawPoint() >> 30;
    const along = drawPoint() >> 18;
    const end = (side >> 1) << 14;
    store<i32>(POINTS + (p << 3), side & 1 ? end : along);
    store<i32>(POINTS + (p << 3), side & 1 ? along : end, 4);
    store<i32>(KNOWN + (p << 2), sine(phaseOf((along + end) << 10)));
  }
  forward(1);
  for (let p = 0; p < 4; p++) {
    const missed = load<i32>(OUTPUTS + 4 * p) - 2 * <i64>load<i32>(KNOWN + 4 * p);
    const rounded = clamp(nearest(missed, 8), (1 << 30) - 1);
    addSquare(8, <i32>rounded);
    store<i64>(BY_OUTPUT + 8 * p, rounded << 16);
  }
  backward(1, CONDITION_SHIFT + 16 + BACK_SCALE - lossShift);
}

/** Rounds the sums of a matrix to blocks, moves what is stored. */
function updateMatrix(first: i32, rows: i32, cols: i32, bits: i32, rate: i64): void {
  for (let top = 0; top < rows; top += 4) {
    const height = min(4, rows - top);
    for (let left = 0; left < cols; left += 4) {
      const wide = min(4, cols - left);
      const at = first + top * cols + left;
      let most: i64 = 0;
      for (let r = 0; r < height; r++) {
        for (let c = 0; c < wide; c++) most = max(most, abs(load<i64>(SUMS + 8 * (at + r * cols + c))));
      }
      const exponent = exponentOf(most, bits, 12, -20, -2);
      for (let r = 0; r < height; r++) {
        for (let c = 0; c < wide; c++) {
          const i = at + r * cols + c;
          const q = clamp(stochastic(load<i64>(SUMS + 8 * i), exponent + bits), 2047);
          move(i, nearest(q, lossShift - exponent - 30), rate);
        }
      }
    }
  }
}

function updateBiases(from: i32, to: i32, rate: i64): void {
  for (let i = from; i < to; i++) move(i, nearest(load<i64>(SUMS + 8 * i), BIAS_GRADIENT_BITS + lossShift - 30), rate);
}

/** AdaMax: the gradient has 30 bits behind the point. */
function move(i: i32, gradient: i64, rate: i64): void {
  const g = clamp(gradient, MOST);
  const mean = load<i32>(MEANS + 4 * i) + ((g - load<i32>(MEANS + 4 * i) + 4) >> 3);
  const before = load<i32>(LARGEST + 4 * i);
  const most = max(<i64>(before - (before >> 8)), abs(g));
  store<i32>(MEANS + 4 * i, mean);
  store<i32>(LARGEST + 4 * i, most);
  const moved = load<i32>(STORED + 4 * i) - (rate * mean) / (most + 1);
  store<i32>(STORED + 4 * i, clamp(moved, (1 << 26) - 1));
}

function trainStep(): void {
  if (step == 0) {
    pointState = POINT_STATE;
    roundingState = ROUNDING_STATE;
  }
  memory.fill(SUMS, 0, 8 * COUNT);
  store<i64>(SQUARES, 0);
  store<i64>(SQUARES, 0, 8);
  largestResidual = 0;
  roundWeights(FIRST, WIDTH, 2, WEIGHT_EXPONENTS);
  roundWeights(SECOND, WIDTH, WIDTH, SECOND_EXPONENTS);
  roundWeights(OUTPUT, 1, WIDTH, OUTPUT_EXPONENTS);
  for (let group = 0; group < GROUPS; group++) equationGroup();
  for (let group = 0; group < CONDITION_GROUPS; group++) conditionGroup();
  const rate: i64 = (<i64>RATE * (STEPS - step)) / STEPS;
  updateMatrix(FIRST, WIDTH, 2, FIRST_GRADIENT_BITS, rate);
  updateBiases(FIRST_BIAS, SECOND, rate);
  updateMatrix(SECOND, WIDTH, WIDTH, GRADIENT_BITS, rate);
  updateBiases(SECOND_BIAS, OUTPUT, rate);
  updateMatrix(OUTPUT, 1, WIDTH, GRADIENT_BITS, rate);
  updateBiases(OUTPUT_BIAS, COUNT, rate);
  lossShift = min(12, max(-10, 19 - log2(max(largestResidual, 64))));
  step++;
}

/** FNV-1a over the words of what is stored. */
function hash(): u32 {
  let value: u32 = 0x811c9dc5;
  for (let i = 0; i < COUNT; i++) value = (value ^ load<u32>(STORED + 4 * i)) * 0x01000193;
  return value;
}

/**
 * One word: 1 makes a step, one, because a run may go round its loops only so often; 2 gives the end of the memory that is
 * used in the first word of the output; 0 does nothing.
 */
export function input(): usize {
  return WORDS;
}

/** Five words: sum of squares of the residuals and of what conditions are missed by (64 bits, 24 behind the point), hash. */
export function output(): usize {
  return WORDS + 4;
}

export function identity(): u32 {
  return 0x74726169;
}

export function lastStatus(): u32 {
  return 0;
}

export function run(): u32 {
  if (load<i32>(WORDS) == 1 && step < STEPS) trainStep();
  store<i32>(WORDS, load<i32>(SQUARES), 4);
  store<i32>(WORDS, load<i32>(SQUARES, 4), 8);
  store<i32>(WORDS, load<i32>(SQUARES, 8), 12);
  store<i32>(WORDS, load<i32>(SQUARES, 12), 16);
  store<u32>(WORDS, hash(), 20);
  if (load<i32>(WORDS) == 2) store<u32>(WORDS, <u32>__heap_base, 4);
  return 0;
}
