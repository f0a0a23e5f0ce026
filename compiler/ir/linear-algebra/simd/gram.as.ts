/**
 * Adds J^T J of a block to the lower triangle of a matrix, in 128-bit SIMD: nine dot products at a time, six loads for
 * nine multiply-adds of two lanes, all sums in registers. AssemblyScript; build.ts compiles it into gram.gen.ts.
 *
 * jt: [size x stride / 8] float64, size a multiple of 3, stride a multiple of 16 bytes; gram: [size x size] float64, its
 * rows `row` bytes apart.
 */
export function addGram(jt: usize, size: i32, stride: usize, gram: usize, row: usize): void {
  for (let i = 0; i < size; i += 3) {
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
