import { shortJson } from './config.js';
import type { LayerContext } from './context.js';
import { type Operand, plainConstant, requireValue } from './operands.js';
import { gather, offset, ownAxis, positions, type Value } from './values.js';

/** Parts of a value: x[:, 0:1], x[..., 2], split. The first index is that of the batch and takes all of it. */

const isWhole = (index: Operand) =>
  'slice' in index && index.slice.start === null && index.slice.stop === null && (index.slice.step ?? 1) === 1;

/** Indices along one dimension; one number where the dimension goes away. */
function picked(context: LayerContext, index: Operand, length: number): number[] | number {
  if ('slice' in index) return range(index.slice, length);
  const at = 'constant' in index ? index.constant : undefined;
  if (typeof at !== 'number' || !Number.isInteger(at) || at < -length || at >= length)
    throw context.refuse(` with the index ${shortJson(at)} of ${length}`);
  return at < 0 ? at + length : at;
}

/** Python's slices. */
function range(
  { start, stop, step }: { start: number | null; stop: number | null; step: number | null },
  length: number,
): number[] {
  const by = step ?? 1;
  if (by === 0) throw new Error('a slice has step 0');
  const place = (end: number | null, otherwise: number) => {
    if (end === null) return otherwise;
    const at = end < 0 ? end + length : end;
    return by > 0 ? Math.min(Math.max(at, 0), length) : Math.min(Math.max(at, -1), length - 1);
  };
  const [first, last] = [place(start, by > 0 ? 0 : length - 1), place(stop, by > 0 ? length : -1)];
  const found: number[] = [];
  for (let i = first; by > 0 ? i < last : i > last; i += by) found.push(i);
  return found;
}

export const indexed = {
  parameters: [
    ['x', 'tensor', 'input'],
    ['key', 'slice_spec'],
  ],
  apply: (context: LayerContext, [x, key]: readonly (Operand | undefined)[]): Value => {
    const value = requireValue(context, x);
    const given = key === undefined ? [] : 'list' in key ? [...key.list] : [key];
    const isNew = (index: Operand) => 'constant' in index && index.constant === null;
    const rank = value.shape.length + 1;
    const filling = rank - given.filter((index) => !isNew(index) && !('ellipsis' in index)).length;
    const whole: Operand = { slice: { start: null, stop: null, step: null } };
    if (filling < 0) throw context.refuse(` with more indices than its ${rank} dimensions`);
    const fill = Array.from({ length: filling }, () => whole);
    const at = given.findIndex((index) => 'ellipsis' in index);
    const indices = at < 0 ? [...given, ...fill] : [...given.slice(0, at), ...fill, ...given.slice(at + 1)];
    if (!isWhole(indices[0])) throw context.refuse(', which takes single points out of the batch');
    const lists: number[][] = [];
    const shape: number[] = [];
    for (const index of indices.slice(1)) {
      if (isNew(index)) {
        shape.push(1);
        continue;
      }
      const found = picked(context, index, value.shape[lists.length]);
      lists.push([found].flat());
      if (Array.isArray(found)) shape.push(found.length);
    }
    if (shape.includes(0)) throw context.refuse(', which takes nothing');
    const elements = positions(lists.map((list) => list.length)).map((position) =>
      offset(
        position.map((p, i) => lists[i][p]),
        value.shape,
      ),
    );
    return gather(context.builder, value, elements, shape);
  },
};

/** Equal parts, or parts that end at the given places. */
export const splitUp = {
  parameters: [['x', 'value', 'input'], ['indices_or_sections', 'num_or_size_splits'], ['axis']],
  apply: (context: LayerContext, [x, parts, axis]: readonly (Operand | undefined)[]): Value[] => {
    const value = requireValue(context, x);
    const own = ownAxis(axis === undefined ? 0 : plainConstant(axis), value.shape.length);
    const length = value.shape[own];
    const wanted = parts && plainConstant(parts);
    // A list names ends in Keras 3 and lengths in TensorFlow.
    const ends = Array.isArray(wanted)
      ? context.layer.className === 'Split'
        ? [...wanted.map(Number), length]
        : wanted.map((_, i) => wanted.slice(0, i + 1).reduce((n: number, d) => n + Number(d), 0))
      : Array.from({ length: Number(wanted) }, (_, i) => (length / Number(wanted)) * (i + 1));
    if (!ends.length || ends.at(-1) !== length || !ends.every((end) => Number.isInteger(end)))
      throw context.refuse(` with the parts ${shortJson(wanted)} of ${length}`);
    return ends.map((end, i) => {
      const start = i === 0 ? 0 : ends[i - 1];
      if (!(end > start)) throw context.refuse(` with the parts ${shortJson(wanted)} of ${length}`);
      const shape = value.shape.map((d, k) => (k === own ? end - start : d));
      const elements = positions(shape).map((position) =>
        offset(
          position.map((p, k) => (k === own ? p + start : p)),
          value.shape,
        ),
      );
      return gather(context.builder, value, elements, shape);
    });
  },
};
