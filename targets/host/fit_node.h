// Runs fits and filters of the firmware library with an engine that is a function of JavaScript.
#ifndef FIT_NODE_H
#define FIT_NODE_H

#include "node_values.h"

// runFit(model, job, inputs, outputs, evaluate, answer) -> number of the doubles of `answer` that mean something
//
// All but `evaluate` are Float64Arrays. model: inputs, outputs, measurable outputs and parameters by number, the ranges, the
// inputs that are parameters, tangents and their errors (pe_fit_model_t); job and answer: pe_fit_job.h. evaluate() takes
// the inputs from `inputs` and puts the outputs into `outputs`; what it throws ends the fit.
napi_value run_fit(napi_env env, napi_callback_info info);

#endif
