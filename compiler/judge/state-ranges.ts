import { PinnEdgeError } from '../diagnostics.js';
import { inputBox } from '../model/box.js';
import { statePlaces } from '../model/state.js';
import type { Model } from '../model/types.js';
import { concatPoints, cornerPoints, interiorPoints } from './points/cover.js';
import { evaluateReference } from './reference/evaluate.js';

/** Where the next values of a step model's states lie, beside the ranges of the states. */
export interface StateRange {
  /** Name of the state, an input, and of the output that is its next value. */
  input: string;
  output: string;
  /** Of the next value, over the input box, in the unit of both. */
  min: number;
  max: number;
  /** Share of the box from which one step leaves the range of the state. */
  leaves: number;
}

const POINTS = 4096;
/** More of the box than that leaves it: the two ranges are not of one quantity. */
const MOST_LEAVE = 0.5;
/** Nor are they where the next values take a smaller part of the state's range than that. */
const LEAST_PART = 0.02;

/** By the float64 reference at Sobol points and corners of the box; empty for a model without state. */
export function stateRanges(model: Model): StateRange[] {
  const places = statePlaces(model);
  if (!places.length) return [];
  const box = inputBox(model.inputs);
  const corners = cornerPoints(box);
  const answers = evaluateReference(model, concatPoints([corners, interiorPoints(box, POINTS)]));
  const width = model.outputs.length;
  const cornerCount = corners.length / model.inputs.length;
  return places.map(({ input, output }) => {
    const next = answers.filter((_, i) => i % width === output);
    const range = model.inputs[input];
    const leaving = next.subarray(cornerCount).filter((value) => !(value >= range.min && value <= range.max));
    return {
      input: range.name,
      output: model.outputs[output].name,
      min: next.reduce((a, b) => Math.min(a, b)),
      max: next.reduce((a, b) => Math.max(a, b)),
      leaves: leaving.length / POINTS,
    };
  });
}

/**
 * The same, of a model that can be stepped.
 * @throws PE2020 where the next value of a state has another range than the state
 */
export function requireStateRanges(model: Model, file: string): StateRange[] {
  const ranges = stateRanges(model);
  for (const { input, output, min, max, leaves } of ranges) {
    const state = model.inputs.find(({ name }) => name === input)!;
    const part = (max - min) / (state.max - state.min);
    if (leaves <= MOST_LEAVE && part >= LEAST_PART) continue;
    const share = `${Number((100 * leaves).toPrecision(2))} % of the steps leave it`;
    const reason = leaves > MOST_LEAVE ? share : `a ${Math.round(1 / part)}th of it is used`;
    const [from, to] = [min, max].map((value) => Number(value.toPrecision(4)));
    throw new PinnEdgeError('PE2020', { file, input, output, min: state.min, max: state.max, from, to, reason });
  }
  return ranges;
}
