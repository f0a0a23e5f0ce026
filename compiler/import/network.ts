import type { Tensor } from '../model/types.js';
import { type ActivationName, applyActivation } from './activations.js';
import type { GraphBuilder } from './builder.js';
import { colsOf, type DenseCandidate, denseCandidates, layoutOf, outIn, rowsOf } from './infer.js';
import { plainName } from './parametrizations.js';
import type {
  DenseLayerSpec,
  Factor,
  FourierSpec,
  GaussianSpec,
  LayerSpec,
  Layout,
  NetworkSpec,
  ResidualSpec,
} from './spec.js';

/** Networks of a state dict: layers from the spec or inferred, turned into nodes. */

export interface DenseLayer {
  kind: 'dense';
  name: string;
  weight: Tensor;
  bias?: Tensor;
  /** `undefined`: the network's. */
  activation?: ActivationName;
  /** The activation reads `factor * (W x + b)`. */
  factor?: number[];
}

export interface FeatureLayer {
  kind: 'fourier' | 'gaussian';
  name: string;
  /** [features, inputs]: frequencies, factor included, or centres. */
  matrix: Tensor;
  sineFirst: boolean;
  widths: number[];
}

export interface ResidualLayer {
  kind: 'residual';
  name: string;
  layers: Layer[];
  alpha?: number;
  after?: ActivationName;
}

export type Layer = DenseLayer | FeatureLayer | ResidualLayer;

export interface Network {
  layers: Layer[];
  activation: ActivationName;
  outputActivation: ActivationName;
  gates?: { u: DenseLayer; v: DenseLayer; encodeFirst: boolean };
  /** Of hidden layers without a factor of their own. */
  factor?: number[];
}

/** Looks up tensors by name for a spec; every failure is an `Error` with the reason. */
export class TensorNames {
  private readonly candidates: Map<string, DenseCandidate>;
  private readonly byPlainName: Map<string, Tensor>;

  constructor(tensors: ReadonlyMap<string, Tensor>) {
    this.byPlainName = new Map([...tensors].map(([name, tensor]) => [plainName(name), tensor]));
    this.candidates = new Map(denseCandidates(this.byPlainName).candidates.map((c) => [c.name, c]));
  }

  find(name: string): Tensor | undefined {
    return this.byPlainName.get(plainName(name));
  }

  tensor(name: string): Tensor {
    const tensor = this.find(name);
    if (!tensor) throw new Error(`the file has no tensor "${name}"; it has ${this.list([...this.byPlainName.keys()])}`);
    return tensor;
  }

  candidate(name: string): DenseCandidate {
    const found = this.candidates.get(plainName(name));
    if (!found) throw new Error(`the file has no layer "${name}"; it has ${this.list([...this.candidates.keys()])}`);
    return found;
  }

  private list(names: readonly string[]): string {
    return names.length > 12
      ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more`
      : names.join(', ') || 'none';
  }

  numbers(factor: Factor): number[] {
    return typeof factor === 'string' ? Array.from(this.tensor(factor).data) : [factor].flat();
  }
}

/** Layers as a spec lists them. */
export function layersOfSpec(names: TensorNames, spec: NetworkSpec): Layer[] {
  const list = spec.layers!;
  const dense = list.map((layer) => (isDense(layer) ? candidateOf(names, layer) : undefined));
  const layout =
    spec.layout ??
    layoutOf(
      dense.filter((d): d is DenseCandidate => d !== undefined),
      undefined,
    );
  return list.map((layer) => layerOfSpec(names, layer, layout));
}

function isDense(layer: LayerSpec): layer is string | DenseLayerSpec {
  return typeof layer === 'string' || 'layer' in layer || 'weight' in layer;
}

function candidateOf(names: TensorNames, layer: string | DenseLayerSpec): DenseCandidate {
  if (typeof layer === 'string') return names.candidate(layer);
  if (layer.weight === undefined) return names.candidate(layer.layer!);
  const weight = names.tensor(layer.weight);
  if (weight.shape.length !== 2)
    throw new Error(`"${layer.weight}" has shape [${weight.shape.join(', ')}], not that of a matrix`);
  const bias = layer.bias === undefined ? {} : { biasName: layer.bias, bias: names.tensor(layer.bias) };
  return { name: layer.layer ?? layer.weight, weightName: layer.weight, weight, ...bias };
}

function layerOfSpec(names: TensorNames, layer: LayerSpec, layout: Layout | undefined): Layer {
  if (isDense(layer)) return denseOfSpec(names, layer, layout);
  if ('fourier' in layer) return fourierOfSpec(names, layer);
  if ('gaussian' in layer) return gaussianOfSpec(names, layer);
  return residualOfSpec(names, layer, layout);
}

function denseOfSpec(names: TensorNames, layer: string | DenseLayerSpec, layout: Layout | undefined): DenseLayer {
  const candidate = candidateOf(names, layer);
  const facts: DenseLayerSpec = typeof layer === 'string' ? {} : layer;
  const chosen = facts.layout ?? layout ?? candidate.layout ?? 'out,in';
  const dense = denseLayer(candidate, chosen);
  if (facts.activation) dense.activation = facts.activation;
  const factor = factorOf(names, facts);
  if (factor) dense.factor = factor;
  return dense;
}

/** omega times slope times slopeFactor, where any is given. */
export function factorOf(
  names: TensorNames,
  facts: Pick<DenseLayerSpec, 'omega' | 'slope' | 'slopeFactor'>,
): number[] | undefined {
  const factors = [facts.omega, facts.slope, facts.slopeFactor]
    .filter((f): f is Factor => f !== undefined)
    .map((f) => names.numbers(f));
  if (!factors.length) return undefined;
  const width = Math.max(...factors.map((f) => f.length));
  return Array.from({ length: width }, (_, i) =>
    factors.reduce((product, f) => product * f[f.length === 1 ? 0 : i], 1),
  );
}

/** The layer of a weight and its bias; throws where the two do not fit together. */
export function denseLayer(candidate: DenseCandidate, layout: Layout): DenseLayer {
  const weight = outIn(candidate.weight, layout);
  const { bias, name } = candidate;
  if (bias && bias.data.length !== weight.shape[0]) {
    throw new Error(
      `the bias of "${name}" has ${bias.data.length} numbers and its weight ${weight.shape[0]} rows; give its layout`,
    );
  }
  return { kind: 'dense', name, weight, ...(bias ? { bias: { shape: [bias.data.length], data: bias.data } } : {}) };
}

function fourierOfSpec(names: TensorNames, spec: FourierSpec): FeatureLayer {
  const matrix = outIn(names.tensor(spec.fourier), spec.layout ?? 'in,out');
  const { factor = 2 * Math.PI } = spec;
  const scaled = { shape: matrix.shape, data: matrix.data.map((v) => v * factor) };
  return {
    kind: 'fourier',
    name: plainName(spec.fourier),
    matrix: scaled,
    sineFirst: spec.order !== 'cos,sin',
    widths: [],
  };
}

function gaussianOfSpec(names: TensorNames, spec: GaussianSpec): FeatureLayer {
  const matrix = names.tensor(spec.gaussian);
  return {
    kind: 'gaussian',
    name: plainName(spec.gaussian),
    matrix,
    sineFirst: false,
    widths: names.numbers(spec.width ?? 1),
  };
}

function residualOfSpec(names: TensorNames, spec: ResidualSpec, layout: Layout | undefined): ResidualLayer {
  const layers = spec.residual.map((layer) => layerOfSpec(names, layer, layout));
  const alpha = spec.alpha === undefined ? {} : { alpha: names.numbers(spec.alpha)[0] };
  return { kind: 'residual', name: 'residual', layers, ...alpha, ...(spec.after ? { after: spec.after } : {}) };
}

/** Number of values that the first layer reads. */
export function inputWidth(layers: readonly Layer[]): number {
  const [first] = layers;
  if (first.kind === 'residual') return inputWidth(first.layers);
  return first.kind === 'dense' ? first.weight.shape[1] : first.matrix.shape[1];
}

/** Adds the network's nodes; throws `Error` where widths do not fit. */
export function buildNetwork(builder: GraphBuilder, network: Network, x: string): string {
  const { gates } = network;
  const activated = (layer: DenseLayer, from: string) => buildLayer(builder, layer, from, network, network.activation);
  const encodings = gates && { u: activated(gates.u, x), v: activated(gates.v, x) };
  const last = network.layers.length - 1;
  return network.layers.reduce((value, layer, i) => {
    const next = buildLayer(
      builder,
      layer,
      value,
      network,
      i === last ? network.outputActivation : network.activation,
      i === last,
    );
    if (!encodings || i === last || layer.kind !== 'dense') return next;
    const [a, b] = gates.encodeFirst ? [encodings.u, encodings.v] : [encodings.v, encodings.u];
    // h u + (1 - h) v = v + h (u - v).
    return builder.binary('add', b, builder.binary('mul', next, builder.binary('sub', a, b)), 'gated');
  }, x);
}

function buildLayer(
  builder: GraphBuilder,
  layer: Layer,
  x: string,
  network: Network,
  activation: ActivationName,
  isLast = false,
): string {
  const width = builder.width(x);
  const reads =
    layer.kind === 'residual'
      ? inputWidth(layer.layers)
      : layer.kind === 'dense'
        ? layer.weight.shape[1]
        : layer.matrix.shape[1];
  if (reads !== width) throw new Error(`layer "${layer.name}" reads ${reads} values and gets ${width}`);
  switch (layer.kind) {
    case 'dense': {
      const z = builder.dense(x, layer.weight, layer.bias, layer.name);
      const factor = layer.factor ?? (isLast ? undefined : network.factor);
      const rows = layer.weight.shape[0];
      if (factor && factor.length !== 1 && factor.length !== rows)
        throw new Error(`layer "${layer.name}" has ${rows} neurons and ${factor.length} slopes`);
      const scaled = factor ? builder.scale(z, factor, undefined, `${layer.name}.slope`) : z;
      const name = layer.activation ?? activation;
      return applyActivation(builder, name, scaled, `${layer.name}.${name}`);
    }
    case 'fourier': {
      const phase = builder.dense(x, layer.matrix, undefined, layer.name);
      const [sine, cosine] = [builder.unary('sin', phase), builder.unary('cos', phase)];
      return builder.concat(layer.sineFirst ? [sine, cosine] : [cosine, sine], `${layer.name}.features`);
    }
    case 'gaussian':
      return gaussianFeatures(builder, layer, x);
    case 'residual': {
      const inner = layer.layers.reduce(
        (value, each) => buildLayer(builder, each, value, network, network.activation),
        x,
      );
      if (builder.width(inner) !== width)
        throw new Error(`a residual block of width ${width} gives ${builder.width(inner)}`);
      const { alpha } = layer;
      const sum =
        alpha === undefined
          ? builder.binary('add', x, inner, 'residual')
          : builder.binary(
              'add',
              builder.scale(inner, [alpha], undefined),
              builder.scale(x, [1 - alpha], undefined),
              'residual',
            );
      return layer.after ? applyActivation(builder, layer.after, sum, layer.after) : sum;
    }
  }
}

/** exp(-|x - c|^2 / (2 w^2)) for every centre c. */
function gaussianFeatures(builder: GraphBuilder, layer: FeatureLayer, x: string): string {
  const [features, inputs] = layer.matrix.shape;
  const rows = features * inputs;
  const spread = new Float64Array(rows * inputs);
  for (let r = 0; r < rows; r++) spread[r * inputs + (r % inputs)] = 1;
  const shift = { shape: [rows], data: layer.matrix.data.map((c) => -c) };
  const distance = builder.dense(x, { shape: [rows, inputs], data: spread }, shift, layer.name);
  const squares = builder.unary('pow', distance, 'square', { exponent: 2 });
  const { widths } = layer;
  const sums = new Float64Array(features * rows);
  for (let f = 0; f < features; f++) {
    const w = widths[widths.length === 1 ? 0 : f];
    for (let i = 0; i < inputs; i++) sums[f * rows + f * inputs + i] = -1 / (2 * w * w);
  }
  return builder.unary(
    'exp',
    builder.dense(squares, { shape: [features, rows], data: sums }, undefined, `${layer.name}.sum`),
  );
}

/** Widths of a chain in words: `2-20-20-1`. */
export function describeWidths(layers: readonly DenseCandidate[], layout: Layout): string {
  return [colsOf(layers[0].weight, layout), ...layers.map(({ weight }) => rowsOf(weight, layout))].join('-');
}
