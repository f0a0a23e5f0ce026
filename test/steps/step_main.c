// Steps whose model answers what it is told: reads cases of shift, min, max and the word of the next state, and writes the result
// of pe_step and the word of the state after it.
#include <stdio.h>

#include "pe_step.h"

static int answer(void *context, const int32_t *inputs, int32_t *outputs) {
  (void)inputs;
  outputs[1] = *(const int32_t *)context;
  return 0;
}

static int fail(void *context, const int32_t *inputs, int32_t *outputs) {
  (void)context;
  outputs[1] = inputs[0];
  return -7;
}

static int32_t values[4];

static int next(int32_t *words, const int32_t *outputs, int result) {
  words[1] = pe_step_word(outputs[1], (int)values[0], values[1], values[2], &result);
  return result;
}

int main(void) {
  while (fread(values, sizeof values, 1, stdin) == 1) {
    const double units[] = {1.0, 1.0};
    const pe_step_model_t model = {2, next, units};
    int32_t words[2] = {7, 8}, outputs[2] = {0, 0};
    const int32_t result[2] = {pe_step(&model, answer, &values[3], words, outputs), words[1]};
    if (words[0] != 7 || fwrite(result, sizeof result, 1, stdout) != 1) return 1;
  }
  // What is refused leaves the words alone.
  const double units[] = {1073741824.0, 0.25};
  const pe_step_model_t model = {2, next, units};
  int32_t words[2] = {7, 8}, outputs[2] = {0, 0};
  if (pe_step(&model, fail, NULL, words, outputs) != -7 || words[0] != 7 || words[1] != 8) return 2;
  if (pe_step_set(&model, words, 2, 0.0) != PE_STEP_ERROR_ARGUMENT) return 2;
  const double zero = (double)outputs[0];
  if (pe_step_set(&model, words, 0, zero / zero) != PE_STEP_ERROR_NAN || words[0] != 7) return 3;
  if (pe_step_set(&model, words, 0, 0.3) != PE_STEP_OK || words[0] != 322122547) return 4;
  if (pe_step_set(&model, words, 0, -0.3) != PE_STEP_OK || words[0] != -322122547) return 5;
  if (pe_step_set(&model, words, 1, 10.0) != PE_STEP_OK || words[1] != 3) return 6;
  if (pe_step_set(&model, words, 1, -10.0) != PE_STEP_OK || words[1] != -2) return 7;
  if (pe_step_get(&model, words, 1) != -8.0) return 8;
  if (pe_step_set(&model, words, 0, 3.0) != PE_STEP_CLAMPED || words[0] != INT32_MAX) return 9;
  if (pe_step_set(&model, words, 0, -1e300) != PE_STEP_CLAMPED || words[0] != INT32_MIN) return 10;
  return 0;
}
