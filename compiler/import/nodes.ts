import type { GraphBuilder } from './builder.js';

/** Operations of networks that take several nodes. */

/** (x - mean) / sqrt(variance + eps) over the components of x. */
export function layerNorm(builder: GraphBuilder, x: string, eps: number): string {
  const mean = builder.add({ op: 'mean', inputs: [x] }, 1, 'mean');
  const centred = builder.binary('sub', x, mean, 'centred');
  const squares = builder.unary('pow', centred, 'square', { exponent: 2 });
  const variance = builder.scale(builder.add({ op: 'mean', inputs: [squares] }, 1, 'variance'), undefined, [eps]);
  return builder.binary('mul', centred, builder.unary('reciprocal', builder.unary('sqrt', variance)), 'normalised');
}

/** max(x, 0) + slope * min(x, 0), with one slope or one per component. */
export function prelu(builder: GraphBuilder, x: string, slope: readonly number[], hint: string): string {
  if (slope.length === 1) return builder.unary('leaky_relu', x, hint, { slope: slope[0] });
  const positive = builder.unary('relu', x, hint);
  const negative = builder.unary('relu', builder.unary('neg', x, hint), hint);
  const scaled = builder.scale(
    negative,
    slope.map((s) => -s),
    undefined,
    hint,
  );
  return builder.binary('add', positive, scaled, hint);
}
