import type { BuildEngine } from '../compiler/code/engines/build-engine.js';
import { createEngine, type Runnable } from '../compiler/code/engines/create.js';
import { type EngineName, inputWordFormats, toWords } from '../compiler/code/engines/engine.js';
import { buildMemoryBytes } from '../compiler/deliver/package/memory-needs.js';
import { loadTarget } from '../compiler/deliver/package/targets.js';
import type { CompiledModel } from '../compiler/index.js';
import { interiorPoints } from '../compiler/judge/points/cover.js';
import { evaluateReference } from '../compiler/judge/reference/evaluate.js';
import { inputBox } from '../compiler/model/box.js';
import { exampleModel, largestError, type Variant } from './product.js';
import { HOST, type Row } from './rows.js';

/** Times per answer on this machine, side by side in one run: the module under wasm3 and V8, and the float64 reference. */

const POINTS = 2000;
const ROUNDS = 5;

export async function measureHost(example: string, variant: Variant, compiled: CompiledModel): Promise<Row[]> {
  const { model, lowered, measured, table, wasm, engine: builtFor } = compiled;
  const target = loadTarget(HOST);
  const runnable: Runnable = {
    wasm,
    table,
    memoryBytes: buildMemoryBytes(compiled),
    inputCount: model.inputs.length,
    outputCount: model.outputs.length,
    wasm3: { stackBytes: target.wasm3!.stackBytes, tailCalls: target.tailCalls },
  };
  const words = toWords(interiorPoints(inputBox(model.inputs), POINTS), inputWordFormats(lowered.table));
  const rows: Row[] = [];
  for (const name of ON_HOST[builtFor]) {
    const engine = await createEngine(name, runnable);
    const microseconds = fastest(() => engine.run(words));
    engine.dispose?.();
    const place = { example, board: HOST, engine: name === 'v8' ? name : builtFor, ...variant };
    const known = { maxRelative: largestError(measured), macs: lowered.macs, modelBytes: table.length };
    rows.push({ ...place, ...NOT_COUNTED, ...known, microseconds });
  }
  return rows;
}

/** What runs a build on this machine. */
const ON_HOST: Record<BuildEngine, readonly EngineName[]> = {
  wasm3: ['wasm3', 'v8'],
  'wasm3+native': ['wasm3'],
  c: ['c'],
};

const NOT_COUNTED = { instructions: null, flash: null, ram: null, heap: null, stack: null, start: null };

/** The float64 reference evaluator, which is no build. */
export function measureReference(example: string): Row {
  const model = exampleModel(example);
  const points = interiorPoints(inputBox(model.inputs), POINTS);
  const microseconds = fastest(() => evaluateReference(model, points));
  const place = { example, board: HOST, engine: 'float64', compressed: false, tolerance: null, goal: null };
  return { ...place, ...NOT_COUNTED, maxRelative: 0, macs: null, modelBytes: null, microseconds };
}

/**
 * Microseconds of processor time per point of the fastest of several rounds, after one to warm up. What other processes
 * do is not in it, but for what they leave in the caches.
 */
function fastest(run: () => void): number {
  run();
  const times = Array.from({ length: ROUNDS }, () => {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    return user + system;
  });
  return Math.min(...times) / POINTS;
}
