import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { PinnEdgeError, plural } from '../diagnostics.js';
import { cannotRead } from '../host/file-reader.js';
import { gridPoints, readCsvPoints, readJsonPoints } from '../run/points-io.js';

/** The points that simulate and monitor evaluate. */

export interface PointOptions {
  points?: string;
  grid?: string;
}

export function withPointOptions(command: Command): Command {
  return command
    .option('--points <file>', 'points as .csv with a header or .json; "-" or nothing reads CSV (or JSON) from stdin')
    .option('--grid <spec>', 'points on a grid: x=-1:1:41,t=0:1:41 (first:last:count), nu=0.05 holds an input');
}

/** Row-major [points x inputs], in engineering units. */
export function readPoints(options: PointOptions, inputs: readonly string[], outputs: readonly string[]): Float64Array {
  if (options.points !== undefined && options.grid !== undefined) {
    throw new PinnEdgeError('PE3005', { option: '--points and --grid', reason: 'give one of them, not both' });
  }
  if (options.grid !== undefined) return gridPoints(options.grid, inputs);
  const fromFile = options.points !== undefined && options.points !== '-';
  const source = fromFile ? options.points! : 'standard input';
  if (!fromFile && process.stdin.isTTY) {
    throw new PinnEdgeError('PE3005', { option: '--points or --grid', reason: 'is missing, and nothing is piped in' });
  }
  let text: string;
  try {
    text = readFileSync(fromFile ? source : 0, 'utf8');
  } catch (error) {
    throw cannotRead(source, error);
  }
  const isJson = source.endsWith('.json') || /^\s*[[{]/.test(text);
  return isJson ? readJsonPoints(source, text, inputs) : readCsvPoints(source, text, inputs, outputs);
}

/** The warning about points outside the box. */
export function clampNote(clamped: readonly number[], inputs: readonly string[], points: Float64Array): string {
  const at = inputs.map((name, i) => `${name} = ${points[clamped[0] * inputs.length + i]}`).join(', ');
  const what =
    clamped.length === 1
      ? 'lies outside the input box and was clamped to it,'
      : 'lie outside the input box and were clamped to it, the first';
  return `warning: ${plural(clamped.length, 'point')} ${what} at ${at}`;
}
