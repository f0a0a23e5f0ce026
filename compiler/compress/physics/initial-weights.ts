import { uniform } from '../../judge/points/random.js';
import { type Model, nodeTensors } from '../../model/types.js';

/**
 * Fresh weights: matrices uniform with variance 2 / (rows + columns) (Glorot and Bengio, AISTATS 2010), biases zero. Factors
 * of low-rank matrices are matrices of their own. Equal seeds give equal weights.
 */
export function initialWeights(model: Model, seed: number, frozen: readonly string[] = []): Model {
  const random = uniform(seed);
  const fields = model.nodes.flatMap(nodeTensors);
  const biases = new Set(fields.flatMap(({ name, field }) => (field === 'bias' ? [name] : [])));
  const used = new Set(fields.map(({ name }) => name));
  const tensors = new Map(
    [...model.tensors].map(([name, tensor]) => {
      if (!used.has(name) || frozen.includes(name)) return [name, tensor];
      const { shape } = tensor;
      const limit = biases.has(name) ? 0 : Math.sqrt(6 / shape.reduce((sum, n) => sum + n, 0));
      return [name, { shape, data: tensor.data.map(() => limit * (2 * random() - 1)) }];
    }),
  );
  return { ...model, tensors };
}
