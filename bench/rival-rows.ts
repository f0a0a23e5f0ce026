import { coveringPoints } from '../compiler/judge/points/cover.js';
import { inputBox } from '../compiler/model/box.js';
import type { Board } from '../compiler/run/boards/boards.js';
import { exampleModel } from './product.js';
import { measureRival, type Rival } from './rivals/rivals.js';
import { boardFields, type Row } from './rows.js';

/** @returns undefined when the rival cannot run the example on that board */
export async function rivalRow(rival: Rival, example: string, board: Board): Promise<Row | undefined> {
  const model = exampleModel(example);
  const points = coveringPoints(inputBox(model.inputs), rival.points);
  const measured = await measureRival(rival, model, board, points);
  if (!measured) return undefined;
  return {
    example,
    engine: rival.name,
    board: board.name,
    compressed: false,
    tolerance: null,
    goal: null,
    ...boardFields(measured.figures, measured.harness),
    maxRelative: measured.maxRelative,
    macs: null,
    modelBytes: null,
  };
}
