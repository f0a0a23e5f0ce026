import type { DenseLayer, Layer } from './layers.js';
import type { Network } from './network.js';
import type { NetworkSpec } from './network-spec.js';

/** Refuses what a spec says about a network where it changes nothing. Throws `Error` with the reason. */
export function requireEffects(name: string, spec: NetworkSpec, network: Network, notes: string[]): void {
  const idle = (key: string, why: string) => new Error(`"${key}" of network ${name} has no effect: ${why}`);
  const last = network.layers.at(-1);
  const top = network.layers.filter((layer): layer is DenseLayer => layer.kind === 'dense');
  const inside = network.layers.flatMap((layer) => (layer.kind === 'residual' ? denseLayers(layer.layers) : []));
  const hidden = [...top.filter((layer) => layer !== last), ...inside];
  for (const key of ['omega', 'slope', 'slopeFactor'] as const) {
    if (spec[key] !== undefined && hidden.every((layer) => layer.factor))
      throw idle(key, hidden.length ? 'every hidden layer has its own' : 'it has no hidden layer');
  }
  if (spec.gates) requireGates(network, hidden, inside, idle);
  else if ([...top, ...inside].some((layer) => layer.gated !== undefined))
    throw idle('gated', 'the network has no gates');
  if (spec.outputActivation && (last?.kind !== 'dense' || last.activation))
    throw idle('outputActivation', 'its last layer says its own activation');
  if (spec.prefix !== undefined && spec.layers) throw idle('prefix', 'the layers are listed by their whole names');
  if (spec.layout && spec.layers?.every((layer) => typeof layer === 'object' && 'layout' in layer))
    throw idle('layout', 'every layer has its own');
  if (spec.activation && spec.activation !== 'none' && !hidden.length && !spec.outputActivation)
    notes.push(
      `network ${name}: "activation" is that of hidden layers, of which it has none; its output has "outputActivation"`,
    );
}

function requireGates(
  network: Network,
  hidden: readonly DenseLayer[],
  inside: readonly DenseLayer[],
  idle: (key: string, why: string) => Error,
): void {
  const unsaid = inside.find((layer) => layer.gated === undefined);
  if (unsaid)
    throw new Error(
      `"gates" beside residual blocks: say of layer "${unsaid.name}" whether they mix its output, { "layer": "${unsaid.name}", "gated": true } or false`,
    );
  const mixed = [...hidden, ...network.layers].filter(
    (layer) => layer.kind === 'dense' && (layer.gated ?? layer !== network.layers.at(-1)),
  );
  if (!mixed.length) throw idle('gates', 'they mix no layer');
}

function denseLayers(layers: readonly Layer[]): DenseLayer[] {
  return layers.flatMap((layer) =>
    layer.kind === 'dense' ? [layer] : layer.kind === 'residual' ? denseLayers(layer.layers) : [],
  );
}
