import type { Model } from '../../compiler/model/types.js';
import type { RivalProgram } from './firmware.js';
import { readHarness } from './firmware.js';
import { floatC } from './float-c.js';

/** A fit of one input as a user would write it without tangents: float32 C, finite differences (harness/fit.c). */

export interface FloatFit {
  /** Its first output is measured. */
  model: Model;
  parameter: string;
  /** Measurements per fit. */
  count: number;
  sigma: number;
}

/** @returns undefined when an operation has no float32 function */
export function floatFitProgram({ model, parameter, count, sigma }: FloatFit): RivalProgram | undefined {
  const text = floatC(model);
  if (text === undefined) return undefined;
  const place = model.inputs.findIndex(({ name }) => name === parameter);
  const { min, max } = model.inputs[place];
  const header = `#ifndef FIT_MODEL_H
#define FIT_MODEL_H

#define FIT_INPUTS ${model.inputs.length}
#define FIT_OUTPUTS ${model.outputs.length}
#define FIT_PARAMETER ${place}
#define FIT_MIN ${min.toExponential()}f
#define FIT_MAX ${max.toExponential()}f
#define FIT_COUNT ${count}
#define FIT_SIGMA ${sigma.toExponential()}f

int model_open(void);
int model_infer(const float *inputs, float *outputs);

#endif
`;
  const files = new Map([
    ['fit_model.h', header],
    ['model.c', text.replace('"rival.h"', '"fit_model.h"').replaceAll('rival_', 'model_')],
    ['fit.c', readHarness('fit.c')],
  ]);
  const flags = ['-O3', '-std=gnu11', '-Wall', '-Wextra'];
  return { inputs: count * (model.inputs.length + 1), outputs: 3, files, flags };
}
