/** Errors of outputs: what is measured, and at given points without any search. */

/** The error of one output. */
export interface OutputError {
  name: string;
  /** Largest |error| found, in the output's unit. */
  maxAbsolute: number;
  /** maxAbsolute divided by the largest |reference| of this output over the box. */
  maxRelative: number;
  /** sqrt(sum error^2 / sum reference^2) over the Sobol points. */
  relativeL2: number;
  /** Input values where the largest error occurs. */
  worstAt: number[];
  /** Largest |reference| over the points, in the output's unit. */
  largestReference: number;
}

export interface Measurement {
  outputs: OutputError[];
  /** Points evaluated in all. */
  points: number;
}

/** Errors at points without any search; the first `interior` points are those that means are taken over. */
export function summarizeErrors(
  model: { inputs: readonly unknown[]; outputs: readonly { name: string }[] },
  points: Float64Array,
  wanted: Float64Array,
  got: Float64Array,
  interior: number,
): OutputError[] {
  const d = model.inputs.length;
  const width = model.outputs.length;
  return model.outputs.map(({ name }, k) => {
    let maxAbsolute = -1;
    let worst = 0;
    let largestReference = 0;
    let errorSquares = 0;
    let referenceSquares = 0;
    errorsOf(wanted, got, k, width).forEach((error, p) => {
      const reference = wanted[p * width + k];
      if (error > maxAbsolute) {
        maxAbsolute = error;
        worst = p;
      }
      largestReference = Math.max(largestReference, Math.abs(reference));
      if (p < interior) {
        errorSquares += error * error;
        referenceSquares += reference * reference;
      }
    });
    return {
      name,
      maxAbsolute,
      maxRelative: relativeTo(maxAbsolute, largestReference),
      relativeL2: relativeTo(Math.sqrt(errorSquares), Math.sqrt(referenceSquares)),
      worstAt: Array.from(points.subarray(worst * d, (worst + 1) * d)),
      largestReference,
    };
  });
}

/** |got - wanted| of output k; infinite where it is not a number. */
export function errorsOf(wanted: Float64Array, got: Float64Array, k: number, width: number): Float64Array {
  const errors = new Float64Array(wanted.length / width);
  for (let p = 0, i = k; p < errors.length; p++, i += width) {
    const error = Math.abs(got[i] - wanted[i]);
    errors[p] = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
  }
  return errors;
}

/** Infinite where there is an error and no reference. */
export function relativeTo(error: number, reference: number): number {
  if (reference > 0) return error / reference;
  return error === 0 ? 0 : Number.POSITIVE_INFINITY;
}
