import { join } from 'node:path';
import type { Goal } from '../compiler/code/cost/goal.js';
import type { BuildEngine } from '../compiler/code/engines/build-engine.js';
import { inputWordFormats, toWords } from '../compiler/code/engines/engine.js';
import { compressModel } from '../compiler/compress/compress.js';
import { packageBuild } from '../compiler/deliver/package/build-files.js';
import { builtInMemory } from '../compiler/deliver/package/store.js';
import { loadTarget } from '../compiler/deliver/package/targets.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { type CompiledModel, compile, loadModel } from '../compiler/index.js';
import { interiorPoints } from '../compiler/judge/points/cover.js';
import { inputBox } from '../compiler/model/box.js';
import { keptCompression } from '../compiler/pipeline/compression-cache.js';
import { createBoardEngine } from '../compiler/run/boards/board-engine.js';
import type { Board } from '../compiler/run/boards/boards.js';
import type { BoardFigures } from '../compiler/run/boards/figures.js';
import { runKept } from './kept-run.js';
import { harnessFigures } from './rivals/rivals.js';
import { boardFields, type Row } from './rows.js';

/** pinn-edge's own engines on the boards: every answer is compared with the oracle's bit by bit. */

export const EXAMPLES = ['front', 'burgers', 'heat-rod', 'poisson-wide', 'battery-spm'] as const;
export const YARDSTICK = 'front';

/** How an example is built. */
export interface Variant {
  compressed: boolean;
  tolerance: number;
  goal: Goal | null;
}

export function variantsOf(example: string, engine: BuildEngine): Variant[] {
  const goals: readonly Goal[] = engine === 'wasm3' ? ['speed', 'size'] : ['speed'];
  const [first] = goals;
  const isYardstick = example === YARDSTICK;
  return [
    ...(isYardstick ? [{ compressed: false, tolerance: 3e-4, goal: first }] : []),
    ...goals.map((goal) => ({ compressed: false, tolerance: 1e-3, goal })),
    ...goals.map((goal) => ({ compressed: true, tolerance: 1e-3, goal })),
  ];
}

export function exampleModel(example: string) {
  return loadModel(join(PACKAGE_ROOT, 'examples', example, 'model.json'));
}

/** Builds of `wasm3+native`, for `c` as well: they have the same block table. */
const nativeBuilds = new Map<string, Promise<CompiledModel>>();

export async function compileVariant(
  example: string,
  variant: Variant,
  engine: BuildEngine,
  cache: boolean,
  isa?: string,
): Promise<CompiledModel> {
  if (engine === 'wasm3') return compileFor(engine, example, variant, cache, isa);
  const key = JSON.stringify([example, variant, isa]);
  const known = nativeBuilds.get(key) ?? compileFor('wasm3+native', example, variant, cache, isa);
  nativeBuilds.set(key, known);
  const compiled = await known;
  return engine === 'c' ? withoutModule(compiled) : compiled;
}

/** A build of `wasm3+native` as one of `c`: the same table, and no module. */
export function withoutModule(compiled: CompiledModel): CompiledModel {
  // To either of the two the other one is another engine, which takes the same.
  const others = compiled.others.map((other) => (other.engine === 'c' ? { ...other, engine: compiled.engine } : other));
  return { ...compiled, engine: 'c', sources: new Map(), wasm: new Uint8Array(), others };
}

function compileFor(
  engine: BuildEngine,
  example: string,
  { compressed, tolerance, goal }: Variant,
  cache: boolean,
  isa?: string,
): Promise<CompiledModel> {
  const compress = compressed ? { method: 'auto' as const } : undefined;
  const compressWith = cache ? keptCompression : compressModel;
  return compile(exampleModel(example), { tolerance, compress, compressWith, engine, goal: goal ?? undefined, isa });
}

/** Runs a build on a board, over points of the input box; words that are not the oracle's end the bench. */
export function runOnBoard(compiled: CompiledModel, board: Board, points: number): BoardFigures {
  const { model, lowered } = compiled;
  const runner = createBoardEngine(
    board,
    builtInMemory(compiled, packageBuild(compiled, loadTarget(board.name))),
    runKept,
  );
  runner.run(toWords(interiorPoints(inputBox(model.inputs), points), inputWordFormats(lowered.table)));
  return runner.figures();
}

/** Points that instructions are counted over. */
const POINTS = 32;

export function measureProduct(example: string, variant: Variant, compiled: CompiledModel, board: Board): Row {
  const { model, lowered, measured, table, engine } = compiled;
  return {
    example,
    engine,
    board: board.name,
    ...variant,
    ...boardFields(runOnBoard(compiled, board, POINTS), harnessFigures(model, board)),
    maxRelative: largestError(measured),
    macs: lowered.macs,
    modelBytes: table.length,
  };
}

export function largestError({ outputs }: CompiledModel['measured']): number {
  return Math.max(...outputs.map((output) => output.maxRelative));
}
