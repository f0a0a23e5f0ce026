import type { BuildEngine } from '../../code/engines/build-engine.js';
import { PinnEdgeError } from '../../diagnostics.js';
import type { Target } from './target.js';

/** Which engines a target runs: all of them, or where it has no room for an interpreter the C sources alone. */

/** A target with wasm3. */
export type Wasm3Target = Target & { wasm3: NonNullable<Target['wasm3']> };

/**
 * The engine that a build for the target is for: the one that was asked for, else wasm3 where the target has it.
 *
 * @throws PE9203 for an interpreter that the target has no room for
 */
export function engineFor(target: Target, asked?: BuildEngine): BuildEngine {
  const engine = asked ?? (target.wasm3 ? 'wasm3' : 'c');
  if (engine !== 'c') requireWasm3(target, engine);
  return engine;
}

/** @throws PE9203 */
export function requireWasm3(target: Target, engine: BuildEngine): asserts target is Wasm3Target {
  if (target.wasm3) return;
  throw new PinnEdgeError('PE9203', { target: target.name, engine, bytes: target.ramBytes });
}
