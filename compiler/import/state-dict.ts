import { PinnEdgeError } from '../diagnostics.js';
import { readSafetensors } from '../model/safetensors.js';
import type { Tensor } from '../model/types.js';
import type { ActivationName } from './activations.js';
import { type Chain, denseCandidates, inferChains, NotInferable } from './infer.js';
import {
  buildNetwork,
  denseLayer,
  describeWidths,
  factorOf,
  inputWidth,
  layersOfSpec,
  type Network,
  TensorNames,
} from './network.js';
import { isNpy, readNpy } from './numpy/npy.js';
import { foldParametrizations } from './parametrizations.js';
import type { Imported, ImportJob, NetworkSource } from './source.js';
import type { NetworkSpec } from './spec.js';
import { readCheckpoint } from './torch/checkpoint.js';
import { PickleRefusal } from './torch/pickle.js';
import { readZip } from './zip.js';

/** Files that hold tensors by name and no graph: PyTorch, safetensors, NumPy. The spec or the names say the rest. */

/** PyTorch and DeepXDE checkpoints, as zip archives or bare pickles; nothing in them is executed. @throws PE7004 */
export function importTorch(job: ImportJob): Imported {
  try {
    return networksOf(job, readCheckpoint(job.bytes));
  } catch (error) {
    if (!(error instanceof PickleRefusal)) throw error;
    throw new PinnEdgeError('PE7004', {
      file: job.file,
      what: error.what,
      advice:
        'Save the weights alone, torch.save(model.state_dict(), ...), or export with pinn_edge_export.py or torch.onnx.export',
    });
  }
}

export function importSafetensors(job: ImportJob): Imported {
  return networksOf(job, readSafetensors(job.bytes));
}

export function importNumpy(job: ImportJob): Imported {
  return networksOf(job, readNumpy(job.bytes));
}

/** Arrays of a `.npz` by name, or the one of a `.npy`. */
export function readNumpy(bytes: Uint8Array): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  const files = isNpy(bytes) ? new Map([['weight.npy', bytes]]) : readZip(bytes, (name) => name.endsWith('.npy'));
  for (const [name, data] of files) {
    const tensor = readNpy(data, name);
    if (tensor) tensors.set(name.replace(/\.npy$/, ''), tensor);
  }
  return tensors;
}

const DEFAULT_ACTIVATION: ActivationName = 'tanh';

/** Networks of a set of tensors. `orderKnown` names what the file itself says about the layers' activations. */
export function networksOf(job: ImportJob, raw: ReadonlyMap<string, Tensor>): Imported {
  if (!raw.size) throw new Error('it holds no tensors of numbers');
  const { spec, notes } = job;
  const tensors = foldParametrizations(raw, notes);
  const names = new TensorNames(tensors);
  const numbers = (name: string) => {
    const tensor = names.find(name);
    return tensor && Array.from(tensor.data);
  };
  const networks = new Map<string, NetworkSource>();
  const entries = Object.entries(spec.networks ?? (spec.network ? { N: spec.network } : {}));
  const inferred = entries.length ? undefined : inferNetworks(job, tensors, {});
  for (const [name, chain] of inferred?.chains ?? [])
    networks.set(name, sourceOf(job, name, chainNetwork(names, chain, {}, job)));
  for (const [name, network] of entries)
    networks.set(name, sourceOf(job, name, networkOfSpec(job, names, tensors, network)));
  const outputs = [...networks.keys()].map((name) => (name === 'N' ? 'u' : name));
  return {
    networks,
    numbers,
    outputs: inferred?.join ? ['u'] : outputs,
    ...(inferred?.join ? { join: inferred.join } : {}),
  };
}

function networkOfSpec(
  job: ImportJob,
  names: TensorNames,
  tensors: ReadonlyMap<string, Tensor>,
  spec: NetworkSpec,
): Network {
  if (!spec.layers) {
    const { chains } = inferNetworks(job, tensors, spec);
    if (chains.size !== 1) {
      throw cannotInfer(
        job,
        `there are ${chains.size} networks (${[...chains.keys()].join(', ')}); give each its prefix or layers`,
      );
    }
    return chainNetwork(names, [...chains.values()][0], spec, job);
  }
  try {
    const layers = layersOfSpec(names, spec);
    const gates = spec.gates && gatesOf(names, spec, spec.gates);
    return { layers, ...commonFacts(names, spec, job), ...(gates ? { gates } : {}) };
  } catch (error) {
    throw badSpec(job, error);
  }
}

function badSpec(job: ImportJob, error: unknown): PinnEdgeError {
  if (error instanceof PinnEdgeError) return error;
  const described = job.spec.network !== undefined || job.spec.networks !== undefined;
  return new PinnEdgeError(described ? 'PE7010' : 'PE7007', { file: job.file, reason: (error as Error).message });
}

function gatesOf(
  names: TensorNames,
  spec: NetworkSpec,
  gates: NonNullable<NetworkSpec['gates']>,
): NonNullable<Network['gates']> {
  const [u, v] = [gates.u, gates.v].map((layer) => {
    const [built] = layersOfSpec(names, { ...spec, layers: [layer] });
    if (built.kind !== 'dense') throw new Error('a gate is a dense layer');
    return built;
  });
  return { u, v, encodeFirst: gates.form !== '(1-h)*u+h*v' };
}

function commonFacts(names: TensorNames, spec: NetworkSpec, job: ImportJob): Omit<Network, 'layers' | 'gates'> {
  if (!spec.activation) job.notes.push(assumedActivation);
  const factor = factorOf(names, spec);
  return {
    activation: spec.activation ?? DEFAULT_ACTIVATION,
    outputActivation: spec.outputActivation ?? 'none',
    ...(factor ? { factor } : {}),
  };
}

const assumedActivation = `assumed: the activation is ${DEFAULT_ACTIVATION}, as the file does not say; give another with --spec`;

function chainNetwork(names: TensorNames, chain: Chain, spec: NetworkSpec, job: ImportJob): Network {
  const layers = chain.layers.map((candidate) => denseLayer(candidate, chain.layout));
  return { layers, ...commonFacts(names, spec, job) };
}

function inferNetworks(
  job: ImportJob,
  tensors: ReadonlyMap<string, Tensor>,
  spec: NetworkSpec,
): { chains: Map<string, Chain>; join?: 'dot' } {
  const { prefix } = spec;
  const wanted = prefix === undefined ? tensors : new Map([...tensors].filter(([name]) => name.startsWith(prefix)));
  const { candidates, rest } = denseCandidates(wanted);
  const normalisation = rest.find((name) => /running_(mean|var)$|moving_(mean|variance)$/.test(name));
  if (normalisation)
    throw cannotInfer(
      job,
      `"${normalisation}" belongs to a batch normalisation, whose place the names do not tell (export to ONNX instead)`,
    );
  let chains: Chain[];
  try {
    chains = inferChains(candidates, spec.layout);
  } catch (error) {
    if (!(error instanceof NotInferable)) throw error;
    throw cannotInfer(job, error.message);
  }
  for (const chain of chains) {
    const title = chains.length > 1 ? `network ${chain.name}` : 'inferred';
    const { layers } = chain;
    job.notes.push(
      `${title}: ${describeWidths(layers, chain.layout)}, layers ${layers[0].name} to ${layers[layers.length - 1].name}`,
    );
  }
  const join = isDeepOnet(chains) ? { join: 'dot' as const } : {};
  if (join.join) job.notes.push('inferred: DeepONet, the dot product of its branch and trunk');
  const unused = join.join ? rest.filter((name) => name !== 'b') : rest;
  const mayBeNamed = job.spec.outputs?.some(({ expression }) => expression) || job.spec.networkInputs;
  if (unused.length && !mayBeNamed)
    job.notes.push(
      `not used: ${unused.length > 8 ? `${unused.slice(0, 8).join(', ')} and ${unused.length - 8} more` : unused.join(', ')}`,
    );
  const named = new Map(chains.map((chain) => [legalNetworkName(chain.name), chain]));
  return {
    chains: named.size === chains.length ? named : new Map(chains.map((chain, i) => [`N${i}`, chain])),
    ...join,
  };
}

function legalNetworkName(name: string): string {
  const legal = name.replace(/[^A-Za-z0-9_]/g, '_');
  return /^[A-Za-z]/.test(legal) ? legal.slice(0, 64) : 'N';
}

/** Two networks of equal output widths, the first named branch and the second trunk. */
function isDeepOnet(chains: readonly Chain[]): boolean {
  return chains.length === 2 && /branch/i.test(chains[0].name) && /trunk/i.test(chains[1].name);
}

function cannotInfer(job: ImportJob, reason: string): PinnEdgeError {
  return new PinnEdgeError('PE7007', { file: job.file, reason });
}

function sourceOf(job: ImportJob, name: string, network: Network): NetworkSource {
  return {
    columns: Array.from({ length: inputWidth(network.layers) }, () => undefined),
    layers: network.layers.map((layer) => layer.name),
    build: (builder, inputs) => {
      try {
        const value = buildNetwork(builder, network, builder.concat(inputs, 'network_input'));
        return [{ name: name === 'N' ? 'u' : name, value }];
      } catch (error) {
        throw badSpec(job, error);
      }
    },
  };
}
