import { dimensionOf, pointsOfPlace, readPlace } from '../../model/conditions.js';
import type { Condition, Model, PhysicsData } from '../../model/types.js';
import { sobolPoints } from './sobol.js';

/** Points at which the conditions and the data of a physics block are held, engineering units, row-major [count x inputs]. */

/** `count` Sobol points of a condition's place, or its only one; `skip` selects a later part of the sequence. */
export function conditionPoints(model: Model, condition: Condition, count: number, skip = 1): Float64Array {
  const place = readPlace(model, condition.where);
  const d = dimensionOf(place);
  if (d === 0) return pointsOfPlace(model, place, new Float64Array(0), 1);
  return pointsOfPlace(model, place, sobolPoints(count, d, skip), count);
}

/** One output of data: where it was measured, and what. */
export interface Measured {
  /** Such as `sensors.csv: T`. */
  name: string;
  output: string;
  points: Float64Array;
  values: Float64Array;
}

export function measuredOutputs({ inputs }: Model, { name, columns, rows }: PhysicsData): Measured[] {
  const order = inputs.map((input) => columns.indexOf(input.name));
  const points = Float64Array.from(rows.flatMap((row) => order.map((k) => row[k])));
  const outputs = columns.filter((column) => !inputs.some((input) => input.name === column));
  return outputs.map((output) => {
    const k = columns.indexOf(output);
    return { name: `${name}: ${output}`, output, points, values: Float64Array.from(rows, (row) => row[k]) };
  });
}
