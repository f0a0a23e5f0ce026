import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../../code/engines/engine.js';
import { concatPoints, cornerPoints, interiorPoints } from '../../judge/points/cover.js';
import { evaluateReference } from '../../judge/reference/evaluate.js';
import { inputBox } from '../../model/box.js';
import type { Model } from '../../model/types.js';
import { createOracle } from '../../table/oracle/oracle.js';
import type { BlockTable } from '../../table/table.js';

/** Known answers that every engine and device must repeat bit for bit, with the float reference beside them. */
export interface Golden {
  format: 'pinn-edge-golden/1';
  inputs: string[];
  outputs: string[];
  /** Engineering units, one row per point. */
  points: number[][];
  inputWords: number[][];
  outputWords: number[][];
  /** The output words in engineering units, and what the float64 reference says. */
  answers: number[][];
  reference: number[][];
}

const INTERIOR_POINTS = 24;
const MAX_CORNERS = 16;

/** Corners of the input box and Sobol points inside it, answered by the oracle. */
export function goldenVectors(model: Model, table: BlockTable): Golden {
  const box = inputBox(model.inputs);
  const d = model.inputs.length;
  const corners = cornerPoints(box).subarray(0, MAX_CORNERS * d);
  const points = concatPoints([corners, interiorPoints(box, INTERIOR_POINTS)]);
  const words = toWords(points, inputWordFormats(table));
  const outputs = createOracle(table).run(words).outputs;
  const answers = fromWords(outputs, outputWordFormats(table, model.outputs));
  const width = model.outputs.length;
  return {
    format: 'pinn-edge-golden/1',
    inputs: model.inputs.map((input) => input.name),
    outputs: model.outputs.map((output) => output.name),
    points: rows(points, d),
    inputWords: rows(words, d),
    outputWords: rows(outputs, width),
    answers: rows(answers, width),
    reference: rows(evaluateReference(model, points), width),
  };
}

/** The words of golden vectors as a device keeps them, point after point. */
export function goldenWords({ inputWords, outputWords, points }: Golden): {
  inputWords: Int32Array;
  outputWords: Int32Array;
  count: number;
} {
  return {
    inputWords: Int32Array.from(inputWords.flat()),
    outputWords: Int32Array.from(outputWords.flat()),
    count: points.length,
  };
}

function rows(values: ArrayLike<number>, width: number): number[][] {
  return Array.from({ length: values.length / width }, (_, p) =>
    Array.from({ length: width }, (_, i) => values[p * width + i]),
  );
}
