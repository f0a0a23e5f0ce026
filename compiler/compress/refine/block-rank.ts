import { isFactor } from '../../ir/blocks.js';
import { weightSites } from '../../ir/parameters.js';
import { type IrGraph, type IrNode, useCounts } from '../../ir/types.js';

/**
 * Block-rank regularisation: lambda times the sum of the nuclear norms of the low-rank blocks, relative to their sum at
 * the start. The nuclear norm of B is the least (||U||_F^2 + ||V||_F^2) / 2 over all B = U V (Recht, Fazel and Parrilo,
 * arXiv 0706.4138, lemma 5.1), so on the factors it is a ridge, and refinement finds the balance of U and V by itself.
 *
 * @returns the ridge on every parameter of the graph, in the order of parameters.ts
 */
export function blockRankRidge(graph: IrGraph, lambda: number): Float64Array {
  const uses = useCounts(graph);
  const usedOnce = (node: IrNode) => uses.get(node) === 1;
  const sites = weightSites(graph);
  const lefts = sites.filter(({ x }) => isFactor(x, usedOnce));
  const inner = new Set<IrNode>(lefts.map(({ x }) => x));
  const inFactor = sites.map((site) => lefts.includes(site) || inner.has(site.out));
  let squares = 0;
  sites.forEach(({ weight }, k) => {
    if (inFactor[k]) squares += weight.reduce((sum, w) => sum + w * w, 0);
  });
  const ridge: number[] = [];
  sites.forEach(({ weight, bias }, k) => {
    for (let i = 0; i < weight.length; i++) ridge.push(inFactor[k] && squares > 0 ? (2 * lambda) / squares : 0);
    for (let i = 0; i < (bias?.length ?? 0); i++) ridge.push(0);
  });
  return Float64Array.from(ridge);
}

/** The same graph with the factors of every low-rank block of equal norms, rank by rank: in place, for owned weights. */
export function balanceFactors(graph: IrGraph): void {
  const uses = useCounts(graph);
  const sites = weightSites(graph);
  for (const { x, weight: left, rows } of sites) {
    if (!isFactor(x, (node) => uses.get(node) === 1)) continue;
    const { weight: right, width: rank } = x;
    const cols = x.x.width;
    for (let k = 0; k < rank; k++) {
      let [u, v] = [0, 0];
      for (let r = 0; r < rows; r++) u += left[r * rank + k] ** 2;
      for (let c = 0; c < cols; c++) v += right[k * cols + c] ** 2;
      if (!(u > 0 && v > 0)) continue;
      const scale = (v / u) ** 0.25;
      for (let r = 0; r < rows; r++) left[r * rank + k] *= scale;
      for (let c = 0; c < cols; c++) right[k * cols + c] /= scale;
    }
  }
}
