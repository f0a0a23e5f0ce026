// Values of all paths, layer by layer.
import { STEIN_DIRECTIONS, WIDTH } from './constants';
import {
  ACROSS,
  ANGLES_1,
  ANGLES_2,
  BACK,
  EXPONENTS_1,
  EXPONENTS_2,
  FIRST,
  FIRST_BIAS,
  LOWEST_VALUE,
  LOWEST_WEIGHT,
  MOST,
  OUTPUT,
  OUTPUTS,
  OUTPUT_BIAS,
  OUTPUT_EXPONENTS,
  POINTS,
  SECOND,
  SECOND_BIAS,
  SECOND_EXPONENTS,
  STORED,
  SUM_BITS,
  VALUES_1,
  VALUES_2,
  WEIGHTS,
  WEIGHT_EXPONENTS,
} from './layout.as';
import { clamp, exponentOf, largest32, nearest } from './rounding.as';
import { cosine, halfPhaseOf, phaseOf, sine } from './sine.as';

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

export function forward(paths: i32): void {
  firstAngles(paths);
  sines(ANGLES_1, VALUES_1, EXPONENTS_1, paths);
  secondAngles(paths);
  sines(ANGLES_2, VALUES_2, EXPONENTS_2, paths);
  outputs(paths);
}
