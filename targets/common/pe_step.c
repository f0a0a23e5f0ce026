#include "pe_step.h"

#include "pe_words.h"

int pe_step_set(const pe_step_model_t *model, int32_t *words, uint16_t input, double value) {
  if (input >= model->input_count) return PE_STEP_ERROR_ARGUMENT;
  // What is not a number is neither.
  if (!(value <= 0.0) && !(value >= 0.0)) return PE_STEP_ERROR_NAN;
  return pe_nearest_word(value * model->units[input], &words[input]) != 0 ? PE_STEP_CLAMPED : PE_STEP_OK;
}

double pe_step_get(const pe_step_model_t *model, const int32_t *words, uint16_t input) {
  return (double)words[input] / model->units[input];
}
