#include "pinn_edge.h"

#include <stdbool.h>
#include <string.h>

#include "pe_values.h"

// Far more than a device has; sums of it do not overflow.
#define MOST_BYTES ((uint32_t)1 << 26)

static bool is_plausible(const pe_model_t *model) {
  return model->payload != NULL && model->inputs != NULL && model->outputs != NULL && model->memory_bytes != 0 &&
         model->memory_bytes <= MOST_BYTES && model->input_count != 0 && model->output_count != 0 &&
         (model->golden_count == 0 || (model->golden_inputs != NULL && model->golden_outputs != NULL));
}

pe_result_t pe_open(pe_t *pe, const pe_model_t *model, void *memory, size_t bytes) {
  if (pe == NULL) return PE_ERROR_ARGUMENT;
  memset(pe, 0, sizeof *pe);
  if (model == NULL || memory == NULL || !is_plausible(model)) return PE_ERROR_ARGUMENT;
  if (model->engine == NULL) return PE_ERROR_ENGINE;
  pe->model = model;
  const pe_result_t result = model->engine->open(pe, memory, bytes);
  if (result != PE_OK) pe_close(pe);
  return result;
}

// Engines have nothing but memory, and that is the caller's.
void pe_close(pe_t *pe) {
  if (pe == NULL) return;
  pe->model = NULL;
  pe->runtime = NULL;
  pe->run = NULL;
  pe->input_words = NULL;
  pe->output_words = NULL;
  pe->hook = NULL;
  pe->limits = NULL;
  pe->arena_used = 0;
}

const pe_model_t *pe_model(const pe_t *pe) { return pe == NULL ? NULL : pe->model; }

int pe_find_input(const pe_model_t *model, const char *name) {
  if (model == NULL || name == NULL) return PE_ERROR_ARGUMENT;
  for (int i = 0; i < model->input_count; i++) {
    if (strcmp(model->inputs[i].name, name) == 0) return i;
  }
  return PE_ERROR_ARGUMENT;
}

int pe_find_output(const pe_model_t *model, const char *name) {
  if (model == NULL || name == NULL) return PE_ERROR_ARGUMENT;
  for (int i = 0; i < model->output_count; i++) {
    if (strcmp(model->outputs[i].name, name) == 0) return i;
  }
  return PE_ERROR_ARGUMENT;
}

uint32_t pe_arena_used(const pe_t *pe) { return pe == NULL ? 0 : pe->arena_used; }

void pe_set_hook(pe_t *pe, pe_hook_t hook, void *context) {
  if (pe == NULL) return;
  pe->hook = hook;
  pe->hook_context = context;
}

void pe_set_limits(pe_t *pe, const double *limits) {
  if (pe == NULL) return;
  pe->limits = limits;
}

static pe_result_t check_call(const pe_t *pe, const void *inputs, const void *outputs) {
  if (pe == NULL || inputs == NULL || outputs == NULL) return PE_ERROR_ARGUMENT;
  return pe->model == NULL ? PE_ERROR_CLOSED : PE_OK;
}

pe_result_t pe_run_words(pe_t *pe, const int32_t *inputs, int32_t *outputs) {
  pe_result_t result = check_call(pe, inputs, outputs);
  if (result != PE_OK) return result;
  for (uint32_t i = 0; i < pe->model->input_count; i++) pe_put_input(pe, i, inputs[i]);
  result = pe_run_in_place(pe);
  if (result < 0) return result;
  for (uint32_t i = 0; i < pe->model->output_count; i++) outputs[i] = pe_get_output(pe, i);
  return result;
}

// Runs the inputs that were put in place with `put` as the worst result of doing so.
static pe_result_t run_values(pe_t *pe, pe_result_t put) {
  const pe_result_t result = pe_run_in_place(pe);
  return result == PE_OK ? put : result;
}

// Values of either width: one of each pair of pointers is null.
static pe_result_t eval(pe_t *pe, const double *inputs, const float *float_inputs, double *outputs, float *float_outputs) {
  pe_result_t clamped = PE_OK;
  for (uint32_t i = 0; i < pe->model->input_count; i++) {
    const pe_result_t put = pe_put_value(pe, i, inputs != NULL ? inputs[i] : (double)float_inputs[i]);
    if (put < 0) return put;
    if (put == PE_CLAMPED) clamped = put;
  }
  pe_result_t result = run_values(pe, clamped);
  if (result < 0) return result;
  for (uint32_t i = 0; i < pe->model->output_count; i++) {
    const double value = pe_get_value(pe, i);
    if (outputs != NULL) {
      outputs[i] = value;
    } else {
      float_outputs[i] = (float)value;
    }
    result = pe_hold_to_limit(pe, i, value, result);
  }
  return result;
}

pe_result_t pe_eval(pe_t *pe, const double *inputs, double *outputs) {
  const pe_result_t result = check_call(pe, inputs, outputs);
  return result != PE_OK ? result : eval(pe, inputs, NULL, outputs, NULL);
}

pe_result_t pe_eval_float(pe_t *pe, const float *inputs, float *outputs) {
  const pe_result_t result = check_call(pe, inputs, outputs);
  return result != PE_OK ? result : eval(pe, NULL, inputs, NULL, outputs);
}

static pe_result_t test_point(pe_t *pe, const int32_t *inputs, const int32_t *outputs) {
  for (uint32_t i = 0; i < pe->model->input_count; i++) pe_put_input(pe, i, inputs[i]);
  const pe_result_t result = pe_run_in_place(pe);
  if (result < 0) return result;
  for (uint32_t i = 0; i < pe->model->output_count; i++) {
    if (pe_get_output(pe, i) != outputs[i]) return PE_ERROR_GOLDEN;
  }
  return PE_OK;
}

pe_result_t pe_self_test(pe_t *pe) {
  if (pe == NULL) return PE_ERROR_ARGUMENT;
  if (pe->model == NULL) return PE_ERROR_CLOSED;
  const pe_model_t *model = pe->model;
  for (uint32_t p = 0; p < model->golden_count; p++) {
    const int32_t *inputs = model->golden_inputs + p * model->input_count;
    const int32_t *outputs = model->golden_outputs + p * model->output_count;
    const pe_result_t result = test_point(pe, inputs, outputs);
    if (result != PE_OK) return result;
  }
  return PE_OK;
}

const char *pe_text(pe_result_t result) {
  switch (result) {
    case PE_OK:
      return "no error";
    case PE_CLAMPED:
      return "an input was moved to the nearest end of its range";
    case PE_SUSPECT:
      return "an output is beyond its limit";
    case PE_ERROR_ARGUMENT:
      return "a null pointer or an impossible model descriptor was given";
    case PE_ERROR_CLOSED:
      return "the model is not open";
    case PE_ERROR_CORRUPT:
      return "the model is damaged: its CRC-32 is wrong";
    case PE_ERROR_MEMORY:
      return "the arena is too small";
    case PE_ERROR_MODULE:
      return "wasm3 cannot load the module";
    case PE_ERROR_EXPORT:
      return "the input or output words lie outside the memory";
    case PE_ERROR_IDENTITY:
      return "the payload holds another model than its descriptor says";
    case PE_ERROR_TABLE:
      return "the model's block table was refused";
    case PE_ERROR_TRAP:
      return "the module stopped while it ran";
    case PE_ERROR_NAN:
      return "an input is not a number";
    case PE_ERROR_GOLDEN:
      return "the outputs differ from those of the build";
    case PE_ERROR_ENGINE:
      return "the firmware has no engine for this kind of model";
    case PE_ERROR_STACK:
      return "the native stack is too small";
  }
  return "unknown result";
}

const char *pe_detail(const pe_t *pe) { return pe != NULL && pe->detail != NULL ? pe->detail : ""; }
