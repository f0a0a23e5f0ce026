import type { KernelRow } from './kernels.js';
import { HOST, isRival, type Row } from './rows.js';

/** Rows as Markdown tables. */

export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export const count = (value: number | null): string =>
  value === null ? '' : Math.round(value).toLocaleString('en-US');

/** Such as `3e-4` or `1.2e-3`. */
export const short = (value: number): string => value.toExponential(1).replace('.0e', 'e').replace('e+', 'e');

const kilobytes = (value: number | null): string => (value === null ? '' : `${(value / 1000).toFixed(1)} kB`);

/** How a row was built, such as `compressed, 1e-3, speed`. */
export function variantText({ compressed, tolerance, goal }: Pick<Row, 'compressed' | 'tolerance' | 'goal'>): string {
  if (tolerance === null) return '';
  return [compressed ? 'compressed' : '', short(tolerance), goal ?? ''].filter(Boolean).join(', ');
}

/** Rows that differ only in their board. */
function groups(rows: readonly Row[]): Row[][] {
  const byName = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.engine} ${variantText(row)}`;
    byName.set(key, [...(byName.get(key) ?? []), row]);
  }
  return [...byName.values()];
}

/** Instructions per answer, a column for every board. */
export function instructionTable(rows: readonly Row[], boards: readonly string[], productBoard: string): string {
  const body = groups(rows).map((group) => [
    group[0].engine,
    variantText(group[0]),
    short(Math.max(...group.map((row) => row.maxRelative))),
    ...boards.map((board) => count(group.find((row) => row.board === board)?.instructions ?? null)),
    perProduct(group, productBoard),
  ]);
  return markdown(['engine', 'built', 'error', ...boards, `per product, ${productBoard}`], body);
}

/** Instructions of the whole answer per multiply-accumulate, on one board. */
function perProduct(group: readonly Row[], board: string): string {
  const row = group.find((one) => one.board === board && one.instructions !== null && one.macs);
  return row ? (row.instructions! / row.macs!).toFixed(1) : '';
}

/** Memory and start, on one board. */
export function memoryTable(rows: readonly Row[], board: string): string {
  const body = rows
    .filter((row) => row.board === board)
    .map((row) => [
      row.engine,
      variantText(row),
      kilobytes(row.flash),
      count(row.modelBytes),
      kilobytes(row.ram),
      kilobytes(row.heap),
      count(row.stack),
      count(row.start),
    ]);
  return markdown(['engine', 'built', 'flash', 'of it model B', 'RAM', 'of it heap', 'stack B', 'start'], body);
}

/** Instructions per product or element, a column for every board. */
export function kernelTable(rows: readonly KernelRow[]): string {
  const boards = [...new Set(rows.map(({ board }) => board))];
  const lines = new Map<string, KernelRow[]>();
  for (const row of rows) {
    const key = `${row.kernel} ${row.engine}`;
    lines.set(key, [...(lines.get(key) ?? []), row]);
  }
  const body = [...lines.values()].map((line) => [
    line[0].kernel,
    line[0].engine,
    ...boards.map((board) => line.find((row) => row.board === board)!.instructions.toFixed(1)),
  ]);
  return markdown(['kernel', 'engine', ...boards], body);
}

/** Microseconds per answer on this machine, a column for every engine; a network that is not built has one figure. */
export function hostTable(rows: readonly Row[]): string {
  const here = rows.filter((row) => row.board === HOST);
  const engines = [...new Set(here.map((row) => row.engine))];
  const lines = new Map<string, Row[]>();
  for (const row of here) {
    const key = `${row.example} ${variantText(row)}`;
    lines.set(key, [...(lines.get(key) ?? []), row]);
  }
  const body = [...lines.values()].map((line) => [
    line[0].example,
    variantText(line[0]),
    ...engines.map((engine) => microseconds(line.find((row) => row.engine === engine))),
  ]);
  return markdown(['example', 'built', ...engines], body);
}

const microseconds = (row: Row | undefined): string => row?.microseconds?.toFixed(2) ?? '';

/** Every example on one board as `build --for speed` makes it by itself, beside what `rival` takes. */
export function summaryTable(rows: readonly Row[], board: string, rival: string): string {
  const here = rows.filter((row) => row.board === board);
  const body = [...new Set(here.map(({ example }) => example))].flatMap((example) => {
    const own = here.filter((row) => row.example === example);
    const other = own.find((row) => row.engine === rival);
    const built = own.filter((row) => row.compressed && row.goal === 'speed');
    return [...(other ? [other] : []), ...built].map((row) => [
      example,
      isRival(row) ? row.engine : `**pinn-edge ${row.engine}**`,
      count(row.instructions),
      other && row !== other ? timesText(other.instructions! / row.instructions!) : '',
      kilobytes(row.flash),
      kilobytes(row.ram),
      short(row.maxRelative),
    ]);
  });
  return markdown(
    ['example', '', `instructions, ${board}`, `${rival} takes, times this`, 'flash', 'RAM', 'error'],
    body,
  );
}

/** Such as `454`, `9.7` or `0.39`. */
const timesText = (value: number): string => (value >= 10 ? count(value) : value.toPrecision(2));

/** The yardstick's contenders on one board, as a reader of the field knows them. */
export function contenderTable(rows: readonly Row[], board: string, other: string): string {
  const here = rows.filter((row) => row.board === board);
  const there = (row: Row) =>
    rows.find((r) => r.board === other && r.engine === row.engine && variantText(r) === variantText(row));
  const body = [...here]
    .sort((a, b) => b.instructions! - a.instructions!)
    .map((row) => [
      isRival(row) ? row.engine : `**pinn-edge ${row.engine}** (${variantText(row)})`,
      count(row.instructions),
      kilobytes(row.flash),
      kilobytes(row.ram),
      short(row.maxRelative),
      count(there(row)?.instructions ?? null),
    ]);
  return markdown(['', `instructions, ${board}`, 'flash', 'RAM', 'error', `instructions, ${other}`], body);
}
