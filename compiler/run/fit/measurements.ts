import { parse } from 'csv-parse/sync';
import type { Report } from '../../deliver/package/report.js';
import { PinnEdgeError } from '../../diagnostics.js';
import type { Measurement } from './job.js';

/** What the command line says of measurements beside their file. */
export interface MeasurementFacts {
  /** Inputs that are fitted: they need no column. */
  free: readonly string[];
  /** Inputs that have one value in all measurements; undefined: the file has a column of it. */
  known: Readonly<Record<string, number | undefined>>;
  /** Standard deviation of the outputs that are named, and of all others. */
  sigma?: { all?: number; outputs: Readonly<Record<string, number>> };
}

/**
 * CSV with a header row: a column for every input that is neither fitted nor known, and one or more of outputs, where an empty
 * cell is no measurement. `sigma`, or `sigma_T` for the output T, may be columns, too. Without any sigma there is one output,
 * and its standard deviation is taken for unknown and the same in all rows.
 *
 * @throws PE5001 with the row, the column and what was expected
 */
export function readMeasurements(
  source: string,
  text: string,
  report: Report,
  facts: MeasurementFacts,
): { measurements: Measurement[]; isSigmaKnown: boolean } {
  const fault = (reason: string) => new PinnEdgeError('PE5001', { source, reason });
  let rows: string[][];
  try {
    rows = parse(text, { trim: true, skip_empty_lines: true, bom: true }) as string[][];
  } catch (error) {
    throw fault((error as Error).message);
  }
  const [header = [], ...records] = rows;
  const names = report.inputs.map(({ name }) => name);
  const needed = names.filter((name) => !facts.free.includes(name) && facts.known[name] === undefined);
  const missing = needed.filter((name) => !header.includes(name));
  if (missing.length) {
    const found = `columns are ${header.join(', ') || 'none'}`;
    throw fault(`${found}; ${missing.join(', ')} must be one of them, or be given with --known ${missing[0]}=<value>`);
  }
  const outputs = report.fit!.outputs.filter((name) => header.includes(name));
  if (!outputs.length) throw fault(`has no column of a measured output (${report.fit!.outputs.join(', ')})`);
  const mayBe = [...names, ...outputs, 'sigma', ...outputs.map((name) => `sigma_${name}`)];
  const unknown = header.find((name) => !mayBe.includes(name));
  if (unknown !== undefined) throw fault(`column "${unknown}" is neither an input nor an output nor a sigma`);
  const twice = header.find((name) => facts.known[name] !== undefined);
  if (twice !== undefined) throw fault(`has a column "${twice}", which --known gives, too`);
  if (new Set(header).size < header.length) throw fault('two columns have the same name');
  const number = (cell: string | undefined, where: string): number => {
    const value = cell === undefined || cell === '' ? Number.NaN : Number(cell);
    if (Number.isFinite(value)) return value;
    throw fault(`${where} is ${JSON.stringify(cell ?? '')}, expected a number`);
  };
  const isSigmaKnown = facts.sigma !== undefined || header.some((name) => name.startsWith('sigma'));
  if (!isSigmaKnown && outputs.length > 1) {
    throw fault(`outputs ${outputs.join(', ')} are weighed by their errors: say --sigma ${outputs[0]}=<value>,...`);
  }
  const measurements = records.flatMap((record, r) => {
    const cell = (name: string) => record[header.indexOf(name)];
    const where = (name: string) => `row ${r + 2}, ${name}`;
    const inputs = report.inputs.map(({ name, min, max }) => {
      if (facts.free.includes(name)) return 0.5 * (min + max);
      const value = facts.known[name] ?? number(cell(name), where(name));
      if (value >= min && value <= max) return value;
      throw fault(`${where(name)} is ${value}, outside of its range ${min} to ${max}`);
    });
    return outputs
      .filter((name) => cell(name) !== '')
      .map((output): Measurement => {
        const column = [`sigma_${output}`, 'sigma'].find((name) => header.includes(name));
        const given = facts.sigma?.outputs[output] ?? facts.sigma?.all;
        const sigma = column === undefined ? (given ?? (isSigmaKnown ? 0 : 1)) : number(cell(column), where(column));
        if (!(sigma > 0)) throw fault(`${where(column ?? `--sigma ${output}`)} is ${sigma}, expected a number above 0`);
        return { inputs, output, value: number(cell(output), where(output)), sigma };
      });
  });
  return { measurements, isSigmaKnown };
}
