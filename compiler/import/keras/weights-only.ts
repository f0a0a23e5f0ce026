import { PinnEdgeError } from '../../diagnostics.js';
import type { Tensor } from '../../model/types.js';
import type { ImportJob } from '../source.js';
import type { KerasFile } from './file.js';
import { roleOf, type StoredLayer } from './weights.js';

/** Files of weights without their model: tensors by name, and what their list of layers says that they do not tell. */

/** Tensors as `layer.role`, in the order in which the file lists its layers. Throws `Error` with the reason. */
export function tensorsByName({ layers, tensors }: KerasFile): Map<string, Tensor> {
  const named = new Map<string, Tensor>();
  for (const layer of layers) {
    const roles = layer.roles?.map((path) => path.replace(/:\d+$/, '')) ?? rolesOf(layer);
    const isShort = new Set(roles.map(roleOf)).size === roles.length;
    const name = layer.name.replace(/\/\w*cell$/, '').replaceAll('/', '.');
    if (layer.hasIntegers && layer.tensors.some(({ shape }) => shape.length === 2))
      throw new Error(
        `the kernel of its layer "${layer.name}" holds integers; save the weights as they were before model.quantize()`,
      );
    layer.tensors.forEach((tensor, i) => {
      // A model within a model has its layers' names in those of its weights.
      const role = isShort ? roleOf(roles[i]) : roles[i].replaceAll('/', '.');
      named.set(name ? `${name}.${role}` : role, tensor);
    });
  }
  return named.size ? named : tensors;
}

const ROLES: [RegExp, string[]][] = [
  [/^batch_normalization/, ['gamma', 'beta', 'moving_mean', 'moving_variance']],
  [/^layer_normalization/, ['gamma', 'beta']],
  [/^normalization/, ['mean', 'variance', 'count']],
  [/^p_re_lu/, ['alpha']],
];

/** What Keras 3's numbered weights are, by the layer's class, which names the group, or by their shapes. */
function rolesOf({ path, tensors }: StoredLayer): string[] {
  const group = path[path.length - 1] ?? '';
  const known = ROLES.find(([pattern, roles]) => pattern.test(group) && roles.length === tensors.length)?.[1];
  if (known) return known;
  const isDense = tensors[0]?.shape.length === 2 && tensors.slice(1).every(({ shape }) => shape.length === 1);
  return tensors.map((_, i) => (isDense && i < 2 ? ['kernel', 'bias'][i] : i === 0 ? 'value' : `value_${i}`));
}

/** Layers without weights whose absence changes nothing, or nothing beyond the activation, which is asked for anyway. */
const SAID =
  /^(input|dropout|gaussian_|alpha_dropout|spatial_dropout|activity_regularization|flatten|identity|activation|sequential|functional|model|top_level)/;

/**
 * Refuses a file of weights that lists layers without weights, such as `lambda`, unless the spec says what they do.
 * @throws PE7007
 */
export function requireNothingUnsaid(job: ImportJob, { layers, subclass }: KerasFile): void {
  const { spec } = job;
  const networks = [spec.network, ...Object.values(spec.networks ?? {})].filter((network) => network !== undefined);
  // A list that --init has written is an assumption until the user says otherwise.
  const listsLayers =
    networks.length > 0 && networks.every(({ layers: list, assumed }) => list && !assumed?.includes('layers'));
  if (listsLayers) return;
  if (subclass !== undefined && !networks.some(({ layers: list }) => list)) {
    throw new PinnEdgeError('PE7007', {
      file: job.file,
      reason: `its class "${subclass}" is Python code, which says how its layers are called`,
    });
  }
  const groupOf = ({ path, name, roles }: StoredLayer) => (roles ? name : (path[path.length - 1] ?? ''));
  const isInner = (layer: StoredLayer) =>
    layers.some(({ path }) => path.length > layer.path.length && layer.path.every((part, i) => part === path[i]));
  const silent = layers.filter(
    (layer) =>
      !layer.tensors.length &&
      !SAID.test(groupOf(layer)) &&
      !SAID.test(layer.label ?? '') &&
      layer.path.length > 0 &&
      !isInner(layer),
  );
  const order = layers.filter(({ roles }) => roles).map(({ name }) => name);
  const filled = layers.filter(({ roles, tensors }) => roles && tensors.length).map(({ name }) => name);
  const [first, last] = [order.indexOf(filled[0]), order.indexOf(filled[filled.length - 1])];
  const isSaid = ({ name }: StoredLayer) => {
    const at = order.indexOf(name);
    if (at < 0) return false;
    if (at < first)
      return Boolean(
        spec.networkInputs || networks.some(({ inputs }) => inputs) || spec.inputs?.some(({ normalize }) => normalize),
      );
    return at > last && Boolean(spec.outputs?.some(({ expression }) => expression));
  };
  const unsaid = silent.filter((layer) => !isSaid(layer));
  if (!unsaid.length) return;
  const names = unsaid.slice(0, 6).map(({ name }) => `"${name}"`);
  const more = unsaid.length > 6 ? ` and ${unsaid.length - 6} more` : '';
  const at = order.indexOf(unsaid[0].name);
  const field =
    at >= 0 && at < first
      ? 'networkInputs (what the network reads) or normalize of the inputs'
      : at > last
        ? 'an expression in outputs'
        : 'the layers under network';
  throw new PinnEdgeError('PE7007', {
    file: job.file,
    reason: `it lists the layer${unsaid.length > 1 ? 's' : ''} ${names.join(', ')}${more}, of which it has no weights and does not say what ${unsaid.length > 1 ? 'they do' : 'it does'}; say it by ${field}`,
  });
}
