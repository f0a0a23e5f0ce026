// Gradients of all paths, backwards, and the sums of gradients of the weights.
import { STEIN_DIRECTIONS, WIDTH } from './constants';
import {
  ACROSS,
  ANGLES_1,
  ANGLES_2,
  BACK,
  BACK_BITS,
  BIAS_GRADIENT_BITS,
  BY_OUTPUT,
  COUNT,
  EXPONENTS_1,
  EXPONENTS_2,
  FIRST,
  FIRST_BIAS,
  FIRST_GRADIENT_BITS,
  G,
  GRADIENT_BITS,
  G_EXPONENTS,
  G_OUTPUT,
  G_OUTPUT_EXPONENTS,
  LOWEST_GRADIENT,
  LOWEST_VALUE,
  LOWEST_WEIGHT,
  MOST,
  OUTPUT,
  OUTPUT_BIAS,
  OUTPUT_EXPONENTS,
  POINTS,
  SECOND,
  SECOND_BIAS,
  SECOND_EXPONENTS,
  SUMS,
  VALUES_1,
  VALUES_2,
  WEIGHTS,
} from './layout.as';
import { clamp, exponentOf, largest32, nearest, stochastic } from './rounding.as';
import { cosine, halfPhaseOf, phaseOf, sine } from './sine.as';

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
export function backward(paths: i32, bits: i32): void {
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
