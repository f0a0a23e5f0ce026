/** The input box of a model: the range of every input, in engineering units. */
export interface Box {
  min: Float64Array;
  max: Float64Array;
}

/** The box of a model's inputs. */
export function inputBox(inputs: readonly { min: number; max: number }[]): Box {
  return { min: Float64Array.from(inputs, (i) => i.min), max: Float64Array.from(inputs, (i) => i.max) };
}
