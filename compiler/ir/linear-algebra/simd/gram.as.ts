/**
 * Adds J^T J of a block to the lower triangle of a matrix, in 128-bit SIMD: nine dot products at a time, six loads for
 * nine multiply-adds of two lanes, all sums in registers. AssemblyScript; tools/simd-modules.ts compiles it into gram.gen.ts.
 *
 * jt: [size x stride / 8] float64, size a multiple of 3, stride a multiple of 16 bytes; gram: [size x size] float64, its
 * rows `row` bytes apart. Only rows `from` to `to`, whole tiles, are added to.
 */
export function addGram(jt: usize, from: i32, to: i32, stride: usize, gram: usize, row: usize): void {
  for (let i = from; i < to; i += 3) {
    const a0 = jt + <usize>i * stride;
    const a1 = a0 + stride;
    const a2 = a1 + stride;
    for (let j = 0; j <= i; j += 3) {
      const b0 = jt + <usize>j * stride;
      const b1 = b0 + stride;
      const b2 = b1 + stride;
      let s00 = f64x2.splat(0);
      let s01 = s00;
      let s02 = s00;
      let s10 = s00;
      let s11 = s00;
      let s12 = s00;
      let s20 = s00;
      let s21 = s00;
      let s22 = s00;
      for (let k: usize = 0; k < stride; k += 16) {
        const x0 = v128.load(a0 + k);
        const x1 = v128.load(a1 + k);
        const x2 = v128.load(a2 + k);
        let y = v128.load(b0 + k);
        s00 = f64x2.add(s00, f64x2.mul(x0, y));
        s10 = f64x2.add(s10, f64x2.mul(x1, y));
        s20 = f64x2.add(s20, f64x2.mul(x2, y));
        y = v128.load(b1 + k);
        s01 = f64x2.add(s01, f64x2.mul(x0, y));
        s11 = f64x2.add(s11, f64x2.mul(x1, y));
        s21 = f64x2.add(s21, f64x2.mul(x2, y));
        y = v128.load(b2 + k);
        s02 = f64x2.add(s02, f64x2.mul(x0, y));
        s12 = f64x2.add(s12, f64x2.mul(x1, y));
        s22 = f64x2.add(s22, f64x2.mul(x2, y));
      }
      let at = gram + <usize>i * row + (<usize>j << 3);
      addLanes(at, s00);
      addLanes(at + 8, s01);
      addLanes(at + 16, s02);
      at += row;
      addLanes(at, s10);
      addLanes(at + 8, s11);
      addLanes(at + 16, s12);
      at += row;
      addLanes(at, s20);
      addLanes(at + 8, s21);
      addLanes(at + 16, s22);
    }
  }
}

function addLanes(at: usize, sum: v128): void {
  store<f64>(at, load<f64>(at) + f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1));
}

/**
 * Columns start .. end - 1 of a Cholesky factor, from what is left of the matrix in its lower triangle, with the sign turned.
 * @returns whether the matrix is positive definite so far
 */
export function factorizePanel(factor: usize, size: i32, start: i32, end: i32): bool {
  const stride = <usize>size << 3;
  const skip = <usize>start << 3;
  for (let i = start; i < size; i++) {
    const row = factor + <usize>i * stride;
    for (let j = start; j < min(i + 1, end); j++) {
      const other = factor + <usize>j * stride;
      const at = row + (<usize>j << 3);
      const sum = -load<f64>(at) - dot(row + skip, other + skip, j - start);
      if (j < i) store<f64>(at, sum / load<f64>(other + (<usize>j << 3)));
      else if (sum > 0) store<f64>(at, Math.sqrt(sum));
      else return false;
    }
  }
  return true;
}

function dot(a: usize, b: usize, count: i32): f64 {
  let s = f64x2.splat(0);
  let t = s;
  let k = 0;
  for (; k + 4 <= count; k += 4) {
    const at = <usize>k << 3;
    s = f64x2.add(s, f64x2.mul(v128.load(a + at), v128.load(b + at)));
    t = f64x2.add(t, f64x2.mul(v128.load(a + at, 16), v128.load(b + at, 16)));
  }
  s = f64x2.add(s, t);
  let sum = f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
  for (; k < count; k++) sum += load<f64>(a + (<usize>k << 3)) * load<f64>(b + (<usize>k << 3));
  return sum;
}
