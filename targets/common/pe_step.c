#include "pe_step.h"

#include <stddef.h>

// The right shift of a negative number is arithmetic.
typedef char pe_step_right_shifts_are_arithmetic[((-3) >> 1) == -2 ? 1 : -1];

// In 64 bits, of which 32 bits shifted by 31 take 63.
static int64_t shifted(int32_t next, int shift) {
  if (shift > 0) return ((int64_t)next + ((int64_t)1 << (shift - 1))) >> shift;
  return (int64_t)next * ((int64_t)1 << -shift);
}

int pe_step(const pe_step_model_t *model, pe_step_run_t run, void *context, int32_t *words, int32_t *outputs) {
  if (model == NULL || run == NULL || words == NULL || outputs == NULL) return PE_STEP_ERROR_ARGUMENT;
  int result = run(context, words, outputs);
  if (result < 0) return result;
  for (uint32_t k = 0; k < model->state_count; k++) {
    const pe_step_state_t *state = &model->states[k];
    const int64_t word = shifted(outputs[state->output], state->shift);
    if (word < state->min || word > state->max) result = PE_STEP_LEFT;
    words[state->input] = word < state->min ? state->min : word > state->max ? state->max : (int32_t)word;
  }
  return result;
}

int pe_step_set(const pe_step_model_t *model, int32_t *words, uint16_t input, double value) {
  if (model == NULL || words == NULL || input >= model->input_count) return PE_STEP_ERROR_ARGUMENT;
  // What is not a number is neither.
  if (!(value <= 0.0) && !(value >= 0.0)) return PE_STEP_ERROR_NAN;
  const double steps = value * model->units[input] + 0.5;
  if (steps >= 2147483648.0 || steps < -2147483648.0) {
    words[input] = steps > 0.0 ? INT32_MAX : INT32_MIN;
    return PE_STEP_CLAMPED;
  }
  const int32_t towards_zero = (int32_t)steps;
  words[input] = (double)towards_zero > steps ? towards_zero - 1 : towards_zero;
  return PE_STEP_OK;
}

double pe_step_get(const pe_step_model_t *model, const int32_t *words, uint16_t input) {
  return (double)words[input] / model->units[input];
}
