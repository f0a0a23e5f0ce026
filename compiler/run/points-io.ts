import { parse } from 'csv-parse/sync';
import { PinnEdgeError, plural } from '../diagnostics.js';

/** Points as CSV, JSON and grids; every reader returns row-major [points x inputs] in the order of `inputs`. */

const MAX_GRID_POINTS = 10_000_000;

function fault(source: string, reason: string): PinnEdgeError {
  return new PinnEdgeError('PE5001', { source, reason });
}

/** CSV with a header row that names every input; further columns are ignored only when they are outputs. */
export function readCsvPoints(
  source: string,
  text: string,
  inputs: readonly string[],
  outputs: readonly string[],
): Float64Array {
  let rows: string[][];
  try {
    rows = parse(text, { trim: true, skip_empty_lines: true, relax_column_count: false, bom: true }) as string[][];
  } catch (error) {
    throw fault(source, (error as Error).message);
  }
  const [header, ...records] = rows;
  if (!header) throw fault(source, `is empty, expected a header row with the columns ${inputs.join(', ')}`);
  const columns = inputs.map((name) => header.indexOf(name));
  const missing = inputs.filter((_, i) => columns[i] < 0);
  const unknown = header.filter((name) => !inputs.includes(name) && !outputs.includes(name));
  if (missing.length || unknown.length) {
    const found = `columns are ${header.join(', ')}`;
    throw fault(source, `${found}; expected ${inputs.join(', ')}`);
  }
  if (!records.length) throw fault(source, 'has a header but no points');
  return Float64Array.from(
    records.flatMap((record, r) => columns.map((c, i) => toNumber(source, record[c], `row ${r + 2}, ${inputs[i]}`))),
  );
}

function toNumber(source: string, text: unknown, where: string): number {
  const value = typeof text === 'number' ? text : typeof text === 'string' && text !== '' ? Number(text) : Number.NaN;
  if (!Number.isFinite(value))
    throw fault(source, `${where} is ${JSON.stringify(text) ?? 'missing'}, expected a number`);
  return value;
}

/** JSON: an array of points, each an object by input name or an array in input order, or `{"points": [...]}`. */
export function readJsonPoints(source: string, text: string, inputs: readonly string[]): Float64Array {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw fault(source, `is not JSON: ${(error as Error).message}`);
  }
  const points = Array.isArray(value) ? value : (value as { points?: unknown } | null)?.points;
  if (!Array.isArray(points) || !points.length) throw fault(source, 'holds no array of points');
  return Float64Array.from(points.flatMap((point: unknown, p) => jsonPoint(source, point, p, inputs)));
}

function jsonPoint(source: string, point: unknown, p: number, inputs: readonly string[]): number[] {
  if (Array.isArray(point)) {
    if (point.length !== inputs.length) {
      throw fault(
        source,
        `point ${p} has ${plural(point.length, 'number')}, expected ${inputs.length} (${inputs.join(', ')})`,
      );
    }
    return point.map((v, i) => toNumber(source, v, `point ${p}, ${inputs[i]}`));
  }
  if (typeof point !== 'object' || point === null) throw fault(source, `point ${p} is neither an object nor an array`);
  const known = point as Record<string, unknown>;
  return inputs.map((name) => toNumber(source, known[name], `point ${p}, ${name}`));
}

/** A grid such as `x=-1:1:41,t=0:1:41`; `nu=0.05` holds an input at one value. The last input varies fastest. */
export function gridPoints(spec: string, inputs: readonly string[]): Float64Array {
  const axes = new Map<string, number[]>();
  for (const part of spec.split(',')) {
    const match = /^\s*(\w+)\s*=\s*([^:]+)(?::([^:]+):([^:]+))?\s*$/.exec(part);
    if (!match) throw fault(`--grid "${part}"`, 'expected name=first:last:count or name=value');
    const [, name, first, last, count] = match;
    if (!inputs.includes(name))
      throw fault(`--grid "${part}"`, `there is no input "${name}"; inputs are ${inputs.join(', ')}`);
    axes.set(
      name,
      last === undefined ? [toNumber(`--grid "${part}"`, first, name)] : linearAxis(part, first, last, count),
    );
  }
  const missing = inputs.filter((name) => !axes.has(name));
  if (missing.length) throw fault('--grid', `gives nothing for ${missing.join(', ')}`);
  const lists = inputs.map((name) => axes.get(name)!);
  const total = lists.reduce((n, list) => n * list.length, 1);
  if (total > MAX_GRID_POINTS) throw fault('--grid', `makes ${total} points, at most ${MAX_GRID_POINTS} are allowed`);
  const points = new Float64Array(total * inputs.length);
  for (let p = 0; p < total; p++) {
    let rest = p;
    for (let i = inputs.length - 1; i >= 0; i--) {
      points[p * inputs.length + i] = lists[i][rest % lists[i].length];
      rest = Math.floor(rest / lists[i].length);
    }
  }
  return points;
}

function linearAxis(part: string, first: string, last: string, count: string): number[] {
  const source = `--grid "${part}"`;
  const from = toNumber(source, first, 'first');
  const to = toNumber(source, last, 'last');
  const n = toNumber(source, count, 'count');
  if (!Number.isInteger(n) || n < 1 || n > MAX_GRID_POINTS)
    throw fault(source, `count must be a whole number from 1 to ${MAX_GRID_POINTS}`);
  return Array.from({ length: n }, (_, i) => {
    if (i === 0 || i === n - 1) return i === 0 ? from : to;
    // 15 digits: 0.85 is 0.85 and not 0.8500000000000001.
    return Number(((from * (n - 1 - i) + to * i) / (n - 1)).toPrecision(15));
  });
}

/** One row per point: inputs, then outputs. */
export function writeCsv(
  names: readonly string[],
  inputs: Float64Array,
  outputs: Float64Array,
  inputCount: number,
): string {
  const outputCount = names.length - inputCount;
  const lines = [names.join(',')];
  for (let p = 0; p < inputs.length / inputCount; p++) {
    const row = [
      ...inputs.subarray(p * inputCount, (p + 1) * inputCount),
      ...outputs.subarray(p * outputCount, (p + 1) * outputCount),
    ];
    lines.push(row.join(','));
  }
  return `${lines.join('\n')}\n`;
}

/** The same as a JSON list of objects. */
export function writeJson(
  names: readonly string[],
  inputs: Float64Array,
  outputs: Float64Array,
  inputCount: number,
): string {
  const outputCount = names.length - inputCount;
  const points = Array.from({ length: inputs.length / inputCount }, (_, p) =>
    Object.fromEntries(
      names.map((name, i) => [
        name,
        i < inputCount ? inputs[p * inputCount + i] : outputs[p * outputCount + i - inputCount],
      ]),
    ),
  );
  return `${JSON.stringify(points, null, 2)}\n`;
}
