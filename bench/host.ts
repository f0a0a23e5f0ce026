import { createEngine, createWasm3Engine, type Runnable } from '../compiler/engines/create.js';
import { inputWordFormats, toWords } from '../compiler/engines/types.js';
import type { CompiledModel } from '../compiler/index.js';
import { linearMemoryBytes } from '../compiler/package/memory.js';
import { loadTarget } from '../compiler/package/targets.js';
import { evaluateReference } from '../compiler/reference/evaluate.js';
import { inputBox, interiorPoints } from '../compiler/sample/points.js';
import { largestError, type Variant } from './product.js';
import { HOST, type Row } from './rows.js';

/** Times per answer on this machine, side by side in one run: the module under wasm3 and V8, and the float64 reference. */

const POINTS = 2000;
const ROUNDS = 5;

export async function measureHost(example: string, variant: Variant, compiled: CompiledModel): Promise<Row[]> {
  const { model, lowered, measured, table, wasm } = compiled;
  const target = loadTarget(HOST);
  const runnable: Runnable = {
    wasm,
    table,
    memoryBytes: linearMemoryBytes(table.length, lowered.table.arenaBytes),
    inputCount: model.inputs.length,
    outputCount: model.outputs.length,
    wasm3: { stackBytes: target.wasm3.stackBytes, tailCalls: target.tailCalls },
  };
  const points = interiorPoints(inputBox(model.inputs), POINTS);
  const words = toWords(points, inputWordFormats(lowered.table));
  const none = { instructions: null, flash: null, ram: null, heap: null, stack: null, start: null };
  const row = {
    example,
    board: HOST,
    ...variant,
    ...none,
    maxRelative: largestError(measured),
    macs: lowered.macs,
    modelBytes: table.length,
  };
  const wasm3 = createWasm3Engine(runnable);
  const v8 = await createEngine('v8', runnable);
  const rows = [
    { ...row, engine: 'wasm3', microseconds: fastest(() => wasm3.run(words)) },
    { ...row, engine: 'v8', microseconds: fastest(() => v8.run(words)) },
    { ...row, engine: 'float64', maxRelative: 0, microseconds: fastest(() => evaluateReference(model, points)) },
  ];
  const usage = wasm3.usage();
  rows[0] = Object.assign(rows[0], { heap: usage.peakHeapBytes, stack: usage.nativeStackBytes });
  wasm3.dispose();
  return rows;
}

/** Microseconds per point of the fastest of several rounds, after one to warm up. */
function fastest(run: () => void): number {
  run();
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  });
  return (Math.min(...times) * 1000) / POINTS;
}
