/** What commands print: results to stdout, notes and progress to stderr. */

export function writeOut(text: string): void {
  process.stdout.write(text);
}

export function writeNote(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** 12345 as `12,345`. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** Bytes as `412 B`, `3.1 kB` or `2.0 MB` (powers of 1000). */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  return value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

/** An error such as `6.9e-4`. */
export function error(value: number): string {
  return value === 0 ? '0' : value.toExponential(1);
}

export function place(names: readonly string[], at: readonly number[]): string {
  return names.map((name, i) => `${name} = ${Number(at[i].toPrecision(4))}`).join(', ');
}

/** Rows as columns padded to their widest cell; numbers to the right. */
export function columns(rows: readonly (readonly (string | number)[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, String(cell).length);
  }
  const line = (row: readonly (string | number)[]) =>
    row
      .map((cell, i) => (typeof cell === 'number' ? String(cell).padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd();
  return rows.map((row) => `  ${line(row)}\n`).join('');
}

/** Where outputs jump, a sentence for each. */
export function jumpLines(
  jumps: readonly { node: string; output: string; size: number; at: number[]; margin: number }[] = [],
  inputs: readonly string[],
): string[] {
  return jumps.map(({ node, output, size, at, margin }) => {
    const where = `${output} jumps by ${error(size)} where the condition of "${node}" changes its sign, such as at ${place(inputs, at)}`;
    return `${where}: no format keeps a tolerance there, and within ${error(margin)} of the condition the value of either side counts as right`;
  });
}
