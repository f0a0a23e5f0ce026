import { prelu as leaky } from '../../nodes.js';
import { activate } from '../activations.js';
import type { LayerContext, LayerKind } from '../context.js';
import { softmax, where } from '../functions.js';
import { mapAlong, ownAxis, spread, type Value } from '../values.js';

/** Layers that are an activation. `layers` is every kind of layer, for activations that are layers. */
export function activationLayers(layers: Readonly<Record<string, LayerKind>>): Record<string, LayerKind> {
  return {
    Activation: {
      reads: ['activation'],
      apply: (context, [x]) => activate(context, context.layer.config.activation, x, layers),
    },
    ReLU: { reads: ['max_value', 'negative_slope', 'threshold'], apply: relu },
    LeakyReLU: {
      reads: ['negative_slope', 'alpha'],
      apply: ({ builder, layer }, [x]) => {
        const slope = numberOf(layer.config.negative_slope, numberOf(layer.config.alpha, 0.3));
        return { name: builder.unary('leaky_relu', x.name, layer.name, { slope }), shape: x.shape };
      },
    },
    ThresholdedReLU: {
      reads: ['theta'],
      apply: ({ builder, layer }, [x]) => {
        const past = builder.scale(x.name, undefined, [-numberOf(layer.config.theta, 1)]);
        return { name: where(builder, past, x.name, layer.name), shape: x.shape };
      },
    },
    PReLU: { reads: ['shared_axes'], apply: prelu },
    ELU: {
      reads: ['alpha'],
      apply: ({ builder, layer }, [x]) => ({
        name: builder.unary('elu', x.name, layer.name, { alpha: numberOf(layer.config.alpha, 1) }),
        shape: x.shape,
      }),
    },
    Softmax: {
      reads: ['axis'],
      apply: ({ builder, layer }, [x]) => {
        const axes = [layer.config.axis ?? -1].flat().map((axis) => ownAxis(axis, x.shape.length));
        return mapAlong(builder, x, axes, (vector) => softmax(builder, vector, layer.name));
      },
    },
  };
}

/** Keras 2 writes some numbers as words, or as arrays of NumPy: `{ "type": "ndarray", "value": 0.3 }`. */
export function numberOf(written: unknown, otherwise: number): number {
  const isArray = typeof written === 'object' && written !== null && 'value' in written;
  const value = isArray ? written.value : written;
  if (value === undefined || value === null) return otherwise;
  const number = typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN;
  if (!Number.isFinite(number)) throw new Error(`${JSON.stringify(value).slice(0, 40)} stands for a number`);
  return number;
}

/** x above the threshold, cut at max_value; slope * (x - threshold) below. */
function relu({ builder, layer }: LayerContext, [x]: readonly Value[]): Value {
  const { config } = layer;
  const [slope, threshold] = [config.negative_slope, config.threshold].map((value) => numberOf(value, 0));
  const limit = config.max_value === null || config.max_value === undefined ? undefined : numberOf(config.max_value, 0);
  const { shape, name } = x;
  if (threshold === 0 && limit === undefined) {
    const value = slope === 0 ? builder.unary('relu', name) : builder.unary('leaky_relu', name, layer.name, { slope });
    return { name: value, shape };
  }
  const past = builder.scale(name, undefined, [-threshold]);
  const kept = threshold === 0 ? builder.unary('relu', name) : where(builder, past, name, layer.name);
  const cut = limit === undefined ? kept : builder.unary('clip', kept, layer.name, { min: 0, max: limit });
  if (slope === 0) return { name: cut, shape };
  const below = builder.scale(builder.unary('relu', builder.unary('neg', past)), [-slope], undefined);
  return { name: builder.binary('add', cut, below, layer.name), shape };
}

/** A slope per element below 0; shared along some axes, where its shape has 1. */
function prelu(context: LayerContext, [x]: readonly Value[]): Value {
  const { builder, layer } = context;
  const [alpha] = context.weights(['alpha']);
  const shared = [layer.config.shared_axes ?? []].flat().map((axis) => ownAxis(axis, x.shape.length));
  const axes = x.shape.map((_, i) => i).filter((i) => !shared.includes(i));
  const slopes = spread(alpha.data, axes, x.shape);
  if (!slopes) throw context.refuse(` with slopes of shape [${alpha.shape.join(', ')}]`);
  return { name: leaky(builder, x.name, Array.from(slopes), layer.name), shape: x.shape };
}
