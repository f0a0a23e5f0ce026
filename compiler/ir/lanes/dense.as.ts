/**
 * out[p, r] = bias[r] + sum over k of m[k, r] x[p, k] for points first .. last - 1, or the products added one by one to what
 * is there (`more`): in the order of k, so sums have the very bits of the same loop in JavaScript. Rows of m and out have
 * `height` float64, a multiple of 8.
 */
export function denseRows(
  m: usize,
  bias: usize,
  x: usize,
  out: usize,
  first: i32,
  last: i32,
  height: i32,
  length: i32,
  more: bool,
): void {
  const rowBytes = <usize>height << 3;
  const pointBytes = <usize>length << 3;
  const zero = f64x2.splat(0);
  for (let r: usize = 0; r < rowBytes; r += 64) {
    let p = first;
    for (; p + 2 <= last; p += 2) {
      const o = out + <usize>p * rowBytes + r;
      const q = o + rowBytes;
      let s0 = more ? v128.load(o) : zero;
      let s1 = more ? v128.load(o, 16) : zero;
      let s2 = more ? v128.load(o, 32) : zero;
      let s3 = more ? v128.load(o, 48) : zero;
      let t0 = more ? v128.load(q) : zero;
      let t1 = more ? v128.load(q, 16) : zero;
      let t2 = more ? v128.load(q, 32) : zero;
      let t3 = more ? v128.load(q, 48) : zero;
      let w = m + r;
      let at = x + <usize>p * pointBytes;
      for (let k = 0; k < length; k++) {
        const u = v128.load64_splat(at);
        const v = v128.load64_splat(at + pointBytes);
        let y = v128.load(w);
        s0 = f64x2.add(s0, f64x2.mul(y, u));
        t0 = f64x2.add(t0, f64x2.mul(y, v));
        y = v128.load(w, 16);
        s1 = f64x2.add(s1, f64x2.mul(y, u));
        t1 = f64x2.add(t1, f64x2.mul(y, v));
        y = v128.load(w, 32);
        s2 = f64x2.add(s2, f64x2.mul(y, u));
        t2 = f64x2.add(t2, f64x2.mul(y, v));
        y = v128.load(w, 48);
        s3 = f64x2.add(s3, f64x2.mul(y, u));
        t3 = f64x2.add(t3, f64x2.mul(y, v));
        w += rowBytes;
        at += 8;
      }
      store4(o, s0, s1, s2, s3, bias, r);
      store4(q, t0, t1, t2, t3, bias, r);
    }
    if (p === last) continue;
    const o = out + <usize>p * rowBytes + r;
    let s0 = more ? v128.load(o) : zero;
    let s1 = more ? v128.load(o, 16) : zero;
    let s2 = more ? v128.load(o, 32) : zero;
    let s3 = more ? v128.load(o, 48) : zero;
    let w = m + r;
    let at = x + <usize>p * pointBytes;
    for (let k = 0; k < length; k++) {
      const u = v128.load64_splat(at);
      s0 = f64x2.add(s0, f64x2.mul(v128.load(w), u));
      s1 = f64x2.add(s1, f64x2.mul(v128.load(w, 16), u));
      s2 = f64x2.add(s2, f64x2.mul(v128.load(w, 32), u));
      s3 = f64x2.add(s3, f64x2.mul(v128.load(w, 48), u));
      w += rowBytes;
      at += 8;
    }
    store4(o, s0, s1, s2, s3, bias, r);
  }
}

/** Eight sums, each with its bias, where there are any. */
// @ts-ignore: decorator
@inline
function store4(at: usize, s0: v128, s1: v128, s2: v128, s3: v128, bias: usize, r: usize): void {
  if (bias) {
    const b = bias + r;
    s0 = f64x2.add(s0, v128.load(b));
    s1 = f64x2.add(s1, v128.load(b, 16));
    s2 = f64x2.add(s2, v128.load(b, 32));
    s3 = f64x2.add(s3, v128.load(b, 48));
  }
  v128.store(at, s0);
  v128.store(at, s1, 16);
  v128.store(at, s2, 32);
  v128.store(at, s3, 48);
}
