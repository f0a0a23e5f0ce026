import { type SmxFormat, smxFormat } from './smx.js';

/**
 * The number formats of training in integers. Their exponents are bounded so that all products and sums of a step are exact
 * in a double as well as in 64 bits: the unit of a product times 2^53 is above the largest sum, which the comments give.
 *
 *     weights        units 2^-17 .. below 4       activations   2^-17 .. below 2
 *     differences    2^-18 .. below 2             intermediates 2^-18 .. below 16
 *     gradients      2^-22 .. below 2             gradients of weights 2^-20 .. below 2^9
 *
 *     W h: units 2^-35, at most 2^8 terms below 8 (of intermediates: few terms below 64)
 *     W' g: units 2^-39, at most 2^8 terms below 8
 *     g h': units 2^-40, of inputs 2^-42 at most 2^9 terms below 4; after every group of points held to +-2^10
 */
export interface Numbers {
  weights: SmxFormat;
  activations: SmxFormat;
  differences: SmxFormat;
  /** Values between the cores of a tensor train. */
  intermediates: SmxFormat;
  gradients: SmxFormat;
  weightGradients: SmxFormat;
  /** Of gradients. */
  rounding: 'nearest' | 'stochastic';
}

export interface Widths {
  /** Of weights and activations, of gradients: 8 and 12 unless wider. */
  bits?: number;
  gradientBits?: number;
  block?: number;
  rounding?: Numbers['rounding'];
}

export function smxNumbers({ bits = 8, gradientBits = 12, block = 4, rounding = 'stochastic' }: Widths = {}): Numbers {
  // The largest values stay what they are, and so does the smallest unit.
  const of = (width: number, lowest: number, belowLog2: number) =>
    smxFormat(width, block, lowest, Math.max(lowest, belowLog2 + 1 - width));
  return {
    weights: of(bits, -17, 2),
    activations: of(bits, -17, 1),
    differences: of(bits, -18, 1),
    intermediates: of(bits, -18, 4),
    gradients: of(gradientBits, -22, 1),
    weightGradients: of(gradientBits, -20, 9),
    rounding,
  };
}

/** Bits behind the point of what is not in blocks. */
export const FIXED = {
  /** Stored weights and biases, which the optimiser changes. */
  stored: 24,
  /** Coordinates of points, and of directions of Stein's estimator. */
  point: 14,
  direction: 20,
  /** Outputs of the network and their differences, within +-8. */
  output: 28,
  /** Residuals, within +-2^10. */
  residual: 20,
  /** Gradients between the products, within +-2. */
  gradient: 30,
  /** Derivatives of the sine that gradients are multiplied by. */
  slope: 20,
  /** Merged cores. */
  merged: 26,
} as const;

/** Gradients of weights stay within this after every group of points. */
export const GRADIENT_SUM_LIMIT = 2 ** 10;

/** The nearest integer times 2^-bits, halves up, within +-limit; exact for what has at most 52 bits, as all has here. */
export function fixed(x: number, bits: number, limit: number): number {
  const scale = 2 ** bits;
  const q = Math.floor(x * scale + 0.5);
  const most = limit * scale - 1;
  return (q > most ? most : q < -most ? -most : q) / scale;
}
