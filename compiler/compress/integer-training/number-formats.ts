import { type SmxFormat, smxFormat } from './smx.js';

/**
 * The number formats of training in integers. Their exponents are bounded so that all products and sums of a step are exact
 * in a double as well as in 64 bits: the unit of a product times 2^53 is above the largest sum, which the comments give.
 *
 *     weights        units 2^-17 .. below 4       activations   2^-17 .. below 2
 *     differences    2^-18 .. below 2             intermediates 2^-18 .. below 16
 *     gradients      2^-22 .. below 2             gradients of weights 2^-20 .. below 2^9
 *
 *     W h: units 2^-35, terms below 2^3, of intermediates below 2^6: 2^12 of them
 *     W' g: units 2^-39, terms below 2^3: 2^11 of them
 *     g h': units 2^-40, terms below 2^5 of intermediates and 2^2 else, of inputs units 2^-42 and terms below 2^2: after every
 *           128 rows the sums are held to +-2^10, and after every group those of biases
 *     merging cores: units 2^-43, terms below 2^4: 2^6 of them, as many as a rank and a mode of 4 at a rank of 16
 *
 * The gradients of merged cores are the exception: they are handed on to the cores by sums of doubles in an order that is fixed,
 * which may be rounded, the same everywhere.
 */
export interface Numbers {
  weights: SmxFormat;
  activations: SmxFormat;
  differences: SmxFormat;
  /** Values between the cores of a tensor train. */
  intermediates: SmxFormat;
  gradients: SmxFormat;
  weightGradients: SmxFormat;
  /** Bits behind the point of biases as they are added to values, within +-4. */
  biasPoint: number;
  /** Of gradients. */
  rounding: 'nearest' | 'stochastic';
}

export interface Widths {
  /** Of weights and activations, of gradients: 8 and 12 unless wider. */
  bits?: number;
  gradientBits?: number;
  block?: number;
  /** 16, or as they are stored: 32. */
  biasBits?: 16 | 32;
  rounding?: Numbers['rounding'];
}

export function smxNumbers({
  bits = 8,
  gradientBits = 12,
  block = 4,
  biasBits = 32,
  rounding = 'stochastic',
}: Widths = {}): Numbers {
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
    biasPoint: biasBits === 16 ? 13 : FIXED.stored,
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

/** Sums of gradients of weights stay within this. */
export const GRADIENT_SUM_LIMIT = 2 ** 10;

/** The nearest integer times 2^-bits, halves up, within +-limit; exact for what has at most 52 bits, as all has here. */
export function fixed(x: number, bits: number, limit: number): number {
  const scale = 2 ** bits;
  const q = Math.floor(x * scale + 0.5);
  const most = limit * scale - 1;
  return (q > most ? most : q < -most ? -most : q) / scale;
}
