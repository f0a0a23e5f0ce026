import type { IrNode } from '../types.js';

/** What a rule sees beside the node: how often values are used in the graph before this pass. */
export interface FoldContext {
  usedOnce(node: IrNode): boolean;
  /** True when every reader of the node being rewritten is an affine step, which will absorb it. */
  feedsOnlyAffine: boolean;
}
