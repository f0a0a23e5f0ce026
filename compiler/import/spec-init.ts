import { PinnEdgeError } from '../diagnostics.js';
import type { FileReader } from '../host/file-reader.js';
import type { Tensor } from '../model/types.js';
import { saidActivation } from './architecture.js';
import { GraphBuilder, legalIdentifier } from './builder.js';
import { denseCandidates, otherMatrices } from './candidates.js';
import { colsOf, type DenseCandidate, fittingLayouts, hintOf, rowsOf } from './dense-layout.js';
import { detectFormat, FORMATS, readModelBytes } from './detect.js';
import { modelName } from './finish.js';
import { isHarmless } from './harmless.js';
import { readNetwork } from './import.js';
import { gatesAmong, networksAmong, residualLooking } from './infer.js';
import type { Assumable, Layout } from './network-spec.js';
import { isNormalisation } from './normalisation.js';
import { foldParametrizations } from './parametrizations.js';
import type { Imported } from './source.js';
import { type DraftNetwork, type DraftSpec, specText } from './spec-text.js';
import type { TensorFile } from './tensor-file.js';
import { fieldFor } from './unread.js';

/**
 * The spec that `pinn-edge import <file> --init` writes: everything that the file tells, what is assumed marked as such,
 * and commented lines for what else may apply. It imports as it is, but for the ranges, which are asked for, and for what
 * nobody but the user can know: residual additions, the layout of square matrices.
 */
export async function initialSpec(file: string, files: FileReader): Promise<string> {
  const known = await tensorsOf(file, files);
  const { imported, reason } = await networkIfInferable(file, files);
  const base = file.split(/[\\/]/).at(-1) ?? file;
  const draft: DraftSpec = { base, name: modelName(file), ...(reason ? { reason } : {}), ...graphFacts(imported) };
  if (!known) return specText(draft);
  return specText({ ...draft, ...tensorFacts(known, imported) });
}

/** Tensors of a file without a graph, with weights in parts put together. */
async function tensorsOf(file: string, files: FileReader): Promise<TensorFile | undefined> {
  const bytes = readModelBytes(file, files);
  const format = detectFormat(file, bytes);
  if (format === 'json') throw new PinnEdgeError('PE7001', { file });
  try {
    const read = await FORMATS[format].tensors?.();
    const known = read?.(bytes, file);
    return known && { ...known, tensors: foldParametrizations(known.tensors, []) };
  } catch {
    // What is wrong with the bytes is said when the network is read.
    return undefined;
  }
}

async function networkIfInferable(file: string, files: FileReader): Promise<{ imported?: Imported; reason?: string }> {
  try {
    return { imported: (await readNetwork(file, files)).imported };
  } catch (error) {
    const isAsked = error instanceof PinnEdgeError && ['PE7006', 'PE7007', 'PE7010'].includes(error.code);
    if (isAsked) return { reason: error.message.replace(/; give --spec, written by: .*$/, '') };
    throw error;
  }
}

/** Names of the input columns and of the outputs, as a network built for the purpose has them. */
function graphFacts(imported: Imported | undefined): { columns: string[]; outputs: DraftSpec['outputs'] } {
  if (!imported) return { columns: ['x0'], outputs: [{ name: 'u' }] };
  const lists = [...imported.networks.values()].map(({ columns }) => columns);
  const widest = imported.join ? lists.flat() : lists.reduce((w, list) => (list.length > w.length ? list : w));
  const columns = widest.map((name, i) => name ?? `x${i}`);
  if (imported.join) {
    const product = `dot(${[...imported.networks.keys()].join(', ')})`;
    const { biases } = imported.join;
    if (biases.length <= 1)
      return { columns, outputs: [{ name: 'u', expression: biases.length ? `${product} + b` : product }] };
    return { columns, outputs: biases.map((_, k) => ({ name: `u_${k}` })) };
  }
  return { columns, outputs: builtOutputs(imported) };
}

function builtOutputs(imported: Imported): DraftSpec['outputs'] {
  const builder = new GraphBuilder();
  try {
    return [...imported.networks.values()].flatMap(({ columns, build }, n) => {
      const inputs = columns.map((_, i) => builder.input(`network${n}_${i}`));
      return build(builder, inputs).flatMap(({ name, value, components }) => {
        const width = builder.width(value);
        if (width === 1) return [{ name }];
        return Array.from({ length: width }, (_, k) => ({ name: components?.[k] ?? `${name}_${k}` }));
      });
    });
  } catch {
    // What cannot be built is refused when the network is imported.
    return (imported.outputs?.length ? imported.outputs : ['u']).map((name) => ({ name }));
  }
}

/** Networks, and what else a file without a graph holds. */
function tensorFacts({ tensors, said, layout }: TensorFile, imported: Imported | undefined): Partial<DraftSpec> {
  const shape = (name: string) => `[${tensors.get(name)?.shape.join(', ') ?? ''}]`;
  const { candidates } = denseCandidates(tensors);
  const shapes = new Map(
    [...otherMatrices(tensors, candidates), ...candidates].map(({ name, weightName }) => [name, shape(weightName)]),
  );
  const only = tensors.size === 1 ? [...tensors][0] : undefined;
  const activation = saidActivation(said)?.name;
  const guess = imported
    ? undefined
    : (guessedNetworks(candidates, layout) ?? guessedNetwork(tensors, candidates, layout));
  const networks = imported ? foundNetworks(imported, activation !== undefined) : (guess?.networks ?? []);
  for (const network of networks) if (activation && guess) network.activation = activation;
  const used = usedNames(networks, candidates, imported);
  const rest = [...tensors].filter(([name]) => !used.has(name));
  return {
    networks,
    shapes,
    rest: rest.map(([name, tensor]) => ({
      name,
      shape: shape(name),
      field: isHarmless(name, tensor) ? 'not used' : fieldFor(name, tensors),
    })),
    bounds: rest.map(([name]) => name).filter(isNormalisation),
    ...(only && only[1].shape.length === 1 ? { vector: { name: only[0], length: only[1].data.length } } : {}),
    ...(guess ? { columns: columnNames(guess.inputs), outputs: guess.outputs } : {}),
    ...(imported?.join && imported.join.biases.length === 1 && !tensors.has('b') ? biasConstant(tensors) : {}),
    ...(imported?.join && imported.join.biases.length > 1 ? { manyBiases: true } : {}),
  };
}

function foundNetworks(imported: Imported, isActivationKnown: boolean): DraftNetwork[] {
  let column = 0;
  return [...imported.networks].map(([name, { found, columns }]) => {
    const first = column;
    if (imported.join) column += columns.length;
    const own = columns.map((_, k) => `x${first + k}`);
    const assumed: Assumable[] = isActivationKnown ? [] : ['activation'];
    if (imported.join && /trunk/i.test(name)) assumed.push('outputActivation');
    const { layers = [], activation = 'tanh', outputActivation = 'none' } = found ?? {};
    if (layers.length > 1) assumed.push('layers');
    const isPart = imported.networks.size > 1;
    return { name, layers, activation, outputActivation, assumed, ...(isPart ? { inputs: own } : {}) };
  });
}

interface Guess {
  networks: DraftNetwork[];
  inputs: number;
  outputs: { name: string }[];
}

/** Networks side by side, where that is one of two ways to read the names. */
function guessedNetworks(candidates: readonly DenseCandidate[], known: Layout | undefined): Guess | undefined {
  const chains = networksAmong(candidates, known);
  if (!chains) return undefined;
  const inputs = colsOf(chains[0].layers[0].weight, chains[0].layout);
  const networks = chains.map(({ name, layers }): DraftNetwork => {
    const assumed: Assumable[] = ['activation', 'layers'];
    const plain = { activation: 'tanh', outputActivation: 'none', assumed, inputs: columnNames(inputs) };
    return { name: legalIdentifier(name, 'N'), layers: layers.map((layer) => layer.name), ...plain };
  });
  const outputs = chains.flatMap(({ name, layers, layout }) =>
    outputNames(rowsOf(layers.at(-1)!.weight, layout), name),
  );
  return { networks, inputs, outputs };
}

/** A network to start from where none could be inferred: every matrix is a layer until the user says otherwise. */
function guessedNetwork(
  tensors: ReadonlyMap<string, Tensor>,
  candidates: readonly DenseCandidate[],
  known: Layout | undefined,
): Guess | undefined {
  const all = candidates.length ? candidates : otherMatrices(tensors, []);
  if (!all.length) return undefined;
  const gated = gatesAmong(all, known);
  const layers = gated?.chain.layers ?? all;
  const layouts = fittingLayouts(layers, known);
  const layout = known ?? layouts[0] ?? hintOf(layers) ?? 'out,in';
  const isLayoutOpen = known === undefined && hintOf(layers) === undefined && layouts.length !== 1;
  const assumed: Assumable[] = ['activation', 'layers'];
  if (isLayoutOpen) assumed.push('layout');
  if (gated) assumed.push('gates');
  const blocks = layouts.length ? residualLooking({ name: 'N', layers: [...layers], layout }) : [];
  return {
    networks: [
      {
        name: 'N',
        layers: layers.map(({ name }) => name),
        activation: 'tanh',
        outputActivation: 'none',
        assumed,
        ...(isLayoutOpen ? { layout } : {}),
        ...(gated ? { gates: gated.gates.map(({ name }) => name) } : {}),
        ...(blocks.length ? { blocks: blocks.map(({ name }) => name) } : {}),
      },
    ],
    inputs: colsOf(layers[0].weight, layout),
    outputs: outputNames(rowsOf(layers.at(-1)!.weight, layout), 'u'),
  };
}

/** Tensors that the drafted networks read. */
function usedNames(
  networks: readonly DraftNetwork[],
  candidates: readonly DenseCandidate[],
  imported: Imported | undefined,
): Set<string> {
  const layers = new Set(networks.flatMap(({ layers, gates = [] }) => [...layers, ...gates]));
  const used = candidates.filter(({ name }) => layers.has(name));
  const names = new Set(used.flatMap(({ weightName, biasName = weightName }) => [weightName, biasName]));
  for (const name of layers) names.add(name);
  if (imported?.join) for (const name of ['b', 'bias', 'b0']) names.add(name);
  return names;
}

function biasConstant(tensors: ReadonlyMap<string, Tensor>): Partial<DraftSpec> {
  const name = ['bias', 'b0', 'b.0'].find((bias) => tensors.has(bias));
  return name === undefined ? {} : { constants: { b: name } };
}

function columnNames(count: number): string[] {
  return Array.from({ length: Math.min(count, 1024) }, (_, i) => `x${i}`);
}

function outputNames(count: number, name: string): { name: string }[] {
  return count === 1 ? [{ name }] : Array.from({ length: Math.min(count, 1024) }, (_, k) => ({ name: `${name}_${k}` }));
}
