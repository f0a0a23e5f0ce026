import { isDerived, type Model, networkOutputs } from '../../model/types.js';
import { BLOCK, compileNode } from './block-operations.js';
import { evaluateDerived } from './derived.js';

/**
 * The float64 reference: evaluates the graph of a model exactly as it is written, over many points at once.
 * Every other engine is judged by it, so it shares nothing with the compiler beyond the scalar functions.
 */

/**
 * @param model a validated model
 * @param points row-major [count x inputs], engineering units; not clamped to the box
 * @returns row-major [count x outputs], engineering units
 */
export function evaluateReference(model: Model, points: Float64Array): Float64Array {
  if (isDerived(model)) return evaluateDerived(model, points);
  const outputs = networkOutputs(model);
  const inputCount = model.inputs.length;
  const outputCount = outputs.length;
  const count = points.length / inputCount;
  const results = new Float64Array(count * outputCount);
  const values = new Map<string, Float64Array>();
  for (const [name, width] of model.widths) values.set(name, new Float64Array(BLOCK * width));
  const steps = model.nodes.map((node) => compileNode(model, node, values));
  for (let start = 0; start < count; start += BLOCK) {
    const size = Math.min(BLOCK, count - start);
    model.inputs.forEach((input, k) => {
      const column = values.get(input.name)!;
      for (let p = 0; p < size; p++) column[p] = points[(start + p) * inputCount + k];
    });
    for (const step of steps) step(size);
    outputs.forEach(({ value, index = 0, scale = 1, offset = 0 }, k) => {
      const source = values.get(value)!;
      const width = model.widths.get(value)!;
      for (let p = 0; p < size; p++) {
        results[(start + p) * outputCount + k] = scale * source[p * width + index] + offset;
      }
    });
  }
  return results;
}
