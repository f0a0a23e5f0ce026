// Runs what it is told: reads the number of an operation and its words, and writes the result, with the output words where there
// are any. 0: an answer, 1: what is given once, 2: a point; 3 and 4: the last two with values, of doubles, whose answer is compared
// with that of an evaluation.
#include <math.h>
#include <stdio.h>

#ifdef WITH_LIBRARY
#include "pinn_once.h"

static pe_t pe;
static uint64_t memory[PINN_MODEL_ARENA_BYTES / 4];
#define RUN(in, out) pe_run_words(&pe, in, out)
#define ONCE(in) pe_once_words(&pe, &pinn_model_once, in)
#define EACH(in, out) pe_each_words(&pe, &pinn_model_once, in, out)
#define EVAL(in, out) pe_eval(&pe, in, out)
#define ONCE_VALUES(in) pe_once(&pe, &pinn_model_once, in)
#define EACH_VALUES(in, out) pe_each(&pe, &pinn_model_once, in, out)
#else
#include "model.h"
#define RUN(in, out) operator_run_words(in, out)
#define ONCE(in) operator_once_words(in)
#define EACH(in, out) operator_each_words(in, out)
#define EVAL(in, out) operator_eval(in, out)
#define ONCE_VALUES(in) operator_once(in)
#define EACH_VALUES(in, out) operator_each(in, out)
#endif

static int answer(int32_t result, const int32_t *outputs) {
  if (fwrite(&result, sizeof result, 1, stdout) != 1) return 1;
  return outputs == NULL || fwrite(outputs, sizeof *outputs, PINN_MODEL_OUTPUT_COUNT, stdout) == PINN_MODEL_OUTPUT_COUNT ? 0 : 1;
}

// An answer in one go is the one in two parts; what is not a number changes nothing.
static int compare_values(void) {
  double once[PINN_MODEL_ONCE_COUNT], each[PINN_MODEL_EACH_COUNT], all[PINN_MODEL_INPUT_COUNT];
  double wanted[PINN_MODEL_OUTPUT_COUNT], found[PINN_MODEL_OUTPUT_COUNT];
  for (int i = 0; i < PINN_MODEL_ONCE_COUNT; i++) once[i] = 0.25 + 0.1 * i;
  each[PINN_MODEL_EACH_X] = 1.75;
  each[PINN_MODEL_EACH_T] = -3.5;  // outside its range
  for (int i = 0, o = 0; i < PINN_MODEL_INPUT_COUNT; i++) {
    all[i] = i == PINN_MODEL_INPUT_X ? each[PINN_MODEL_EACH_X] : i == PINN_MODEL_INPUT_T ? each[PINN_MODEL_EACH_T] : once[o++];
  }
  if (EVAL(all, wanted) != 1) return 10;
  if (ONCE_VALUES(once) != 0) return 11;
  const double kept = once[1];
  once[1] = NAN;
  if (ONCE_VALUES(once) != -10) return 12;
  once[1] = kept;
  found[0] = 7.0;
  const double place = each[0];
  each[0] = NAN;
  if (EACH_VALUES(each, found) != -10 || found[0] != 7.0) return 13;
  each[0] = place;
  for (int times = 0; times < 2; times++) {
    if (EACH_VALUES(each, found) != 1) return 14;
    for (int k = 0; k < PINN_MODEL_OUTPUT_COUNT; k++) {
      if (found[k] != wanted[k]) return 15;
    }
  }
  once[0] = -5.0;  // outside its range
  return ONCE_VALUES(once) == 1 ? 0 : 16;
}

#ifdef WITH_LIBRARY
static int refusals(void) {
  pe_once_parts_t other = pinn_model_once;
  int32_t words[PINN_MODEL_INPUT_COUNT] = {0};
  other.identity ^= 1u;
  if (pe_once_words(&pe, &other, words) != PE_ERROR_IDENTITY) return 20;
  other = pinn_model_once;
  other.once_count++;
  if (pe_each_words(&pe, &other, words, words) != PE_ERROR_ARGUMENT) return 21;
  if (pe_once_words(&pe, NULL, words) != PE_ERROR_ARGUMENT) return 22;
  if (pe_each_words(&pe, &pinn_model_once, words, NULL) != PE_ERROR_ARGUMENT) return 23;
  pe_t closed = {0};
  return pe_once_words(&closed, &pinn_model_once, words) == PE_ERROR_CLOSED ? 0 : 24;
}
#endif

int main(void) {
#ifdef WITH_LIBRARY
  if (pe_open(&pe, &pinn_model, memory, sizeof memory) != PE_OK) return 2;
  const int refused = refusals();
  if (refused != 0) return refused;
#endif
  const int compared = compare_values();
  if (compared != 0) return compared;
  int32_t operation, inputs[PINN_MODEL_INPUT_COUNT], outputs[PINN_MODEL_OUTPUT_COUNT];
  while (fread(&operation, sizeof operation, 1, stdin) == 1) {
    const size_t counts[] = {PINN_MODEL_INPUT_COUNT, PINN_MODEL_ONCE_COUNT, PINN_MODEL_EACH_COUNT};
    if (fread(inputs, sizeof *inputs, counts[operation], stdin) != counts[operation]) return 3;
    const int32_t result = operation == 0 ? RUN(inputs, outputs) : operation == 1 ? ONCE(inputs) : EACH(inputs, outputs);
    if (answer(result, operation == 1 ? NULL : outputs) != 0) return 4;
  }
  return 0;
}
