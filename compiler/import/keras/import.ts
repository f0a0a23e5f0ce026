import { plural } from '../../diagnostics.js';
import type { Tensor } from '../../model/types.js';
import type { GraphBuilder } from '../builder.js';
import type { Imported, ImportJob, NetworkOutput } from '../source.js';
import { networksOf } from '../state-dict.js';
import type { KerasModel } from './config.js';
import { type KerasFile, readKerasFile } from './file.js';
import { sizeOf, type Value } from './values.js';
import { walkModel } from './walk.js';
import { WeightStore } from './weights.js';
import { requireNothingUnsaid, tensorsByName } from './weights-only.js';

/**
 * Keras models: `.keras`, `.h5`/`.hdf5` with a `model_config`, and files of weights alone, which a spec or the layers'
 * names put in order.
 */
export function importKeras(job: ImportJob): Imported {
  const file = readKerasFile(job.bytes);
  const { model } = file;
  const hasOwnLayers = job.spec.network !== undefined || job.spec.networks !== undefined;
  if (!model || hasOwnLayers) {
    requireNothingUnsaid(job, file);
    return networksOf(job, tensorsByName(file));
  }
  const { layers, sequential } = model;
  job.notes.push(`Keras ${sequential ? 'Sequential' : 'functional'} model: ${plural(layers.length, 'layer')}`);
  const inputs = inputsOf(job, model, file);
  const columns = inputs.flatMap(({ name, shape }) => {
    const width = sizeOf(shape);
    const isNamed = inputs.length > 1 && width === 1 && /^[A-Za-z]\w*$/.test(name);
    return Array.from({ length: width }, () => (isNamed ? name : undefined));
  });
  const build = (builder: GraphBuilder, values: readonly string[]): NetworkOutput[] => {
    let at = 0;
    const read = inputs.map(({ name, shape }): Value => {
      const width = sizeOf(shape);
      at += width;
      return { name: builder.concat(values.slice(at - width, at), name), shape };
    });
    const { major } = file;
    const walk = {
      file: job.file,
      builder,
      store: new WeightStore(file.layers, model),
      notes: job.notes,
      major,
      calls: 0,
    };
    const outputs = walkModel({ ...walk, advice: adviceFor(major) }, model, read);
    return outputs.map(({ name: value }, i) => ({ name: model.outputs[i]?.name ?? 'u', value }));
  };
  const names = sequential ? {} : { outputs: model.outputs.map(({ name }) => name) };
  return { networks: new Map([['N', { columns, build }]]), ...names };
}

/** What to do about a layer that is not understood: each version of Keras has a way of its own to ONNX. */
function adviceFor(major: number | undefined): string {
  const toOnnx =
    major === 2
      ? 'convert the model with tf2onnx (tf2onnx.convert.from_keras)'
      : 'export the model from Keras by model.export("net.onnx", format="onnx")';
  return `${toOnnx} and import the .onnx, or list its dense layers in a spec (import --init writes one)`;
}

/** Tensors of a file that a spec must put in order; undefined for one with a model that is understood. */
export function readKerasWeights(bytes: Uint8Array): Map<string, Tensor> | undefined {
  const file = readKerasFile(bytes);
  return file.model ? undefined : tensorsByName(file);
}

/** Names and shapes of a model's inputs. */
function inputsOf(job: ImportJob, model: KerasModel, file: KerasFile): { name: string; shape: readonly number[] }[] {
  if (model.sequential) {
    const [first] = model.layers;
    const shape = first?.config.batch_shape ?? first?.config.batch_input_shape ?? model.inputShape;
    if (shape !== undefined) return [{ name: '', shape: shapeOf('', shape) }];
    // A model that was never built has no shape; its first matrix has.
    const width = file.layers.find(({ tensors }) => tensors[0]?.shape.length === 2)?.tensors[0].shape[0];
    return [{ name: '', shape: [width ?? job.namedInputs ?? 1] }];
  }
  const byName = new Map(model.layers.map((layer) => [layer.name, layer]));
  return model.inputs.map(({ name, reference }) => {
    const { config = {} } = byName.get(reference.layer) ?? {};
    return { name, shape: shapeOf(name, config.batch_shape ?? config.batch_input_shape) };
  });
}

/** The shape without the batch. */
function shapeOf(name: string, shape: unknown): number[] {
  const own = Array.isArray(shape) ? shape.slice(1).map(Number) : [Number.NaN];
  if (!own.every((d) => Number.isInteger(d) && d >= 1) || sizeOf(own) > 1024)
    throw new Error(`its input${name ? ` "${name.slice(0, 60)}"` : ''} has no fixed width`);
  return own;
}
