// Example: checks the golden vectors and evaluates the point where all inputs are zero. Any C99 compiler: cc -O2 example.c model.c
#include <stdio.h>

#include "golden.h"
#include "model.h"

static int count_differences(void) {
  int differences = 0;
  for (int p = 0; p < PINN_MODEL_GOLDEN_COUNT; p++) {
    int32_t inputs[PINN_MODEL_INPUT_COUNT];
    int32_t outputs[PINN_MODEL_OUTPUT_COUNT];
    int32_t wanted[PINN_MODEL_OUTPUT_COUNT];
    pe_flash_copy(inputs, pinn_model_golden_inputs + p * PINN_MODEL_INPUT_COUNT, sizeof inputs);
    pe_flash_copy(wanted, pinn_model_golden_outputs + p * PINN_MODEL_OUTPUT_COUNT, sizeof wanted);
    pinn_model_run_words(inputs, outputs);
    for (int i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) {
      if (outputs[i] != wanted[i]) differences++;
    }
  }
  return differences;
}

int main(void) {
  double inputs[PINN_MODEL_INPUT_COUNT] = {0};
  double outputs[PINN_MODEL_OUTPUT_COUNT];
  const int differences = count_differences();
  printf("golden vectors: %d of %d words differ\n", differences, PINN_MODEL_GOLDEN_COUNT * PINN_MODEL_OUTPUT_COUNT);
  if (pinn_model_eval(inputs, outputs) < 0) return 1;
  for (int i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) printf("output %d at zero: %.9g\n", i, outputs[i]);
  return differences != 0;
}
