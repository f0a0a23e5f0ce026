import type { Model } from '../../compiler/model/types.js';

/** A network that rivals for plain perceptrons can take: all inputs, dense layers with tanh between them. */
export interface PerceptronLayer {
  rows: number;
  cols: number;
  /** Row-major [rows x cols]. */
  weight: Float64Array;
  bias: Float64Array;
  tanh: boolean;
}

/** @returns undefined when the model is anything else */
export function asPerceptron(model: Model): PerceptronLayer[] | undefined {
  const [first, ...rest] = model.nodes;
  const names = model.inputs.map(({ name }) => name).join();
  if (first?.op !== 'concat' || first.inputs.join() !== names) return undefined;
  const layers: PerceptronLayer[] = [];
  let value = first.name;
  for (const node of rest) {
    if (!('inputs' in node) || node.inputs.length !== 1 || node.inputs[0] !== value) return undefined;
    const last = layers.at(-1);
    if (node.op === 'dense') {
      const { data: weight } = model.tensors.get(node.weight)!;
      const rows = model.widths.get(node.name)!;
      const bias = node.bias === undefined ? new Float64Array(rows) : model.tensors.get(node.bias)!.data;
      layers.push({ rows, cols: model.widths.get(value)!, weight, bias, tanh: false });
    } else if (node.op === 'tanh' && last && !last.tanh) {
      last.tanh = true;
    } else {
      return undefined;
    }
    value = node.name;
  }
  const isWhole = model.outputs.every(
    ({ value: name, index = 0, scale = 1, offset = 0 }, k) =>
      name === value && index === k && scale === 1 && offset === 0,
  );
  return isWhole && layers.at(-1)?.rows === model.outputs.length && !layers.at(-1)!.tanh ? layers : undefined;
}
