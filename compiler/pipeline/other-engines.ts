import type { Goal } from '../code/cost/goal.js';
import { interpreterPrices, predictInstructions, pricedIsas } from '../code/cost/instructions.js';
import { predictNative } from '../code/cost/native-instructions.js';
import type { BuildEngine } from '../code/engines/build-engine.js';
import { type KernelLimits, layOut } from '../table/layout/interpreter.js';
import { nativeTable } from '../table/layout/native.js';
import type { LoweredModel } from '../table/lower/lower.js';

/** What an answer would take on an engine that the build is not for. */
export interface OtherEngine {
  engine: BuildEngine;
  /** Predicted for the formats of this build, which another engine's own build may better. */
  instructions: number;
}

/** What a build is for; of the settings. */
interface BuiltFor {
  engine: BuildEngine;
  goal: Goal;
  isa: string;
  kernels: KernelLimits;
}

const ENGINES: readonly BuildEngine[] = ['wasm3', 'wasm3+native', 'c'];

/**
 * Estimates for the other engines, of one lowered model before it is laid out; none for instruction sets that have no
 * prices.
 */
export function otherEngines({ engine, goal, isa, kernels }: BuiltFor, lowered: LoweredModel): OtherEngine[] {
  if (!pricedIsas().includes(isa)) return [];
  const interpreted = () => {
    const { table } = goal === 'speed' ? layOut(lowered, kernels, interpreterPrices(isa)) : lowered;
    return predictInstructions(table, isa).instructions;
  };
  const native = () => predictNative(nativeTable(lowered.table, lowered.peaks), isa);
  return ENGINES.filter((other) => other !== engine).map((other) => ({
    engine: other,
    instructions: other === 'wasm3' ? interpreted() : native(),
  }));
}
