/** Sections of docs/benchmarks.md that have commands of their own, which stand behind what `npm run bench` writes. */

export const DERIVATIVES = 'Derivatives';
export const FITS_AND_STEPS = 'Fits and steps on a device';

/** In the order of the document. */
const TITLES = [DERIVATIVES, FITS_AND_STEPS, 'Compression'];

/** Where the first section of these begins, or the end of the text. */
function startOf(text: string, titles: readonly string[]): number {
  const places = titles.map((title) => text.indexOf(`\n## ${title}\n`) + 1);
  return Math.min(text.length, ...places.filter((at) => at > 0));
}

/** The document with this section, which ends with a line, in the place of the one that it has or in its own. */
export function withSection(text: string, title: string, section: string): string {
  const k = TITLES.indexOf(title);
  const before = text.slice(0, startOf(text, TITLES.slice(k)));
  const after = text.slice(startOf(text, TITLES.slice(k + 1)));
  return `${before}${before.endsWith('\n\n') ? '' : '\n'}${section}${after && `\n${after}`}`;
}

/** What `npm run bench` does not write itself. */
export function writtenByOthers(text: string): string {
  return text.slice(startOf(text, TITLES));
}
