import { measuredOutputs } from '../../judge/points/condition-points.js';
import { interiorPoints } from '../../judge/points/cover.js';
import { evaluateReference } from '../../judge/reference/evaluate.js';
import { inputBox } from '../../model/box.js';
import { exactSolutions } from '../../model/physics.js';
import { allOutputs, type Model } from '../../model/types.js';

/** How far a network is from what is known of the solution: relative L2 errors, the root of sum error^2 / sum solution^2. */

export interface Distance {
  /** An output with an exact solution, or a file of data and its output. */
  name: string;
  relativeL2: number;
}

const POINTS = 8192;

/** At 8,192 Sobol points that training does not draw, and at the points of all data. */
export function distances(model: Model): Distance[] {
  const known = allOutputs(model).map(({ name }) => name);
  const answers = (points: Float64Array) => {
    const values = evaluateReference({ ...model, outputs: allOutputs(model), hidden: undefined }, points);
    return (output: string) => values.filter((_, i) => i % known.length === known.indexOf(output));
  };
  const d = model.inputs.length;
  const points = interiorPoints(inputBox(model.inputs), POINTS);
  const solutions = exactSolutions(model);
  const inside = solutions.size ? answers(points) : undefined;
  const exact = [...solutions].map(([name, solution]) => {
    const wanted = Float64Array.from({ length: POINTS }, (_, p) => solution(points.subarray(p * d, (p + 1) * d)));
    return { name, relativeL2: relativeL2(inside!(name), wanted) };
  });
  const data = (model.physics?.data ?? [])
    .flatMap((table) => measuredOutputs(model, table))
    .map(({ name, output, points: at, values }) => ({ name, relativeL2: relativeL2(answers(at)(output), values) }));
  return [...exact, ...data];
}

function relativeL2(got: Float64Array, wanted: Float64Array): number {
  let [errors, squares] = [0, 0];
  wanted.forEach((w, p) => {
    errors += (got[p] - w) ** 2;
    squares += w * w;
  });
  return Math.sqrt(errors / (squares || 1));
}
