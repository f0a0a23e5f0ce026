import type { Tensor } from '../model/types.js';
import type { ImportSpec } from './network-spec.js';
import { plainName } from './parametrizations.js';
import { list } from './tensor-names.js';

/** What a spec does to the tensors of a file before anything reads them. Every failure is an `Error` with the reason. */

/** The tensors that remain: those to be ignored taken out, those that the spec cuts in pieces replaced by them. */
export function preparedTensors(tensors: ReadonlyMap<string, Tensor>, spec: ImportSpec): Map<string, Tensor> {
  const kept = new Map(tensors);
  for (const pattern of spec.ignore ?? []) {
    const names = [...tensors.keys()].filter((name) => matches(name, plainName(pattern)));
    if (!names.length)
      throw new Error(`"ignore" names ${pattern}, which the file does not have; it has ${list([...tensors.keys()])}`);
    for (const name of names) kept.delete(name);
  }
  return cutPieces(kept, spec);
}

function matches(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function cutPieces(tensors: Map<string, Tensor>, { tensors: pieces = {} }: ImportSpec): Map<string, Tensor> {
  const taken = new Map<string, Uint8Array>();
  const result = new Map<string, Tensor>();
  for (const [name, { of, offset = 0, shape }] of Object.entries(pieces)) {
    const source = tensors.get(plainName(of));
    if (!source)
      throw new Error(`"tensors" cuts ${of}, which the file does not have; it has ${list([...tensors.keys()])}`);
    const { length } = source.data;
    const own = shape ?? [length - offset];
    const end = offset + own.reduce((n, d) => n * d, 1);
    if (own.some((d) => d < 1) || end > length)
      throw new Error(`the piece "${name}" takes elements ${offset} to ${end - 1} of ${of}, which has ${length}`);
    if (tensors.has(plainName(name)) && plainName(name) !== plainName(of))
      throw new Error(`the piece "${name}" has the name of a tensor of the file; give it another`);
    const used = taken.get(plainName(of)) ?? new Uint8Array(length);
    taken.set(plainName(of), used.fill(1, offset, end));
    result.set(plainName(name), { shape: own, data: source.data.slice(offset, end) });
  }
  for (const [of, used] of taken) {
    const first = used.indexOf(0);
    if (first < 0) continue;
    const next = used.indexOf(1, first);
    const last = (next < 0 ? used.length : next) - 1;
    throw new Error(`elements ${first} to ${last} of ${of} are in no piece of "tensors"`);
  }
  for (const [name, tensor] of tensors) if (!taken.has(name)) result.set(name, tensor);
  return result;
}
