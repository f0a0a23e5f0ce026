import { Matrix } from 'ml-matrix';
import { affineNodes } from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import { plainSpectrum, type WeightSpectrum } from './lowrank.js';

/**
 * Plain truncated SVD of the weights, blind to what the inputs can be (Denton et al., arXiv 1404.0736): a comparison.
 */
export function plainSpectra(graph: IrGraph): WeightSpectrum[] {
  return affineNodes(graph).map((node) =>
    plainSpectrum(node, Matrix.from1DArray(node.width, node.x.width, node.weight)),
  );
}
