import type { BlockTable } from '../../table/table.js';

/** Something that answers integer words for integer words: all engines give the same ones. */
export interface Engine {
  /** An {@link EngineName}, or the name of an emulated board. */
  readonly name: string;
  /** @param inputs row-major [points x inputs] @returns row-major [points x outputs] and one status per point */
  run(inputs: Int32Array): { outputs: Int32Array; statuses: ArrayLike<number> };
  dispose?(): void;
}

export const ENGINE_NAMES = ['wasm3', 'v8', 'c', 'oracle'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** How engineering values and words convert: value = word * 2^-exponent * scale + offset. */
export interface WordFormat {
  exponent: number;
  scale: number;
  offset: number;
}

/** Per input; inputs have no scale or offset of their own. */
export function inputWordFormats(table: BlockTable): WordFormat[] {
  return table.inputs.map(({ exponent }) => ({ exponent, scale: 1, offset: 0 }));
}

/** Per output, with the scale and offset that the model gives it. */
export function outputWordFormats(
  table: BlockTable,
  outputs: readonly { scale?: number; offset?: number }[],
): WordFormat[] {
  return table.outputs.map(({ exponent }, i) => ({
    exponent,
    scale: outputs[i].scale ?? 1,
    offset: outputs[i].offset ?? 0,
  }));
}

/** Engineering values, row-major, as words: rounded half up, held to int32. */
export function toWords(values: Float64Array, formats: readonly WordFormat[]): Int32Array {
  const words = new Int32Array(values.length);
  values.forEach((value, i) => {
    const { exponent, scale, offset } = formats[i % formats.length];
    const word = Math.floor(((value - offset) / scale) * 2 ** exponent + 0.5);
    words[i] = Math.min(2 ** 31 - 1, Math.max(-(2 ** 31), word));
  });
  return words;
}

/** Words, row-major, as engineering values. */
export function fromWords(words: Int32Array, formats: readonly WordFormat[]): Float64Array {
  const values = new Float64Array(words.length);
  words.forEach((word, i) => {
    const { exponent, scale, offset } = formats[i % formats.length];
    values[i] = word * 2 ** -exponent * scale + offset;
  });
  return values;
}
