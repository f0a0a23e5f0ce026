import { plural } from '../diagnostics.js';
import type { Tensor } from '../model/types.js';
import type { ActivationName } from './activations.js';
import { type DenseCandidate, fittingLayouts, hintOf, outIn } from './dense-layout.js';
import type {
  DenseLayerSpec,
  Factor,
  FourierSpec,
  GaussianSpec,
  LayerSpec,
  Layout,
  NetworkSpec,
  NormSpec,
  PreluSpec,
  ResidualSpec,
} from './network-spec.js';
import { plainName } from './parametrizations.js';
import type { TensorNames } from './tensor-names.js';

/** The layers of a network as a spec lists them, with their numbers. */

export interface DenseLayer {
  kind: 'dense';
  name: string;
  weight: Tensor;
  bias?: Tensor;
  /** `undefined`: the network's. */
  activation?: ActivationName;
  /** The activation reads `factor * (W x + b)`. */
  factor?: number[];
  /** Whether the network's gates mix its output; `undefined`: of hidden layers outside residual blocks. */
  gated?: boolean;
}

export interface FeatureLayer {
  kind: 'fourier' | 'gaussian';
  name: string;
  /** [features, inputs]: frequencies, factor included, or centres. */
  matrix: Tensor;
  sineFirst: boolean;
  widths: number[];
}

export interface NormLayer {
  kind: 'layerNorm' | 'scale';
  name: string;
  /** Layer normalisation: added to the variance. */
  eps: number;
  scale?: number[];
  shift?: number[];
  activation: ActivationName;
}

export interface PreluLayer {
  kind: 'prelu';
  name: string;
  /** Slope of negative values, one or one per neuron. */
  slope: number[];
}

export interface ResidualLayer {
  kind: 'residual';
  name: string;
  layers: Layer[];
  alpha?: number[];
  after?: ActivationName;
}

export type Layer = DenseLayer | FeatureLayer | NormLayer | PreluLayer | ResidualLayer;

/** Layers as a spec lists them. Throws `Error` with the reason. */
export function layersOfSpec(names: TensorNames, spec: NetworkSpec, layers = spec.layers!): Layer[] {
  const dense = layers.flatMap((layer) => (isDense(layer) ? [candidateOf(names, layer)] : []));
  const layout = spec.layout ?? names.layout ?? onlyLayout(layers, dense);
  return layers.map((layer, i) => layerOfSpec(names, layer, layout, layers[i + 1]));
}

/** The layout that shapes or names tell; throws where both would do. */
function onlyLayout(layers: readonly LayerSpec[], dense: readonly DenseCandidate[]): Layout | undefined {
  const layouts = fittingLayouts(dense, undefined);
  const isGiven = layers.every((layer) => !isDense(layer) || (typeof layer !== 'string' && layer.layout));
  if (layouts.length > 1 && hintOf(dense) === undefined && !isGiven) {
    const shape = dense[0].weight.shape.join(', ');
    throw new Error(
      `the layer "${dense[0].name}" of shape [${shape}] may be [out, in] or [in, out]; give its "layout"`,
    );
  }
  return layouts[0];
}

function isDense(layer: LayerSpec): layer is string | DenseLayerSpec {
  return typeof layer === 'string' || 'layer' in layer || 'weight' in layer;
}

function candidateOf(names: TensorNames, layer: string | DenseLayerSpec): DenseCandidate {
  if (typeof layer === 'string') return names.candidate(layer);
  const found = layer.weight === undefined ? names.candidate(layer.layer!) : undefined;
  const weight = found?.weight ?? names.tensor(layer.weight!);
  if (weight.shape.length !== 2)
    throw new Error(`"${layer.weight}" has shape [${weight.shape.join(', ')}], not that of a matrix`);
  const own = found ?? { name: layer.layer ?? layer.weight!, weightName: layer.weight!, weight };
  return layer.bias === undefined ? own : { ...own, biasName: layer.bias, bias: names.tensor(layer.bias) };
}

function layerOfSpec(names: TensorNames, layer: LayerSpec, layout: Layout | undefined, next?: LayerSpec): Layer {
  if (isDense(layer)) return denseOfSpec(names, layer, layout, next);
  if ('fourier' in layer) return fourierOfSpec(names, layer);
  if ('gaussian' in layer) return gaussianOfSpec(names, layer);
  if ('prelu' in layer) return preluOfSpec(names, layer);
  if ('residual' in layer) return residualOfSpec(names, layer, layout);
  return normOfSpec(names, layer);
}

function denseOfSpec(
  names: TensorNames,
  layer: string | DenseLayerSpec,
  layout: Layout | undefined,
  next: LayerSpec | undefined,
): DenseLayer {
  const candidate = candidateOf(names, layer);
  const facts: DenseLayerSpec = typeof layer === 'string' ? {} : layer;
  const dense = denseLayer(candidate, facts.layout ?? layout ?? candidate.layout ?? 'out,in');
  names.markRead(candidate);
  const hasPrelu = typeof next === 'object' && 'prelu' in next;
  if (facts.activation ?? hasPrelu) dense.activation = facts.activation ?? 'none';
  if (facts.gated !== undefined) dense.gated = facts.gated;
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
  if (factors.some((f) => f.length !== 1 && f.length !== width))
    throw new Error(`factors of lengths ${factors.map((f) => f.length).join(' and ')} do not go together`);
  return Array.from({ length: width }, (_, i) =>
    factors.reduce((product, f) => product * f[f.length === 1 ? 0 : i], 1),
  );
}

/** Biases as vectors, so that one which several layers use stays one tensor. */
const flattened = new WeakMap<Tensor, Tensor>();

function asVector(bias: Tensor): Tensor {
  if (bias.shape.length === 1) return bias;
  const known = flattened.get(bias) ?? { shape: [bias.data.length], data: bias.data };
  flattened.set(bias, known);
  return known;
}

/** The layer of a weight and its bias; throws where the two do not fit together. */
export function denseLayer(candidate: DenseCandidate, layout: Layout): DenseLayer {
  const weight = outIn(candidate.weight, layout);
  const { bias, name } = candidate;
  if (bias && bias.data.length !== weight.shape[0]) {
    throw new Error(
      `the bias of "${name}" has ${plural(bias.data.length, 'number')} and its weight ${plural(weight.shape[0], 'row')}; give its layout`,
    );
  }
  return { kind: 'dense', name, weight, ...(bias ? { bias: asVector(bias) } : {}) };
}

function fourierOfSpec(names: TensorNames, spec: FourierSpec): FeatureLayer {
  const frequencies = matrixOf(names, spec.fourier);
  const [rows, cols] = frequencies.shape;
  if (spec.layout === undefined && names.layout === undefined && rows === cols)
    throw new Error(`the frequencies "${spec.fourier}" are square; give their "layout"`);
  const matrix = outIn(frequencies, spec.layout ?? names.layout ?? 'in,out');
  const { factor = 2 * Math.PI } = spec;
  return {
    kind: 'fourier',
    name: plainName(spec.fourier),
    matrix: { shape: matrix.shape, data: matrix.data.map((v) => v * factor) },
    sineFirst: spec.order !== 'cos,sin',
    widths: [],
  };
}

function gaussianOfSpec(names: TensorNames, spec: GaussianSpec): FeatureLayer {
  const matrix = matrixOf(names, spec.gaussian);
  const widths = names.numbers(spec.width ?? 1);
  if (widths.length !== 1 && widths.length !== matrix.shape[0])
    throw new Error(`"${spec.gaussian}" has ${matrix.shape[0]} centres and ${widths.length} widths`);
  return { kind: 'gaussian', name: plainName(spec.gaussian), matrix, sineFirst: false, widths };
}

function matrixOf(names: TensorNames, name: string): Tensor {
  const matrix = names.tensor(name);
  if (matrix.shape.length !== 2)
    throw new Error(`"${name}" has shape [${matrix.shape.join(', ')}], not that of a matrix`);
  return matrix;
}

function preluOfSpec(names: TensorNames, spec: PreluSpec): PreluLayer {
  const own = ['', '.weight', '.alpha'].map((part) => `${spec.prelu}${part}`).find((name) => names.has(name));
  return { kind: 'prelu', name: plainName(spec.prelu), slope: names.numbers(own ?? spec.prelu) };
}

function residualOfSpec(names: TensorNames, spec: ResidualSpec, layout: Layout | undefined): ResidualLayer {
  const layers = spec.residual.map((layer, i) => layerOfSpec(names, layer, layout, spec.residual[i + 1]));
  const alpha = spec.alpha === undefined ? {} : { alpha: names.numbers(spec.alpha) };
  return { kind: 'residual', name: 'residual', layers, ...alpha, ...(spec.after ? { after: spec.after } : {}) };
}

/** Parts of a normalisation, by PyTorch's, Keras's and JAX's names for them. */
const SCALE = ['weight', 'gamma', 'scale'];
const SHIFT = ['bias', 'beta', 'offset'];
const MEAN = ['running_mean', 'moving_mean', 'mean'];
const VARIANCE = ['running_var', 'moving_variance', 'var'];

function normOfSpec(names: TensorNames, spec: NormSpec): NormLayer {
  const prefix = 'layerNorm' in spec ? spec.layerNorm : spec.batchNorm;
  const part = (parts: readonly string[]) => {
    const name = parts.map((p) => `${prefix}.${p}`).find((n) => names.has(n));
    return name === undefined ? undefined : names.numbers(name);
  };
  const [gamma, beta] = [part(SCALE), part(SHIFT)];
  const facts = { name: plainName(prefix), activation: spec.activation ?? ('none' as const) };
  if ('layerNorm' in spec) {
    if (!gamma && !beta) throw new Error(`the file has no tensor "${prefix}.weight" or "${prefix}.bias"`);
    const own = { ...(gamma ? { scale: gamma } : {}), ...(beta ? { shift: beta } : {}) };
    return { kind: 'layerNorm', ...facts, eps: spec.eps ?? 1e-5, ...own };
  }
  const [mean, variance] = [part(MEAN), part(VARIANCE)];
  if (!mean || !variance || mean.length !== variance.length)
    throw new Error(`the file has no tensors "${prefix}.running_mean" and "${prefix}.running_var"`);
  const scale = variance.map((v, i) => (gamma?.[i] ?? 1) / Math.sqrt(v + (spec.eps ?? 1e-5)));
  return { kind: 'scale', ...facts, eps: 0, scale, shift: mean.map((m, i) => (beta?.[i] ?? 0) - m * scale[i]) };
}
