import type { ActivationName } from './activations.js';
import { isNormalisation } from './normalisation.js';
import type { Said } from './tensor-file.js';

/** What a checkpoint says about its network in words beside the weights. */

const ACTIVATION_KEY = /(^|[._])(act|activation|nonlin(earity)?)(s|_?(fn|func|function|name|type))?$/i;
const KIND_KEY =
  /(^|[._])(arch(itecture)?|(model|net|network)(_?(type|name|class|kind|arch))?|type|kind|class(_?name)?|backbone)$/i;
/** Networks that are more than a chain of layers. */
const SPECIAL =
  /res(net|idual)|skip|dense_?net|pirate|modified|gated|highway|fourier|siren|periodic|wavelet|gauss|rbf|kan\b|attention|transformer|conv|unet|lstm|gru|rnn|hyper|adaptive|l?laaf|multi_?scale|spectral_?net/i;
/** Parts of networks that are switched on by a flag or a number. */
const FEATURE_KEY =
  /(^|[._])(use_?|with_?|has_?|is_?)?(res(idual|net)?s?|skip(_?connections?)?|fourier(_?features?)?|(layer|batch)_?norm|gat(es?|ed|ing)|hard_?(bc|ic|constraints?)|periodic|normali[sz]e(d|_inputs?)?|omega(_?0)?|w0|num_frequencies)$/i;

const ACTIVATIONS: Record<string, ActivationName> = {
  tanh: 'tanh',
  sin: 'sin',
  sine: 'sin',
  cos: 'cos',
  sigmoid: 'sigmoid',
  logistic: 'sigmoid',
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  relu: 'relu',
  elu: 'elu',
  selu: 'selu',
  softplus: 'softplus',
  mish: 'mish',
  atan: 'atan',
  arctan: 'atan',
};

/** The hidden activation that the file names, where it names one that is known and only that. */
export function saidActivation(said: readonly Said[]): { name: ActivationName; path: string } | undefined {
  const found = activations(said);
  const names = new Set(found.map(({ value }) => ACTIVATIONS[shortName(value)]));
  const [name] = names;
  return names.size === 1 && name ? { name, path: found[0].path } : undefined;
}

/** What the file says that a plain chain of layers would contradict; its activations only where they are needed. */
export function saidOtherwise(said: readonly Said[], needsActivation: boolean): Said | undefined {
  const special = said.find(({ path, value }) => {
    if (typeof value === 'string') return KIND_KEY.test(path) && SPECIAL.test(value);
    return FEATURE_KEY.test(path) && value !== false && value !== 0 && !(value === 1 && /omega|w0/i.test(path));
  });
  if (special || !needsActivation) return special;
  const found = activations(said);
  const unknown = found.find(({ value }) => !Object.hasOwn(ACTIVATIONS, shortName(value)));
  return unknown ?? (found.length && !saidActivation(said) ? found[1] : undefined);
}

/** In one line; `undefined` where the file says nothing. */
export function describeSaid(said: readonly Said[]): string | undefined {
  const told = said.filter(({ path, value }) => path !== '' && !(typeof value === 'number' && isNormalisation(path)));
  if (!told.length) return undefined;
  const words = told.slice(0, 12).map(({ path, value }) => `${path} ${String(value).slice(0, 60)}`);
  return words.join(', ') + (told.length > 12 ? ` and ${told.length - 12} more` : '');
}

function activations(said: readonly Said[]): { path: string; value: string }[] {
  return said.flatMap(({ path, value }) =>
    ACTIVATION_KEY.test(path) && typeof value === 'string' ? [{ path, value }] : [],
  );
}

/** `torch.nn.Tanh()` as `tanh`. */
function shortName(text: string): string {
  return text
    .replace(/\(.*$/, '')
    .replace(/^.*[.]/, '')
    .trim()
    .toLowerCase();
}
