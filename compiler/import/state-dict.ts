import { PinnEdgeError, plural } from '../diagnostics.js';
import type { Tensor } from '../model/types.js';
import type { ActivationName } from './activations.js';
import { describeSaid, saidActivation, saidOtherwise } from './architecture.js';
import { denseCandidates } from './candidates.js';
import { deepOnet } from './deeponet.js';
import { type DenseCandidate, describeWidths, fittingLayouts, hintOf } from './dense-layout.js';
import { requireEffects } from './effects.js';
import { type Chain, inferChains, interchangeable, NotInferable, residualLooking } from './infer.js';
import { type DenseLayer, denseLayer, factorOf, layersOfSpec } from './layers.js';
import { buildNetwork, inputWidth, type Network } from './network.js';
import type { Assumable, NetworkSpec } from './network-spec.js';
import { foldParametrizations } from './parametrizations.js';
import { preparedTensors } from './pieces.js';
import { describeArrays } from './pointwise.js';
import type { Imported, ImportJob, NetworkSource } from './source.js';
import { plainTensors, type TensorFile } from './tensor-file.js';
import { list, TensorNames } from './tensor-names.js';
import { requireAllRead } from './unread.js';

/** Networks of tensors by name: the layers from a spec, or from the names and shapes. */

const DEFAULT_ACTIVATION: ActivationName = 'tanh';

/** The networks of a file without a graph. @throws PE7007, PE7010 */
export function networksOf(job: ImportJob, raw: TensorFile | Map<string, Tensor>): Imported {
  const file = raw instanceof Map ? plainTensors(raw) : raw;
  if (!file.tensors.size) throw new Error('it holds no tensors of numbers');
  return new StateDict(job, file).networks();
}

class StateDict {
  private readonly tensors: Map<string, Tensor>;
  private readonly names: TensorNames;

  constructor(
    private readonly job: ImportJob,
    private readonly file: TensorFile,
  ) {
    this.tensors = this.asSpecified(() => preparedTensors(foldParametrizations(file.tensors, job.notes), job.spec));
    this.names = new TensorNames(this.tensors, file.layout);
    const said = describeSaid(file.said);
    if (said) job.notes.push(`the file says: ${said}`);
  }

  networks(): Imported {
    const { spec } = this.job;
    const entries = Object.entries(spec.networks ?? (spec.network ? { N: spec.network } : {}));
    const account = () => requireAllRead(this.job.file, this.names, this.tensors, this.job.notes);
    const numbers = (name: string) => {
      const tensor = this.names.find(name);
      return tensor && Array.from(tensor.data);
    };
    if (entries.length) {
      const networks = new Map(entries.map(([name, network]) => [name, this.source(name, this.ofSpec(name, network))]));
      return { networks, numbers, account, outputs: [...networks.keys()].map((name) => (name === 'N' ? 'u' : name)) };
    }
    const chains = this.infer({});
    const pair = deepOnet(chains, this.names);
    if (pair) this.job.notes.push(...pair.notes);
    for (const assumption of pair?.assumptions ?? []) this.job.assumptions.push(assumption);
    const activation = this.activation({});
    const networks = new Map(
      chains.map((chain) => {
        const outputActivation = pair?.activatedTrunk && /trunk/i.test(chain.name) ? activation : 'none';
        return [chain.name, this.source(chain.name, this.ofChain(chain, { activation, outputActivation }))];
      }),
    );
    const outputs = pair ? pair.outputs : [...networks.keys()].map((name) => (name === 'N' ? 'u' : name));
    return { networks, numbers, account, outputs, ...(pair ? { join: { biases: pair.biases } } : {}) };
  }

  /** A network that a spec describes, its layers listed or inferred. */
  private ofSpec(name: string, spec: NetworkSpec): Network {
    for (const field of spec.assumed ?? []) this.job.assumptions.push(ASSUMED[field](spec, name));
    return this.asSpecified(() => {
      this.requireConfirmed(spec);
      const gates = spec.gates && this.gatesOf(spec, spec.gates);
      const factor = factorOf(this.names, spec);
      const facts = {
        activation: this.activation(spec),
        outputActivation: spec.outputActivation ?? ('none' as const),
        ...(factor ? { factor } : {}),
        ...(gates ? { gates } : {}),
      };
      const network = spec.layers
        ? { layers: layersOfSpec(this.names, spec), ...facts }
        : this.ofChain(this.onlyChain(spec), facts);
      requireEffects(name, spec, network, this.job.notes);
      return network;
    });
  }

  /** What an import would not guess by itself, a spec that nobody has looked through does not settle either. */
  private requireConfirmed({ assumed = [], layers = [], layout, activation }: NetworkSpec): void {
    const listed = layers.flatMap((layer) => (typeof layer === 'string' ? [this.names.candidate(layer)] : []));
    if (!listed.length) return;
    const layouts = fittingLayouts(listed, undefined);
    if (assumed.includes('layout') && layouts.length > 1)
      throw new Error(`its matrices may be [out, in] or [in, out]: set "layout", and take it out of "assumed"`);
    if (!assumed.includes('layers')) return;
    const chain = {
      name: 'N',
      layers: listed,
      layout: layout ?? this.file.layout ?? layouts[0] ?? ('out,in' as const),
    };
    const blocks = residualLooking(chain).map(({ name }) => name);
    if (blocks.length)
      throw new Error(
        `${list(blocks, 6)} look like residual blocks: write { "residual": ["${blocks[0]}"] } where the input is added, and take "layers" out of "assumed"`,
      );
    const other = saidOtherwise(this.file.said, activation === undefined);
    if (other)
      throw new Error(
        `the file says ${other.path} ${other.value}: list what it has, and take "layers" out of "assumed"`,
      );
  }

  private onlyChain(spec: NetworkSpec): Chain {
    const chains = this.infer(spec);
    if (chains.length === 1) return chains[0];
    const found = chains.map(({ name }) => name).join(', ');
    throw this.cannotInfer(`there are ${chains.length} networks (${found}); give each its prefix or layers`);
  }

  private ofChain(chain: Chain, facts: Omit<Network, 'layers'>): Network {
    for (const candidate of chain.layers) this.names.markRead(candidate);
    return { layers: chain.layers.map((candidate) => denseLayer(candidate, chain.layout)), ...facts };
  }

  private gatesOf(spec: NetworkSpec, gates: NonNullable<NetworkSpec['gates']>): NonNullable<Network['gates']> {
    const [u, v] = [gates.u, gates.v].map((layer) => {
      const [built] = layersOfSpec(this.names, spec, [layer]);
      if (built.kind !== 'dense') throw new Error('a gate is a dense layer');
      return built as DenseLayer;
    });
    return { u, v, encodeFirst: gates.form !== '(1-h)*u+h*v' };
  }

  /** The spec's, else the file's own word, else assumed. */
  private activation(spec: NetworkSpec): ActivationName {
    if (spec.activation) return spec.activation;
    const said = saidActivation(this.file.said);
    if (said) {
      this.job.notes.push(`inferred: the activation is ${said.name}, as the file says in ${said.path}`);
      return said.name;
    }
    const assumption = ASSUMED.activation({ activation: DEFAULT_ACTIVATION }, 'N');
    if (!this.job.assumptions.includes(assumption)) this.job.assumptions.push(assumption);
    return DEFAULT_ACTIVATION;
  }

  /** Chains of layers by the names and shapes of their tensors. */
  private infer(spec: NetworkSpec): Chain[] {
    this.requirePlain(spec);
    const { candidates, rest } = denseCandidates(this.wanted(spec));
    const normalisation = rest.find((name) => /running_(mean|var)$|moving_(mean|variance)$/.test(name));
    if (normalisation) {
      const prefix = normalisation.replace(/\.[^.]+$/, '');
      throw this.cannotInfer(
        `"${normalisation}" belongs to a batch normalisation, whose place the names do not tell; list the layers with { "batchNorm": "${prefix}" } among them`,
      );
    }
    try {
      const chains = inferChains(candidates, spec.layout ?? this.file.layout);
      for (const chain of chains) this.explain(chain, chains.length > 1 ? `network ${chain.name}` : 'inferred', spec);
      return named(chains);
    } catch (error) {
      if (!(error instanceof NotInferable)) throw error;
      throw this.cannotInfer(this.contents(candidates) ?? error.message);
    }
  }

  /** What is there instead of layers with names. */
  private contents(candidates: readonly DenseCandidate[]): string | undefined {
    if (candidates.length) return undefined;
    const [only] = this.tensors.values();
    if (this.tensors.size === 1 && only.shape.length === 1)
      return `it holds one vector of ${plural(only.data.length, 'number')}, which a spec can cut in pieces by "tensors"`;
    const matrices = [...this.tensors].filter(([, { shape }]) => shape.length === 2);
    if (!matrices.length) return describeArrays(this.tensors);
    const shapes = matrices.map(([name, { shape }]) => `${name} [${shape.join(', ')}]`);
    return `its matrices ${list(shapes, 8)} have no names of layers`;
  }

  /** Tensors that may be layers of the network: those of its prefix that the spec does not name as something else. */
  private wanted({ prefix = '', gates }: NetworkSpec): Map<string, Tensor> {
    const { spec } = this.job;
    const others = new Set<string>();
    for (const gate of gates ? [gates.u, gates.v] : []) {
      const name = typeof gate === 'string' ? gate : 'layer' in gate ? gate.layer : undefined;
      const candidate: DenseCandidate | undefined = name === undefined ? undefined : this.names.candidate(name);
      for (const part of [candidate?.weightName, candidate?.biasName]) if (part !== undefined) others.add(part);
    }
    for (const value of Object.values(spec.constants ?? {})) if (typeof value === 'string') others.add(value);
    return new Map([...this.tensors].filter(([name]) => name.startsWith(prefix) && !others.has(name)));
  }

  /** Says how a chain was found and what of it no name or shape tells; refuses where that is too much. */
  private explain(chain: Chain, title: string, spec: NetworkSpec): void {
    const { layers, layout } = chain;
    const blocks = residualLooking(chain).map(({ name }) => name);
    if (blocks.length) {
      throw this.cannotInfer(
        `${list(blocks, 6)} look like residual blocks, and the file does not tell whether each adds its input; list the layers, { "residual": ["${blocks[0]}"] } where it does`,
      );
    }
    if (chain.layoutUnknown && !spec.layout && !this.file.layout) {
      throw this.cannotInfer(
        'its matrices are square, and nothing tells whether they are [out, in] as in PyTorch or [in, out] as in Keras, JAX and Paddle; give "layout"',
      );
    }
    this.job.notes.push(
      `${title}: ${describeWidths(layers, layout)}, layers ${layers[0].name} to ${layers[layers.length - 1].name}`,
    );
    const isOpen = fittingLayouts(layers, undefined).length > 1 && hintOf(layers) === 'out,in';
    if (isOpen && !spec.layout && !this.file.layout && !this.file.torch)
      this.job.assumptions.push(
        'the square matrices are [out, in], as the name "weight" means in PyTorch; give another "layout" with --spec',
      );
    const alike = interchangeable(chain).map(({ name }) => name);
    if (alike.length)
      this.job.assumptions.push(
        `the layers ${list(alike, 8)}, which have equal widths, are applied in this order, with no input added around them; give another with --spec ("layers")`,
      );
  }

  /** A chain of layers must not contradict what the file says in words. */
  private requirePlain(spec: NetworkSpec): void {
    const other = saidOtherwise(this.file.said, spec.activation === undefined);
    if (!other) return;
    const { path, value } = other;
    throw this.cannotInfer(
      `the file says ${path} ${String(value).slice(0, 60)}, which is not a plain chain of known layers; list the layers`,
    );
  }

  private source(name: string, network: Network): NetworkSource {
    return {
      columns: Array.from({ length: inputWidth(network.layers) ?? this.job.namedInputs ?? 1 }, () => undefined),
      found: {
        layers: network.layers.map((layer) => layer.name),
        activation: network.activation,
        outputActivation: network.outputActivation,
      },
      build: (builder, inputs) =>
        this.asSpecified(() => {
          const value = buildNetwork(builder, network, builder.concat(inputs, 'network_input'));
          return [{ name: name === 'N' ? 'u' : name, value }];
        }),
    };
  }

  private cannotInfer(reason: string): PinnEdgeError {
    return new PinnEdgeError('PE7007', { file: this.job.file, reason });
  }

  /** What does not fit is the spec's fault where there is one. */
  private asSpecified<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof PinnEdgeError || error instanceof TypeError || error instanceof RangeError) throw error;
      const { spec, file } = this.job;
      const described = spec.network ?? spec.networks ?? spec.tensors ?? spec.ignore;
      throw new PinnEdgeError(described ? 'PE7010' : 'PE7007', { file, reason: (error as Error).message });
    }
  }
}

const CONFIRM = (field: Assumable) => `take "${field}" out of "assumed" in the spec once that is known`;

/** What `--init` assumed, as sentences that stay until the spec no longer lists the field. */
const ASSUMED: Record<Assumable, (spec: NetworkSpec, name: string) => string> = {
  activation: ({ activation = DEFAULT_ACTIVATION, assumed }) =>
    assumed
      ? `the activation is ${activation}, as the file does not say; ${CONFIRM('activation')}`
      : `the activation is ${activation}, as the file does not say; give another with --spec`,
  outputActivation: ({ outputActivation = 'none' }, name) =>
    `the output of network ${name} has the activation ${outputActivation}; ${CONFIRM('outputActivation')}`,
  layers: ({ layers = [] }, name) => {
    const names = layers.map((layer) => (typeof layer === 'string' ? layer : Object.values(layer)[0]));
    return `the layers of network ${name} are ${list(names.map(String), 8)}, in this order and with nothing between them; ${CONFIRM('layers')}`;
  },
  layout: ({ layout = 'out,in' }, name) => `the matrices of network ${name} are [${layout}]; ${CONFIRM('layout')}`,
  gates: (_, name) => `network ${name} is gated as a modified MLP; ${CONFIRM('gates')}`,
};

/** Chains under names that expressions can use. */
function named(chains: readonly Chain[]): Chain[] {
  const legal = chains.map((chain) => ({ ...chain, name: legalNetworkName(chain.name) }));
  const isUnique = new Set(legal.map(({ name }) => name)).size === chains.length;
  return isUnique ? legal : chains.map((chain, i) => ({ ...chain, name: `N${i}` }));
}

function legalNetworkName(name: string): string {
  const legal = name.replace(/[^A-Za-z0-9_]/g, '_');
  return /^[A-Za-z]/.test(legal) ? legal.slice(0, 64) : 'N';
}
