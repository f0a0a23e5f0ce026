#include "fit_node.h"

#include <stdlib.h>
#include <string.h>

#include "pe_fit_job.h"

struct numbers {
  double *data;
  size_t length;
};

struct caller {
  napi_env env;
  napi_value evaluate;
  struct numbers inputs, outputs;
};

static bool get_numbers(napi_env env, napi_value value, struct numbers *numbers) {
  void *data;
  if (!get_array(env, value, napi_float64_array, &data, &numbers->length)) return false;
  numbers->data = data;
  return true;
}

static int evaluate(void *context, const double *inputs, double *outputs) {
  const struct caller *caller = context;
  napi_value self, answer;
  napi_handle_scope scope;
  memcpy(caller->inputs.data, inputs, caller->inputs.length * sizeof *inputs);
  if (napi_open_handle_scope(caller->env, &scope) != napi_ok) return -1;
  const bool ran = napi_get_undefined(caller->env, &self) == napi_ok &&
                   napi_call_function(caller->env, self, caller->evaluate, 0, NULL, &answer) == napi_ok;
  napi_close_handle_scope(caller->env, scope);
  if (!ran) return -1;
  memcpy(outputs, caller->outputs.data, caller->outputs.length * sizeof *outputs);
  return 0;
}

#define HEAD 4u

// The description in C, and whether all that it says has its place.
static bool get_model(const struct numbers *from, pe_fit_model_t *model, uint16_t *parameters, int16_t *tangents) {
  if (from->length < HEAD) return false;
  const double *data = from->data;
  for (uint32_t i = 0; i < HEAD; i++) {
    if (!(data[i] >= 0 && data[i] <= 4096)) return false;
  }
  *model = (pe_fit_model_t){(uint16_t)data[0], (uint16_t)data[1], (uint16_t)data[2], (uint16_t)data[3], data + HEAD,
                            parameters,        tangents,          NULL};
  const size_t pairs = (size_t)model->measurable_count * model->parameter_count;
  if (model->parameter_count > PE_FIT_MAX_PARAMETERS || pairs > 4096u) return false;
  if (from->length != HEAD + 2u * model->input_count + model->parameter_count + 2u * pairs) return false;
  const double *at = data + HEAD + 2u * model->input_count;
  for (uint32_t k = 0; k < model->parameter_count; k++) parameters[k] = (uint16_t)*at++;
  for (size_t k = 0; k < pairs; k++, at++) {
    if (!(*at >= -1 && *at < model->output_count)) return false;
    tangents[k] = (int16_t)*at;
  }
  model->tangent_errors = at;
  return true;
}

static bool fits(const pe_fit_model_t *model, const struct numbers *job, const struct caller *caller,
                 const struct numbers *answer) {
  if (job->length < PE_FIT_JOB_HEAD || !(job->data[4] >= 0 && job->data[4] <= 1e8)) return false;
  const size_t count = (size_t)job->data[4];
  return job->length == PE_FIT_JOB_DOUBLES((size_t)model->input_count, (size_t)model->parameter_count, count) &&
         caller->inputs.length == model->input_count && caller->outputs.length == model->output_count &&
         answer->length >= PE_FIT_ANSWER_DOUBLES((size_t)model->parameter_count);
}

napi_value run_fit(napi_env env, napi_callback_info info) {
  napi_value values[6], result = NULL;
  struct numbers model_numbers, job, answer;
  struct caller caller = {.env = env};
  if (!get_arguments(env, info, 6, values) || !get_numbers(env, values[0], &model_numbers) ||
      !get_numbers(env, values[1], &job) || !get_numbers(env, values[2], &caller.inputs) ||
      !get_numbers(env, values[3], &caller.outputs) || !get_numbers(env, values[5], &answer)) {
    return NULL;
  }
  caller.evaluate = values[4];
  pe_fit_model_t model;
  uint16_t parameters[PE_FIT_MAX_PARAMETERS];
  int16_t tangents[4096];
  if (!get_model(&model_numbers, &model, parameters, tangents) || !fits(&model, &job, &caller, &answer)) {
    throw_sentence(env, "fit: the description, the job and the arrays do not fit each other");
    return NULL;
  }
  // What JavaScript can reach it could change while this runs.
  double *own = malloc(job.length * sizeof *own);
  pe_measurement_t *room = malloc(((size_t)job.data[4] + 1u) * sizeof *room);
  const size_t doubles = PE_FILTER_DOUBLES((size_t)model.input_count, (size_t)model.output_count, 8u);
  double *memory = malloc(doubles * sizeof *memory);
  if (own != NULL && room != NULL && memory != NULL) {
    memcpy(own, job.data, job.length * sizeof *own);
    const uint32_t count = pe_fit_job(&model, evaluate, &caller, own, room, memory, answer.data);
    napi_create_uint32(env, count, &result);
  } else {
    throw_sentence(env, "fit: no memory left");
  }
  free(own);
  free(room);
  free(memory);
  return result;
}
