import { PinnEdgeError } from '../diagnostics.js';
import type { Tensor } from '../model/types.js';
import { isNormalisation } from './normalisation.js';
import { list, type TensorNames } from './tensor-names.js';

/** Refuses a network that leaves tensors of its file unread; what no network needs is only said. @throws PE7013 */
export function requireAllRead(
  file: string,
  names: TensorNames,
  tensors: ReadonlyMap<string, Tensor>,
  notes: string[],
): void {
  const { harmless, others } = names.unread();
  if (harmless.length) notes.push(`not used: ${list(harmless, 8)}`);
  if (!others.length) return;
  const fields = new Set(others.map((name) => fieldFor(name, tensors)));
  throw new PinnEdgeError('PE7013', {
    file,
    names: list(others),
    are: others.length === 1 ? 'is' : 'are',
    it: others.length === 1 ? 'it does' : 'they do',
    fields: [...fields].slice(0, 3).join(' or '),
  });
}

/** The field of a spec that most likely says what a tensor is for. */
export function fieldFor(name: string, tensors: ReadonlyMap<string, Tensor>): string {
  const prefix = /^(.*)\.[^.]+$/.exec(name)?.[1];
  const tensor = tensors.get(name);
  const last = name.slice((prefix?.length ?? -1) + 1);
  const partner = (parts: readonly string[]) => parts.some((part) => tensors.has(`${prefix}.${part}`));
  if (prefix !== undefined && /^(running|moving)_/.test(last)) return `{ "batchNorm": "${prefix}" }`;
  if (prefix !== undefined && partner(['running_mean', 'moving_mean'])) return `{ "batchNorm": "${prefix}" }`;
  if (isNormalisation(name))
    return /std|sigma|mean|mu|var/i.test(last) ? '"normalize": { "mean", "std" }' : '"normalize": { "min", "max" }';
  const isVector = (tensor?.shape.filter((d) => d > 1).length ?? 0) <= 1;
  if (prefix !== undefined && isVector && /^(weight|gamma|scale|bias|beta|offset)$/.test(last)) {
    const isPair =
      (/^(weight|gamma|scale)$/.test(last) && partner(['bias', 'beta', 'offset'])) ||
      !/^(weight|gamma|scale)$/.test(last);
    return isPair ? `{ "layerNorm": "${prefix}" }` : `{ "prelu": "${prefix}" }`;
  }
  if (isVector && /(^|[._])(omega|w0|freq(uency)?)([._]?\d+)*$/i.test(name)) return `"omega": "${name}"`;
  if (isVector && /(^|[._])(a|n|alphas?|betas?|slopes?|adaptive\w*|act\w*|scal\w*)([._]?\d+)*$/i.test(name))
    return `"slope": "${name}"`;
  if (tensor?.data.length === 1) return '"constants"';
  return isVector ? '"slope", "bias" or "constants"' : '"layers", "gates" or { "fourier" }';
}
