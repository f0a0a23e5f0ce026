import { describe, expect, test } from 'vitest';
import { nodeFiles } from '../../compiler/host/node-files.js';
import { withDerived } from '../../compiler/import/select-outputs.js';
import { interiorPoints } from '../../compiler/judge/points/cover.js';
import type { Requirement } from '../../compiler/judge/requirement.js';
import { inputBox } from '../../compiler/model/box.js';
import { loadModel } from '../../compiler/model/load.js';
import type { Model } from '../../compiler/model/types.js';
import { layOutFor } from '../../compiler/pipeline/code-stage.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { settingsOf } from '../../compiler/pipeline/compile-options.js';
import { runTableOnBoard } from '../../compiler/run/boards/run-table.js';
import { isMatrix, recordShape } from '../../compiler/table/record.js';
import { decodeTable } from '../../compiler/table/table.js';
import { BOARDS, exampleFile } from '../boards/setup.js';
import { planned } from './helpers.js';

/**
 * What derivatives cost on a Cortex-M4 beside the value alone, in the formats that the noise model proposes, so that records and
 * kernels are held, and in those that a build finds. The board compares every word with the oracle's.
 */

const M4 = BOARDS.find(({ name }) => name === 'cortex-m4')!;
const POINTS = 8;
/** Share of the tolerances that the noise model plans with. */
const BUDGET = 1.2;

interface Costs {
  instructions: number;
  weightBytes: number;
}

const OPTIONS = { engine: 'c', goal: 'speed', isa: M4.board.isa } as const;

/** burgers with derivatives, each with its tolerance beside 1e-3 of the value. */
function burgersWith(tolerances: Record<string, number>): { model: Model; tolerance: Requirement } {
  const plain = loadModel(exampleFile('burgers'), nodeFiles);
  const derive = Object.keys(tolerances).map((name) => ({ name, expression: name }));
  const model = derive.length ? { ...plain, ...withDerived(plain, { derive }) } : plain;
  const outputs = Object.fromEntries(Object.entries(tolerances).map(([name, relative]) => [name, { relative }]));
  return { model, tolerance: { all: { relative: 1e-3 }, outputs } };
}

function costOf(tolerances: Record<string, number>): Costs {
  const { model, tolerance } = burgersWith(tolerances);
  const settings = settingsOf(model, OPTIONS);
  const { prefer } = settings;
  const { attempt } = planned(model, tolerance, { prefer, budget: BUDGET });
  return costOfTable(model, layOutFor(settings, attempt).table);
}

async function builtForSpeed(tolerances: Record<string, number>): Promise<Costs> {
  const { model, tolerance } = burgersWith(tolerances);
  return costOfTable(model, (await compile(model, { ...OPTIONS, tolerance })).table);
}

function costOfTable(model: Model, bytes: Uint8Array): Costs {
  const table = decodeTable(bytes);
  const matrices = new Map(
    table.records
      .filter((record) => isMatrix(record) && record.cols > 0)
      .map((record) => {
        const { weightCount, weightEntryBytes } = recordShape(record);
        return [record.weights, weightCount * weightEntryBytes];
      }),
  );
  const words = Int32Array.from(interiorPoints(inputBox(model.inputs), POINTS), (v, i) =>
    Math.round(v * 2 ** table.inputs[i % table.inputs.length].exponent),
  );
  return {
    instructions: runTableOnBoard(M4.board, table, words).instructions,
    weightBytes: [...matrices.values()].reduce((sum, bytes) => sum + bytes, 0),
  };
}

describe('burgers on a Cortex-M4', () => {
  test.skipIf(M4.isSkipped)('takes 2.1 times as long with one derivative, 4.5 with three, and 5 % more weights', () => {
    const alone = costOf({});
    const [one, three] = [costOf({ u_x: 2e-3 }), costOf({ u_x: 2e-3, u_t: 2e-3, u_xx: 1e-2 })];
    expect(one.instructions).toBeLessThan(2.1 * alone.instructions);
    expect(three.instructions).toBeLessThan(4.5 * alone.instructions);
    for (const { weightBytes } of [one, three]) expect(weightBytes).toBeLessThan(1.05 * alone.weightBytes);
  });

  test.skipIf(M4.isSkipped)('keeps that in the formats of a build for speed', async () => {
    const alone = await builtForSpeed({});
    const one = await builtForSpeed({ u_x: 2e-3 });
    expect(one.instructions).toBeLessThan(2.1 * alone.instructions);
    expect(one.weightBytes).toBeLessThan(1.05 * alone.weightBytes);
  });
});
