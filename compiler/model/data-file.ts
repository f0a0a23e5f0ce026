import { parse } from 'csv-parse/sync';
import type { Problem } from '../diagnostics.js';
import type { FileReader } from '../host/file-reader.js';
import { allOutputs, type Model, type PhysicsData } from './types.js';

/** Measurements of the physics block: csv files beside the model, or the same inline, as written models have them. */

/** What the file says of them, once the schema has accepted it. */
export interface DataEntry extends Partial<PhysicsData> {
  file?: string;
}

type Named = Pick<Model, 'inputs' | 'outputs' | 'hidden'>;

/**
 * Reads and checks the data of a model file; what is wrong joins `problems`, each with its place.
 * @param source path of the model file, beside which the data lie
 */
export function readData(
  source: string,
  entries: readonly DataEntry[],
  model: Named,
  files: FileReader,
  problems: Problem[],
): PhysicsData[] {
  return entries.flatMap((entry, i) => {
    const path = `physics.data[${i}]`;
    const { file, columns, rows, weight } = entry;
    if ((file === undefined) === (columns === undefined && rows === undefined) || (!file && !(columns && rows))) {
      const found = file === undefined ? 'no file, and not both columns and rows' : 'a file beside columns or rows';
      problems.push({ path, found, expected: 'a csv file, or columns and rows' });
      return [];
    }
    const table =
      file === undefined ? { columns: columns!, rows: rows! } : readTable(source, file, path, files, problems);
    if (!table || !checkTable(model, table, file ?? path, path, problems)) return [];
    const name = entry.name ?? file ?? `data ${i + 1}`;
    return [{ name, ...table, ...(weight !== undefined && { weight }) }];
  });
}

type Table = Pick<PhysicsData, 'columns' | 'rows'>;

function readTable(
  source: string,
  file: string,
  path: string,
  files: FileReader,
  problems: Problem[],
): Table | undefined {
  const fault = (found: string, expected: string) => {
    problems.push({ path: `${path}.file`, found: `"${file}" (${found})`, expected });
    return undefined;
  };
  let rows: string[][];
  try {
    const bytes = files.read(files.beside(source, file));
    if (!bytes) return fault('there is no such file', 'a csv file, its path relative to the model');
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    rows = parse(text, { trim: true, skip_empty_lines: true, bom: true }) as string[][];
  } catch (error) {
    return fault((error as Error).message, 'a csv file with a header');
  }
  const [columns = [], ...records] = rows;
  for (const [r, record] of records.entries()) {
    const k = record.findIndex((cell) => cell === '' || !Number.isFinite(Number(cell)));
    if (k >= 0) return fault(`row ${r + 2}, ${columns[k]} is "${record[k]}"`, 'a number in every cell');
  }
  return { columns, rows: records.map((record) => record.map(Number)) };
}

/** @returns whether the columns are all inputs and some outputs, and all rows within the box */
function checkTable(
  { inputs, outputs, hidden }: Named,
  { columns, rows }: Table,
  what: string,
  path: string,
  problems: Problem[],
): boolean {
  const fault = (found: string, expected: string) => {
    problems.push({ path, found: `${what}: ${found}`, expected });
    return false;
  };
  const known = allOutputs({ outputs, hidden }).map(({ name }) => name);
  const names = inputs.map(({ name }) => name);
  const found = `columns ${columns.join(', ') || 'of no name'}`;
  const other = columns.find((column) => !names.includes(column) && !known.includes(column));
  const isRight =
    other === undefined &&
    new Set(columns).size === columns.length &&
    names.every((name) => columns.includes(name)) &&
    columns.length > names.length;
  if (!isRight)
    return fault(found, `a column for each of ${names.join(', ')} and for one or more of ${known.join(', ')}`);
  if (!rows.length) return fault('no rows', 'one or more');
  for (const [r, row] of rows.entries()) {
    if (row.length !== columns.length) return fault(`${row.length} numbers in row ${r + 1}`, `${columns.length}`);
    for (const { name, min, max } of inputs) {
      const value = row[columns.indexOf(name)];
      if (value >= min && value <= max) continue;
      return fault(`${name} = ${value} in row ${r + 1}`, `within its range ${min} to ${max}`);
    }
  }
  return true;
}
