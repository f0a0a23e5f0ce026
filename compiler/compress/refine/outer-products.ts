import type { ParameterLayout, WeightSite } from '../../ir/parameters.js';

/** Adds sum over points of g x^T and, where the site has the bias, of g; what is not in the layout is left out. */
export function addOuterProducts(
  into: Float64Array,
  { offsets }: ParameterLayout,
  { x: { width: cols }, out: { width: height }, row, rows, weight, bias }: WeightSite,
  g: Float64Array,
  x: Float64Array,
): void {
  const count = g.length / height;
  const at = offsets.get(weight) ?? -1;
  const biasAt = (bias && offsets.get(bias)) ?? -1;
  for (let p = 0; p < count; p++) {
    for (let r = 0; at >= 0 && r < rows; r++) {
      const slope = g[p * height + row + r];
      if (slope === 0) continue;
      for (let c = 0, k = at + r * cols; c < cols; c++, k++) into[k] += slope * x[p * cols + c];
    }
    for (let r = 0; biasAt >= 0 && r < height; r++) into[biasAt + r] += g[p * height + r];
  }
}
