/** Colours that the colour-blind tell apart, of d3-scale-chromatic; tools/bundle-page.mjs samples them into the page. */

/** Hex digits of 256 colours each, without separators. */
declare const VIRIDIS: string;
declare const PURPLE_ORANGE: string;

const sampled = (colours: string) => (part: number) => {
  const at = 6 * Math.min(255, Math.max(0, Math.round(255 * part)));
  return `#${colours.slice(at, at + 6)}`;
};

/** For values from 0 to 1, dark to bright. */
export const viridis = sampled(VIRIDIS);
/** For values from 0 to 1 that differ in sign about 1/2: purple, white, orange. */
export const signed = sampled(PURPLE_ORANGE);
