/** Numbers for people. */

/** Four significant digits, as `0.001234` or `1.234e-7`. */
export function short(value: number, digits = 4): string {
  if (value === 0) return '0';
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return trimmed(value.toExponential(digits - 1));
  return trimmed(value.toPrecision(digits));
}

/** Without the zeros at the end of a fraction. */
function trimmed(text: string): string {
  return text.replace(/(\.\d*?)0+(e|$)/, '$1$2').replace(/\.(e|$)/, '$1');
}

export function withUnit(text: string, unit = ''): string {
  return unit ? `${text} ${unit}` : text;
}

export function percent(share: number): string {
  return Number.isFinite(share) ? `${share < 0.0995 ? (100 * share).toPrecision(2) : Math.round(100 * share)} %` : '-';
}

export const count = (value: number): string => value.toLocaleString('en-US');

/** Powers of 1000, as the commands print them. */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  return value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

export function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
}
