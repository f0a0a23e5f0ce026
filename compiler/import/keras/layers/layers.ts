import type { LayerKind } from '../context.js';
import { activationLayers } from './activation.js';
import { denseLayers } from './dense.js';
import { MERGING_LAYERS } from './merging.js';
import { NORMALIZATION_LAYERS } from './normalization.js';
import { SHAPE_LAYERS } from './shape.js';

/** Every kind of layer that is understood, by its class. */
export const LAYERS: Record<string, LayerKind> = { ...MERGING_LAYERS, ...NORMALIZATION_LAYERS, ...SHAPE_LAYERS };
Object.assign(LAYERS, denseLayers(LAYERS), activationLayers(LAYERS));
