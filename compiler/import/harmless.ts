import type { Tensor } from '../model/types.js';

/**
 * What training keeps beside a network and an answer never needs. Everything else that nothing reads is refused by
 * name, so this list stays short: a name belongs here only where no network computes with it.
 */

/** Entries of a checkpoint whose contents are skipped as a whole. */
const ENTRIES =
  /^(optim(i[sz]er)?s?(_?states?)?(_?dict)?|opt_?states?|(lr_?)?schedulers?(_?states?)?(_?dict)?|grad_?scaler(_?state)?(_?dict)?|amp|callbacks|loops|rng_?states?|(random|torch|numpy|cuda)_?(rng_?)?state|epochs?|global_step|iterations?|(train|val|test|best|min|final)?_?(loss|losses|metrics?|errors?)(_?(history|curve|values?))?|histor(y|ies))$/i;

/** Scalars that count. */
const COUNTERS = /(^|\.)(num_batches_tracked|epoch|iterations?|step|global_step|version|lr|learning_rate)$/i;

/** State of optimisers, as PyTorch, Paddle, Keras and Optax name it. */
const OPTIMISER =
  /(^|\.)(exp_avg(_sq)?|max_exp_avg_sq|momentum_buffer|square_avg|acc_delta|moment[12]_0|beta[12]_pow_acc_0|optimi[sz]er\w*|opt_state)(\.|$)/i;

/** Coefficients of the equation that an inverse problem learns: scalars. */
const COEFFICIENTS =
  /(^|\.)(lambdas?|lam|nu|viscosity|diffusivity|conductivity|reynolds|pde_?(params?|parameters?|coefficients?|coeffs?))([_.]?\w+)?$/i;

/** Weights of the terms of the loss, one per term or per training point. */
const LOSS_WEIGHTS =
  /(^|\.)((loss|task|adaptive|self_?adaptive|sa)_?(weights?|lambdas?)|log_(vars?|sigmas?|variances?)|lambdas?_?(bcs?|ics?|pdes?|res|residual|data|[rufb0])|(pde|bc|ic|data|res|residual|boundary|initial)_?(weights?|lambdas?))$/i;

/** True for an entry of a checkpoint that is no part of its network. */
export function isHarmlessEntry(key: string): boolean {
  return ENTRIES.test(key);
}

/** True for a tensor that no network computes with. */
export function isHarmless(name: string, tensor: Tensor): boolean {
  const isVector = tensor.shape.filter((d) => d > 1).length <= 1;
  if (OPTIMISER.test(name)) return true;
  if (tensor.data.length === 1 && (COUNTERS.test(name) || COEFFICIENTS.test(name))) return true;
  return isVector && LOSS_WEIGHTS.test(name);
}
