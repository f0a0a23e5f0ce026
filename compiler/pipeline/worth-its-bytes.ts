import { predictInstructions } from '../code/cost/instructions.js';
import { predictNative } from '../code/cost/native-instructions.js';
import type { Attempt } from '../formats/search/fitting.js';
import { unlessUnreachable } from '../formats/search/quantize-within.js';
import { type Model, parameterCount } from '../model/types.js';
import type { LoweredModel } from '../table/lower/lower.js';
import { layOutFor } from './code-stage.js';
import { type CompileSettings, forGoal } from './compile-options.js';

/** What a build for speed may take: more bytes than the weights have as float32 only where that gains time. */

/** Share of the instructions of a build for size that one for speed may take where it is larger than the weights as float32. */
const WORTHWHILE = 0.75;

/** Formats, laid out for the goal of the settings. */
export interface LaidOut<F> {
  settings: CompileSettings;
  fitted: F;
  lowered: LoweredModel;
  table: Uint8Array;
}

/**
 * The formats as the settings want them; where they are for speed and take more bytes of weights and tables than the weights do
 * as float32, those for size, unless those for speed gain a quarter of the time or are no larger.
 *
 * @param fit looks for the cheapest formats
 */
export function layOutWithinFloats<F extends { attempt: Attempt }>(
  model: Model,
  settings: CompileSettings,
  fit: (settings: CompileSettings) => F,
): LaidOut<F> {
  const laidOut = (by: CompileSettings): LaidOut<F> => {
    const fitted = fit(by);
    return { settings: by, fitted, ...layOutFor(by, fitted.attempt) };
  };
  const fast = laidOut(settings);
  if (settings.goal !== 'speed' || fast.lowered.table.pool.length <= 4 * parameterCount(model) || isFarFaster(fast))
    return fast;
  const small = unlessUnreachable(() => laidOut(forGoal(settings, 'size')));
  return !small || isWorthItsBytes(figuresOf(fast), figuresOf(small)) ? fast : small;
}

/** Of a build: bytes of weights, biases, shifts and tables, and instructions per answer. */
export interface Figures {
  bytes: number;
  instructions: number;
}

/** Whether formats for speed that take more bytes than float32 are better than those for size. */
export function isWorthItsBytes(fast: Figures, small: Figures): boolean {
  if (fast.bytes <= small.bytes) return true;
  return fast.instructions <= WORTHWHILE * small.instructions;
}

/** By the cost model of the engine. */
function figuresOf({ settings: { engine, isa }, lowered: { table } }: LaidOut<unknown>): Figures {
  const instructions = engine === 'wasm3' ? predictInstructions(table, isa).instructions : predictNative(table, isa);
  return { bytes: table.pool.length, instructions };
}

/** Packed kernels that take less than that even of the time of plain ones with the same formats: no need to look for others. */
function isFarFaster({ settings: { engine, isa }, fitted, lowered }: LaidOut<{ attempt: Attempt }>): boolean {
  if (engine !== 'wasm3') return false;
  const [packed, plain] = [lowered, fitted.attempt.lowered].map(({ table }) => predictInstructions(table, isa));
  return packed.instructions <= WORTHWHILE * plain.instructions;
}
