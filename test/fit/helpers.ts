import { buildForTarget } from '../../compiler/deliver/build.js';
import { builtInMemory, type LoadedBuild } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { withTangents } from '../../compiler/import/fit-tangents.js';
import { modelFrom } from '../helpers/models.js';

/** y = tanh(2 a x + b) and, as another output, z = a b x; c has no effect. */
export function sensor(outputs: readonly ('y' | 'z')[] = ['y']) {
  return modelFrom({
    format: 'pinn-edge/1',
    name: 'sensor',
    inputs: [
      { name: 'x', min: -1, max: 1 },
      { name: 'a', min: 0.5, max: 2, unit: 'm/s' },
      { name: 'b', min: -1, max: 1 },
      { name: 'c', min: 0, max: 1 },
    ],
    outputs: outputs.map((name) => ({ name, value: name, index: 0 })),
    tensors: {},
    nodes: [
      { name: 'ax', op: 'mul', inputs: ['a', 'x'] },
      { name: 'twice', op: 'scale', inputs: ['ax'], scale: [2] },
      { name: 'sum', op: 'add', inputs: ['twice', 'b'] },
      { name: 'y', op: 'tanh', inputs: ['sum'] },
      { name: 'z', op: 'mul', inputs: ['ax', 'b'] },
    ],
  });
}

export async function fitted(parameters: string[], outputs?: readonly ('y' | 'z')[], engine: 'c' | 'wasm3' = 'c') {
  const { model, fit } = withTangents(sensor(outputs), parameters);
  const made = await buildForTarget(model, loadTarget('cortex-m4'), { engine, compress: 'none', goal: 'size', fit });
  const build: LoadedBuild = builtInMemory(made.compiled, made);
  return { build, files: made.files };
}
