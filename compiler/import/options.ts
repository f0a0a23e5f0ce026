import { PinnEdgeError } from '../diagnostics.js';
import { expandNames } from './name-ranges.js';
import type { DeriveFacts, InputFacts, OutputFacts } from './types.js';

/** The import options of the command line. Each parser throws PE3005 with the option and what was expected. */

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const MAX_UNIT_LENGTH = 32;

/** `name=min:max[:unit]`, or `name` alone where the range comes from the spec. */
export function parseInput(text: string): InputFacts {
  const form = 'expected name=min:max or name=min:max:unit, such as x=-1:1:m';
  const fail = (reason: string) => new PinnEdgeError('PE3005', { option: `--input ${text}`, reason });
  const [name, range, ...more] = text.split('=');
  requireName(name, `--input ${text}`, form);
  if (range === undefined) return { name };
  if (more.length) throw fail(form);
  const [min, max, ...unit] = range.split(':');
  const [low, high] = [toNumber(min), toNumber(max)];
  if (low === undefined || high === undefined) throw fail(form);
  if (!(low < high)) throw fail(`min must be less than max, found ${low} and ${high}`);
  return { name, min: low, max: high, ...unitOf(unit, `--input ${text}`) };
}

/** The same of several names: `u[0:101]=-1:1` gives u0 to u100 one range and unit. */
export function parseInputs(text: string): InputFacts[] {
  const [name, ...facts] = text.split('=');
  return expandNames(name, `--input ${text}`).map((one) => parseInput([one, ...facts].join('=')));
}

/** The same of several outputs: `p[0:4]:Pa`. */
export function parseOutputs(text: string): OutputFacts[] {
  const [, name, unit] = text.match(/^([^:[]*(?:\[[^\]]*\])?)(.*)$/s)!;
  return expandNames(name, `--output ${text}`).map((one) => parseOutput(`${one}${unit}`));
}

/** `name` or `name:unit`. */
export function parseOutput(text: string): OutputFacts {
  const [name, ...unit] = text.split(':');
  requireName(name, `--output ${text}`, 'expected name or name:unit, such as u:m/s');
  return { name, ...unitOf(unit, `--output ${text}`) };
}

/** `v = -psi_x`; or `u_x` and `u_x,u_t`, which are their own names. */
export function parseDerive(text: string): DeriveFacts[] {
  const form = 'expected name = expression, or derivatives such as u_x or u_x,u_t';
  const [first, ...expression] = text.split('=').map((part) => part.trim());
  const names = expression.length ? [first] : first.split(',').map((name) => name.trim());
  for (const [i, name] of names.entries()) {
    requireName(name, `--derive ${text}`, form);
    requireOnce(names.slice(0, i), name, `--derive ${text}`);
  }
  if (expression.length > 1 || expression[0] === '') {
    throw new PinnEdgeError('PE3005', { option: `--derive ${text}`, reason: form });
  }
  return names.map((name) => ({ name, expression: expression[0] ?? name }));
}

/** `u,v`: names of the outputs to keep. */
export function parseKeep(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  for (const [i, name] of names.entries()) {
    requireName(name, `--outputs ${text}`, 'expected names with commas between them, such as u,v');
    requireOnce(names.slice(0, i), name, `--outputs ${text}`);
  }
  return names;
}

/** Several `name=value`. */
export function parseFix(texts: readonly string[]): Record<string, number> {
  const fixed: Record<string, number> = {};
  for (const text of texts) {
    const [name, value, ...more] = text.split('=');
    const number = toNumber(value);
    requireName(name, `--fix ${text}`, 'expected name=value, such as nu=0.01');
    if (number === undefined || more.length) {
      throw new PinnEdgeError('PE3005', { option: `--fix ${text}`, reason: 'expected name=value, such as nu=0.01' });
    }
    requireOnce(Object.keys(fixed), name, `--fix ${text}`);
    fixed[name] = number;
  }
  return fixed;
}

/** Several `input=output`: outputs that are the next values of inputs. */
export function parseState(texts: readonly string[]): Record<string, string> | undefined {
  const form = 'expected input=output, such as theta=theta_next';
  const state: Record<string, string> = {};
  for (const text of texts) {
    const [input, output = '', ...more] = text.split('=');
    requireName(input, `--state ${text}`, form);
    requireName(output, `--state ${text}`, form);
    if (more.length) throw new PinnEdgeError('PE3005', { option: `--state ${text}`, reason: form });
    requireOnce(Object.keys(state), input, `--state ${text}`);
    state[input] = output;
  }
  return texts.length ? state : undefined;
}

/** Refuses a name that was given before: one of the two would have no effect. */
export function requireOnce(before: readonly string[], name: string, option: string): void {
  if (before.includes(name)) throw new PinnEdgeError('PE3005', { option, reason: `${name} is given twice` });
}

function requireName(name: string, option: string, form: string): void {
  if (NAME.test(name)) return;
  throw new PinnEdgeError('PE3005', { option, reason: `${form}; names have letters, digits and _, a letter first` });
}

/** Units may hold colons of their own. */
function unitOf(parts: readonly string[], option: string): { unit?: string } {
  if (!parts.length) return {};
  const unit = parts.join(':');
  if (unit.length > MAX_UNIT_LENGTH) {
    throw new PinnEdgeError('PE3005', { option, reason: `a unit has at most ${MAX_UNIT_LENGTH} characters` });
  }
  return unit ? { unit } : {};
}

function toNumber(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}
