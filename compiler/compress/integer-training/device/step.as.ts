// One step of training on Poisson's equation in integers, for two hidden layers of WIDTH sines: the arithmetic of group.ts,
// optimiser.ts and training.ts, to the bit. Doubles there are 64-bit integers here, each at a fixed unit, which the comments
// give as the bits behind the point. step-module.ts makes ./constants and compiles this.
//
//     a group: PATHS x 4 rows, path after path, the four points of a path together; blocks are 4 rows x 4 neurons
//     angles   i32 [rows x WIDTH], 24 bits         one per hidden layer
//     values   i8  [rows x WIDTH], exponents i8 [PATHS x WIDTH / 4]
//     back     i32 [rows x WIDTH], 30 bits         gradients before they are rounded
//     g        i16 [rows x WIDTH], exponents i8    gradients in blocks
import { backward } from './backward.as';
import {
  BACK_SCALE,
  CONDITION_GROUPS,
  CONDITION_SHIFT,
  FACTOR_BITS,
  GROUPS,
  PAIRS,
  RATE,
  STEIN_FACTORS,
  STEPS,
  WIDTH,
} from './constants';
import { forward } from './forward.as';
import {
  BY_OUTPUT,
  COUNT,
  FIRST,
  FIRST_BIAS,
  FIRST_GRADIENT_BITS,
  GRADIENT_BITS,
  KNOWN,
  OUTPUT,
  OUTPUTS,
  OUTPUT_BIAS,
  OUTPUT_EXPONENTS,
  PATHS,
  POINTS,
  SECOND,
  SECOND_BIAS,
  SECOND_EXPONENTS,
  SQUARES,
  STORED,
  SUMS,
  WEIGHT_EXPONENTS,
  WORDS,
} from './layout.as';
import { clamp, drawPoint, log2, nearest, seedGenerators } from './rounding.as';
import { phaseOf, sine } from './sine.as';
import { roundWeights, updateBiases, updateMatrix } from './update.as';

let step: i32 = 0;
/** log2 of what gradients are multiplied by. */
let lossShift: i32 = 0;
let largestResidual: i32 = 0;

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

function trainStep(): void {
  if (step == 0) seedGenerators();
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
  updateMatrix(FIRST, WIDTH, 2, FIRST_GRADIENT_BITS, lossShift, rate);
  updateBiases(FIRST_BIAS, SECOND, lossShift, rate);
  updateMatrix(SECOND, WIDTH, WIDTH, GRADIENT_BITS, lossShift, rate);
  updateBiases(SECOND_BIAS, OUTPUT, lossShift, rate);
  updateMatrix(OUTPUT, 1, WIDTH, GRADIENT_BITS, lossShift, rate);
  updateBiases(OUTPUT_BIAS, COUNT, lossShift, rate);
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
