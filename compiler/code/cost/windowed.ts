/**
 * What the interpreter takes on the windowed registers of the ESP32's cores (LX6, LX7), of which no compiler is to be had
 * as a package, so that `npm run calibrate` cannot measure them: the LX106's prices times what windows add. Nearly every
 * nested operation of wasm3 spills a window and fills it again, two handlers of 10 instructions; a window holds about 7
 * nested operations, so words of lanes, between which loops go round, take little more, and rows twice as much.
 *
 * The factors are fitted to counts of builds for speed, compiled by GCC 12.2 configured for the LX6 and run under QEMU as an
 * ESP32's core: front 1,102,760 instructions, battery-spm 372,345, heat-rod 514,993 (--tol 1e-3 --compress none), each of which
 * they give within 1 %. Products of plain kernels and polynomials have the middle of what whole builds showed.
 */
const WORDS = 1.15;
const ROWS = 2.07;
const PLAIN = 1.4;

/** By the features that have a price (instructions.ts); all others are ROWS. */
const FACTORS: Readonly<Record<string, number>> = {
  'lanes.word': WORDS,
  'lanes.single': WORDS,
  'lanes.hop': WORDS,
  'lanes.split': WORDS,
  'dense.product': PLAIN,
  'dense64.product': PLAIN,
  'polynomial.element': PLAIN,
  'polynomial.degree': PLAIN,
  'spline.function': PLAIN,
  'spline.product': PLAIN,
};

/** Instruction sets with register windows. */
export const WINDOWED_ISAS = ['xtensa-lx6', 'xtensa-lx7'] as const;

/** @param prices of the LX106, which runs the same instructions without windows, by feature */
export function windowedPrices<Prices extends Readonly<Record<string, number>>>(prices: Prices): Prices {
  const scaled = Object.entries(prices).map(([feature, price]) => [feature, price * (FACTORS[feature] ?? ROWS)]);
  return Object.fromEntries(scaled) as Prices;
}
