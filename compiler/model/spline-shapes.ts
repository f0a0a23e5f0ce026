import { MAX_SPLINE_SEGMENTS } from './spline.js';
import { DEFAULT_SPLINE_DEGREE, type ModelNode, type Tensor } from './types.js';

/** Checks of a spline: its ranges, and the shape of its coefficients. */

/** The width of the node's value; undefined, with the problem reported at a place within the node, where something does not fit. */
export function splineWidth(
  node: Extract<ModelNode, { op: 'spline' }>,
  inputs: readonly number[],
  tensors: ReadonlyMap<string, Tensor>,
  report: (where: string, found: string, expected: string) => undefined,
): number | undefined {
  const { ranges, degree = DEFAULT_SPLINE_DEGREE } = node;
  const axes = inputs.reduce((sum, width) => sum + width, 0);
  if (ranges.length !== axes)
    return report('.ranges', `${ranges.length} ranges`, `${axes}, one per component of inputs`);
  const empty = ranges.findIndex(([min, max]) => !(min < max));
  if (empty >= 0) return report(`.ranges[${empty}]`, `[${ranges[empty].join(', ')}]`, '[min, max] with min < max');
  const shape = tensors.get(node.coefficients)?.shape;
  if (!shape) return undefined;
  const along = ranges.map(() => 'segments + degree');
  const found = `shape [${shape.join(', ')}]`;
  if (shape.length !== axes + 1) return report('.coefficients', found, `[out, ${along.join(', ')}]`);
  const short = shape.slice(1).find((n) => n <= degree || n > MAX_SPLINE_SEGMENTS + degree);
  if (short !== undefined) {
    const expected = `${degree + 1} to ${MAX_SPLINE_SEGMENTS + degree} coefficients along every axis, at degree ${degree}`;
    return report('.coefficients', found, expected);
  }
  return shape[0];
}
