import { existsSync, readFileSync, rmSync } from 'node:fs';
import { PinnEdgeError } from '../diagnostics.js';
import { writeFileWhole } from '../host/write-file.js';

/**
 * What is known of a run that was interrupted, beside the model that it left: with which options it was begun and how many of
 * its steps are taken. It is continued with the same options only: others would be another run.
 */
export interface TrainRun {
  /** By their names on the command line; those that change how long it runs or what is printed are left out. */
  options: Record<string, unknown>;
  /** SHA-256 of the model that was given. */
  model: string;
  /** Steps taken, of all. */
  step: number;
  of: number;
}

const runFile = (output: string) => `${output}.run`;
/** Options that may differ. */
const FREE = ['out', 'seconds', 'json', 'continue'];

/** @param options of the command, by their names in camel case */
export function runOptions(options: object): TrainRun['options'] {
  const kept = Object.entries(options).filter(([name, value]) => !FREE.includes(name) && value !== undefined);
  return Object.fromEntries(kept.map(([name, value]) => [dashed(name), value]).sort());
}

const dashed = (name: string) => `--${name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`;

export function writeRun(output: string, run: TrainRun): void {
  writeFileWhole(runFile(output), `${JSON.stringify(run)}\n`);
}

export function forgetRun(output: string): void {
  rmSync(runFile(output), { force: true });
}

/**
 * The interrupted run that `output` is of.
 * @param now options and model of the command that continues it
 * @throws PE4306 where there is none, PE4307 where it was begun with others, PE3005 where its stages cannot be gone on with
 */
export function runToContinue(output: string, now: Pick<TrainRun, 'options' | 'model'>): TrainRun {
  const file = runFile(output);
  const run = existsSync(file) ? parsed(readFileSync(file, 'utf8')) : undefined;
  if (!run || !existsSync(output)) throw new PinnEdgeError('PE4306', { output, file });
  const names = [...new Set([...Object.keys(run.options), ...Object.keys(now.options)])];
  const text = (value: unknown) => (value === undefined ? 'none' : JSON.stringify(value));
  const other = names.find((name) => text(run.options[name]) !== text(now.options[name]));
  if (other !== undefined) {
    const [before, after] = [text(run.options[other]), text(now.options[other])];
    throw new PinnEdgeError('PE4307', { output, option: other, before, after });
  }
  if (run.model !== now.model) {
    throw new PinnEdgeError('PE4307', { output, option: 'the model', before: 'another', after: 'this' });
  }
  const staged =
    '--blocks' in run.options ? '--blocks' : Object.keys(run.options['--from'] ?? {}).length ? '--from' : '';
  if (staged) {
    const reason = `runs with ${staged} go in stages, which are not gone on with; begin again without --continue`;
    throw new PinnEdgeError('PE3005', { option: '--continue', reason });
  }
  return run;
}

function parsed(text: string): TrainRun | undefined {
  try {
    const run = JSON.parse(text) as TrainRun;
    const isRun = typeof run.options === 'object' && Number.isInteger(run.step) && Number.isInteger(run.of);
    return isRun ? run : undefined;
  } catch {
    return undefined;
  }
}
