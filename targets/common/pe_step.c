#include "pe_step.h"

#include "pe_words.h"

// The right shift of a negative number is arithmetic.
typedef char pe_step_right_shifts_are_arithmetic[((-3) >> 1) == -2 ? 1 : -1];

// next * 2^back, held to the range; `result` says where it had to be. Nothing overflows: what is beyond max / 2^back rounded
// down, or below min / 2^back rounded up, is outside.
static int32_t shifted_left(const pe_step_state_t *state, int32_t next, int back, int *result) {
  const int32_t lowest = (state->min >> back) + ((state->min & (int32_t)(((uint32_t)1 << back) - 1u)) != 0);
  if (next >= lowest && next <= (state->max >> back)) return (int32_t)((uint32_t)next << back);
  *result = PE_STEP_LEFT;
  return next < lowest ? state->min : state->max;
}

// The word of the state, held to its range. In 32 bits, which small chips shift in one instruction.
static int32_t word_of(const pe_step_state_t *state, int32_t next, int *result) {
  const int shift = state->shift;
  if (shift < 0) return shifted_left(state, next, -shift, result);
  // floor((next + half) / 2^shift): the bit below the last one is the half.
  const int32_t word = shift == 0 ? next : (next >> shift) + ((next >> (shift - 1)) & 1);
  if (word >= state->min && word <= state->max) return word;
  *result = PE_STEP_LEFT;
  return word < state->min ? state->min : state->max;
}

int pe_step(const pe_step_model_t *model, pe_step_run_t run, void *context, int32_t *words, int32_t *outputs) {
  int result = run(context, words, outputs);
  if (result < 0) return result;
  const pe_step_state_t *state = model->states;
  for (const pe_step_state_t *end = state + model->state_count; state != end; state++) {
    words[state->input] = word_of(state, outputs[state->output], &result);
  }
  return result;
}

int pe_step_set(const pe_step_model_t *model, int32_t *words, uint16_t input, double value) {
  if (input >= model->input_count) return PE_STEP_ERROR_ARGUMENT;
  // What is not a number is neither.
  if (!(value <= 0.0) && !(value >= 0.0)) return PE_STEP_ERROR_NAN;
  return pe_nearest_word(value * model->units[input], &words[input]) != 0 ? PE_STEP_CLAMPED : PE_STEP_OK;
}

double pe_step_get(const pe_step_model_t *model, const int32_t *words, uint16_t input) {
  return (double)words[input] / model->units[input];
}
