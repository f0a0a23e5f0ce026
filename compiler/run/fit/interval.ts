/** Half widths of 95 % intervals, in standard errors. */

/** Of the normal distribution. */
const NORMAL = 1.959963984540054;
/** Of Student's t of 1 to 4 degrees of freedom, where the expansion below is not near enough. */
const FEW = [12.706204736, 4.302652729, 3.182446305, 2.776445105];

/**
 * The 97.5 % quantile of Student's t, to four digits (Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5).
 * @param freedom degrees of freedom, at least 1
 */
export function studentQuantile(freedom: number): number {
  if (freedom <= FEW.length) return FEW[freedom - 1];
  const z = NORMAL;
  const terms = [
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160,
  ];
  return terms.reduce((sum, term, k) => sum + term / freedom ** (k + 1), z);
}

/**
 * By how much one standard error is multiplied for a 95 % interval: where the errors of measurements are known, and where they
 * are found from the residuals, for which a degree of freedom must be left.
 */
export function halfWidthFactor(isSigmaKnown: boolean, chiSquare: number, freedom: number): number {
  if (isSigmaKnown) return NORMAL;
  return freedom < 1 ? Number.NaN : studentQuantile(freedom) * Math.sqrt(chiSquare / freedom);
}
