import { createEngine } from '../code/engines/create.js';
import { type Engine, type EngineName, fromWords, outputWordFormats, toWords } from '../code/engines/engine.js';
import type { LoadedBuild } from '../deliver/package/store.js';
import { PinnEdgeError } from '../diagnostics.js';
import { evaluateReference } from '../judge/reference/evaluate.js';
import { decodeTable } from '../table/table.js';

/** Engineering values in and out through the module that the build wrote (or, to compare, the float64 reference). */

export type SimulationEngine = EngineName | 'reference';

/** Answers for points. */
export interface Simulation {
  /** Name of the engine or board. */
  engine: string;
  /** Row-major [points x outputs], engineering units. */
  outputs: Float64Array;
  /** Indices of points that lay outside the input box and were evaluated at its edge. */
  clamped: number[];
}

/**
 * The build's answers for points. Points outside the input box are evaluated at its edge, as on a device.
 *
 * @param points row-major [points x inputs], engineering units
 * @param options `engine`: default wasm3, or the C kernels for a build of the engine `c`
 * @throws PE4503 for a point that is not a number, as a device refuses it; PE6003 and PE6009 when the module refuses its table or stops, PE4501 for an engine that the build has no module
 * for
 */
export async function simulate(
  build: LoadedBuild,
  points: Float64Array,
  options: { engine?: SimulationEngine | Engine } = {},
): Promise<Simulation> {
  const engine = options.engine ?? defaultEngine(build);
  const { points: held, clamped } = holdToBox(build, points);
  if (engine === 'reference') return { engine, outputs: evaluateReference(build.model, held), clamped };
  const evaluate = await pointEvaluator(build, engine);
  try {
    return { engine: evaluate.name, outputs: evaluate.run(held), clamped };
  } finally {
    evaluate.dispose();
  }
}

/** What the device runs. */
export function defaultEngine({ report }: LoadedBuild): EngineName {
  return report.engine === 'c' ? 'c' : 'wasm3';
}

/** An engine of the build as a function of engineering values; one that was given as such is left to its owner. */
export async function pointEvaluator(
  build: LoadedBuild,
  choice: EngineName | Engine,
): Promise<{ name: string; run: (points: Float64Array) => Float64Array; dispose: () => void }> {
  const engine = typeof choice === 'string' ? await createEngine(choice, build.runnable) : choice;
  const inputs = build.report.inputs.map(({ exponent }) => ({ exponent, scale: 1, offset: 0 }));
  const outputs = outputWordFormats(decodeTable(build.runnable.table), build.report.outputs);
  return {
    name: engine.name,
    run: (points) => fromWords(engine.run(toWords(points, inputs)).outputs, outputs),
    dispose: () => {
      if (typeof choice === 'string') engine.dispose?.();
    },
  };
}

function holdToBox(build: LoadedBuild, points: Float64Array): { points: Float64Array; clamped: number[] } {
  const { inputs } = build.model;
  const missing = points.findIndex(Number.isNaN);
  if (missing >= 0) {
    const input = inputs[missing % inputs.length].name;
    throw new PinnEdgeError('PE4503', { input, point: Math.floor(missing / inputs.length) });
  }
  const clamped = new Set<number>();
  const held = points.map((value, i) => {
    const { min, max } = inputs[i % inputs.length];
    const inside = Math.min(max, Math.max(min, value));
    if (inside !== value) clamped.add(Math.floor(i / inputs.length));
    return inside;
  });
  return { points: held, clamped: [...clamped] };
}
