import { PinnEdgeError, plural } from '../diagnostics.js';
import type { GraphBuilder } from './builder.js';
import type { Bound, ImportSpec } from './network-spec.js';
import type { Imported } from './source.js';
import type { InputFacts } from './types.js';

/** What a spec says about inputs, constants and networks, and whether it has any effect. */

/** An input as the network reads it, by the spec's normalisation of it. */
export function normalisedInput(
  file: string,
  place: string,
  builder: GraphBuilder,
  imported: Imported,
  spec: ImportSpec,
  inputs: readonly InputFacts[],
  x: string,
  done: Set<string>,
): string {
  const { normalize: normalization, group } = spec.inputs?.find(({ name }) => name === x) ?? {};
  if (!normalization) return x;
  done.add(x);
  const fail = (reason: string) => new PinnEdgeError('PE7010', { file, reason: `input "${x}" of ${place}: ${reason}` });
  const index = inputs.findIndex(({ name }) => name === x);
  const number = (bound: Bound): number => {
    if (typeof bound === 'number') return bound;
    const numbers = imported.numbers?.(bound);
    if (!numbers) throw fail(`neither the file nor one of "files" has a tensor "${bound}"`);
    // One for all, one per input of the model, or one per input of the spec's entry, such as u[0:101].
    const value =
      numbers.length === 1
        ? numbers[0]
        : numbers.length === inputs.length
          ? numbers[index]
          : numbers.length === group?.size
            ? numbers[group.index]
            : undefined;
    if (value === undefined) {
      const own = group ? `, ${group.size} of them by one entry` : '';
      throw fail(`"${bound}" has ${plural(numbers.length, 'number')} for ${plural(inputs.length, 'input')}${own}`);
    }
    return value;
  };
  const hint = `${x}_normalised`;
  if ('mean' in normalization) {
    const [mean, std] = [number(normalization.mean), number(normalization.std)];
    if (!(std > 0)) throw fail(`its std is ${std}`);
    return builder.scale(x, [1 / std], [-mean / std], hint);
  }
  const [min, max] = [number(normalization.min), number(normalization.max)];
  const { to = [-1, 1] } = normalization;
  if (min === max) throw fail(`its normalisation starts and ends at ${min}`);
  const scale = (to[1] - to[0]) / (max - min);
  return builder.scale(x, [scale], [to[0] - scale * min], hint);
}

/** Refuses what the spec says outside its networks where it changes nothing. @throws PE7014 */
export function requireUse(
  file: string,
  imported: Imported,
  spec: ImportSpec,
  asked: ReadonlySet<string>,
  normalisedInputs: ReadonlySet<string>,
): void {
  const idle = (what: string, why: string) => new PinnEdgeError('PE7014', { file, what, why });
  const networks = Object.values(spec.networks ?? (spec.network ? { N: spec.network } : {}));
  if (spec.networkInputs && networks.length && networks.every(({ inputs }) => inputs))
    throw idle('"networkInputs"', 'every network has its own "inputs"');
  for (const { name, normalize } of spec.inputs ?? []) {
    if (normalize && !normalisedInputs.has(name))
      throw idle(`"normalize" of input "${name}"`, 'the networks read expressions; write it in them');
  }
  for (const name of Object.keys(spec.constants ?? {}))
    if (!asked.has(name)) throw idle(`constant "${name}"`, 'no expression uses it');
  if (!spec.outputs?.every(({ expression }) => expression !== undefined)) return;
  const unread = [...imported.networks.keys()].find((name) => !asked.has(name));
  if (unread !== undefined && imported.networks.size > 1)
    throw idle(`network "${unread}"`, 'no output and no other network reads it');
}

/** `N_x`, `u_xx`: what an expression of a network's derivatives would say. */
export function derivativeAmong(source: string, imported: Imported, inputs: readonly InputFacts[]): string | undefined {
  const names = new Set([...imported.networks.keys(), ...(imported.outputs ?? [])]);
  const letters = inputs.map(({ name }) => name);
  for (const [word, base, by] of source.matchAll(/\b([A-Za-z]\w*?)_([A-Za-z]\w*)\b/g)) {
    if (!names.has(base) || letters.includes(word)) continue;
    let rest = by;
    for (let hit: string | undefined; rest; rest = rest.slice(hit.length)) {
      hit = letters.filter((name) => rest.startsWith(name)).sort((p, q) => q.length - p.length)[0];
      if (hit === undefined) break;
    }
    if (rest === '')
      return `"${word}" is a derivative of the network, which a spec cannot ask for; name the network's output alone, such as { "name": "psi" }, and add --derive "u = psi_${by}" --outputs u`;
  }
  return undefined;
}
