import { join } from 'node:path';
import type { Board } from '../compiler/boards/boards.js';
import { createBoardEngine } from '../compiler/boards/engine.js';
import type { BoardFigures } from '../compiler/boards/figures.js';
import { compressionSession } from '../compiler/commands/compress-session.js';
import type { BuildEngine } from '../compiler/engines/build-engine.js';
import { inputWordFormats, toWords } from '../compiler/engines/types.js';
import { type CompiledModel, compile, loadModel } from '../compiler/index.js';
import { packageBuild } from '../compiler/package/build-files.js';
import { builtInMemory } from '../compiler/package/store.js';
import { loadTarget } from '../compiler/package/targets.js';
import { PACKAGE_ROOT } from '../compiler/package-root.js';
import { inputBox, interiorPoints } from '../compiler/sample/points.js';
import { runKept } from './kept-run.js';
import { harnessFigures } from './rivals/rivals.js';
import { boardFields, type Row } from './rows.js';

/** pinn-edge's own engines on the boards: every answer is compared with the oracle's bit by bit. */

export const EXAMPLES = ['front', 'burgers', 'heat-rod', 'poisson-wide', 'battery-spm'] as const;
export const YARDSTICK = 'front';

export interface Variant {
  compressed: boolean;
  tolerance: number;
}

export function variantsOf(example: string): Variant[] {
  const variants = [
    { compressed: false, tolerance: 1e-3 },
    { compressed: true, tolerance: 1e-3 },
  ];
  return example === YARDSTICK ? [{ compressed: false, tolerance: 3e-4 }, ...variants] : variants;
}

export function exampleModel(example: string) {
  return loadModel(join(PACKAGE_ROOT, 'examples', example, 'model.json'));
}

export function compileVariant(
  example: string,
  { compressed, tolerance }: Variant,
  engine: BuildEngine,
  cache: boolean,
): Promise<CompiledModel> {
  const compress = compressed ? { method: 'auto' as const } : undefined;
  const compressWith = compressionSession({ cache });
  return compile(exampleModel(example), { tolerance, compress, compressWith, engine });
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
