/** How many points of the input box each step of compression evaluates networks at: enough for what it takes from them. */
export const POINT_COUNTS = {
  /** Largest and mean outputs, which errors are measured by. */
  scales: 2048,
  /** Means and covariances of a step's arguments: a few for each of the widest steps' entries. */
  pruning: 1536,
  blocks: 1024,
  rounding: 1024,
  balancing: 1024,
  clusters: 768,
  /** Shown per layer, and nothing follows from it. */
  layerErrors: 512,
  /** The kernel is a matrix of points by points, compared as a whole. */
  tangentKernels: 96,
} as const;
