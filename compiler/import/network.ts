import { plural } from '../diagnostics.js';
import { type ActivationName, applyActivation } from './activations.js';
import type { GraphBuilder } from './builder.js';
import type { DenseLayer, FeatureLayer, Layer, NormLayer, ResidualLayer } from './layers.js';
import { layerNorm, prelu } from './nodes.js';

/** Networks of a state dict as nodes of a graph. */

export interface Network {
  layers: Layer[];
  activation: ActivationName;
  outputActivation: ActivationName;
  gates?: { u: DenseLayer; v: DenseLayer; encodeFirst: boolean };
  /** Of hidden layers without a factor of their own. */
  factor?: number[];
}

/** Number of values that the first layer reads; undefined where that is not known before it is built. */
export function inputWidth(layers: readonly Layer[]): number | undefined {
  for (const layer of layers) {
    const width = readsOf(layer);
    if (width !== undefined) return width;
  }
  return undefined;
}

function readsOf(layer: Layer): number | undefined {
  switch (layer.kind) {
    case 'residual':
      return inputWidth(layer.layers);
    case 'dense':
      return layer.weight.shape[1];
    case 'fourier':
    case 'gaussian':
      return layer.matrix.shape[1];
    case 'prelu':
      return layer.slope.length === 1 ? undefined : layer.slope.length;
    default:
      return (layer.scale ?? layer.shift)?.length;
  }
}

/** Adds the network's nodes; throws `Error` where widths do not fit. */
export function buildNetwork(builder: GraphBuilder, network: Network, x: string): string {
  return new NetworkBuilder(builder, network, x).run();
}

class NetworkBuilder {
  private readonly encodings: { u: string; v: string } | undefined;

  constructor(
    private readonly builder: GraphBuilder,
    private readonly network: Network,
    private readonly x: string,
  ) {
    const { gates } = network;
    this.encodings = gates && { u: this.dense(gates.u, x, false), v: this.dense(gates.v, x, false) };
  }

  run(): string {
    const { layers } = this.network;
    return layers.reduce((value, layer, i) => this.layer(layer, value, i === layers.length - 1, false), this.x);
  }

  private layer(layer: Layer, x: string, isLast: boolean, inBlock: boolean): string {
    const { builder } = this;
    const [width, reads] = [builder.width(x), readsOf(layer)];
    if (reads !== undefined && reads !== width)
      throw new Error(`layer "${layer.name}" reads ${plural(reads, 'value')} and gets ${width}`);
    switch (layer.kind) {
      case 'dense': {
        const value = this.dense(layer, x, isLast);
        return (layer.gated ?? (!isLast && !inBlock)) ? this.gated(value) : value;
      }
      case 'fourier': {
        const phase = builder.dense(x, layer.matrix, undefined, layer.name);
        const [sine, cosine] = [builder.unary('sin', phase), builder.unary('cos', phase)];
        return builder.concat(layer.sineFirst ? [sine, cosine] : [cosine, sine], `${layer.name}.features`);
      }
      case 'gaussian':
        return gaussianFeatures(builder, layer, x);
      case 'prelu':
        return prelu(builder, x, layer.slope, layer.name);
      case 'residual':
        return this.residual(layer, x);
      default:
        return this.norm(layer, x);
    }
  }

  private dense(layer: DenseLayer, x: string, isLast: boolean): string {
    const { builder, network } = this;
    const [rows, reads] = layer.weight.shape;
    if (reads !== builder.width(x))
      throw new Error(`layer "${layer.name}" reads ${plural(reads, 'value')} and gets ${builder.width(x)}`);
    const z = builder.dense(x, layer.weight, layer.bias, layer.name);
    const factor = layer.factor ?? (isLast ? undefined : network.factor);
    if (factor && factor.length !== 1 && factor.length !== rows)
      throw new Error(`layer "${layer.name}" has ${rows} neurons and ${factor.length} slopes`);
    const scaled = factor ? builder.scale(z, factor, undefined, `${layer.name}.slope`) : z;
    const name = layer.activation ?? (isLast ? network.outputActivation : network.activation);
    return applyActivation(builder, name, scaled, `${layer.name}.${name}`);
  }

  /** h u + (1 - h) v = v + h (u - v). */
  private gated(h: string): string {
    const { builder, encodings, network } = this;
    if (!encodings) return h;
    const { u, v } = encodings;
    const [a, b] = network.gates!.encodeFirst ? [u, v] : [v, u];
    if (builder.width(h) !== builder.width(a))
      throw new Error(`gates of width ${builder.width(a)} do not go with a layer of ${builder.width(h)} neurons`);
    return builder.binary('add', b, builder.binary('mul', h, builder.binary('sub', a, b)), 'gated');
  }

  private norm(layer: NormLayer, x: string): string {
    const { builder } = this;
    const normal = layer.kind === 'layerNorm' ? layerNorm(builder, x, layer.eps) : x;
    const value = builder.scale(normal, layer.scale, layer.shift, layer.name);
    return applyActivation(builder, layer.activation, value, `${layer.name}.${layer.activation}`);
  }

  private residual(layer: ResidualLayer, x: string): string {
    const { builder } = this;
    const width = builder.width(x);
    const inner = layer.layers.reduce((value, each) => this.layer(each, value, false, true), x);
    if (builder.width(inner) !== width)
      throw new Error(`a residual block of width ${width} gives ${builder.width(inner)}`);
    const { alpha } = layer;
    if (alpha && alpha.length !== 1 && alpha.length !== width)
      throw new Error(`a residual block of width ${width} has ${plural(alpha.length, 'number')} alpha`);
    const sum = alpha
      ? builder.binary(
          'add',
          builder.scale(inner, alpha, undefined),
          builder.scale(
            x,
            alpha.map((a) => 1 - a),
            undefined,
          ),
          'residual',
        )
      : builder.binary('add', x, inner, 'residual');
    return layer.after ? applyActivation(builder, layer.after, sum, layer.after) : sum;
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
