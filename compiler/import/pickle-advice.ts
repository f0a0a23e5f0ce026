/** The next step for a pickle that asks for more than weights, by whose objects they are. */
export function adviceFor(what: string, torch: boolean): string {
  const module = /"([^"]+)"/.exec(what)?.[1] ?? '';
  const found = ADVICE.find(([pattern]) => pattern.test(module));
  if (found) return found[1];
  return torch ? TORCH : PLAIN;
}

const TORCH =
  'Save the weights alone, torch.save(model.state_dict(), ...), or export with pinn_edge_export or torch.onnx.export';
const PLAIN =
  'Save the arrays alone, numpy.savez("weights.npz", ...), or from PyTorch torch.save(model.state_dict(), ...)';

const ADVICE: [RegExp, string][] = [
  [
    /^(sklearn|joblib|skops)\b/,
    'Export with skl2onnx, or save the arrays of the network, numpy.savez("weights.npz", *[a for p in zip(net.coefs_, net.intercepts_) for a in p])',
  ],
  [
    /^(jax|jaxlib|flax|haiku|optax|equinox|orbax|chex)\b/,
    'Save plain arrays, pickle.dump(jax.tree_util.tree_map(numpy.asarray, params), file), or numpy.savez',
  ],
  [/^(keras|tensorflow|tf_keras)\b/, 'Save the model by Keras itself, model.save("net.keras")'],
  [/^paddle\b/, 'Save the weights alone, paddle.save(net.state_dict(), "net.pdparams")'],
  [
    /^__torch__\b/,
    'It is TorchScript: export with torch.onnx.export, or save the weights, torch.save(module.state_dict(), ...)',
  ],
  [/^(torch|deepxde|lightning|pytorch_lightning|modulus|physicsnemo|neuromancer)\b/, TORCH],
];
