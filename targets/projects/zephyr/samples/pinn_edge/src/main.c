// Checks the model on the device against the answers recorded when it was built, then evaluates one point.

#include <stdio.h>

#include <zephyr/kernel.h>

#include "pinn_edge.h"
#include "pinn_model.h"

#define REPETITIONS 20

static pe_t pe;
static uint8_t arena[PINN_MODEL_ARENA_BYTES];

static void report_failure(const char *what, pe_result_t result) {
  printf("FAIL %s: %s: %s %s\n", pinn_model.name, what, pe_text(result), pe_detail(&pe));
}

static void evaluate_centre(void) {
  double inputs[PINN_MODEL_INPUT_COUNT];
  double outputs[PINN_MODEL_OUTPUT_COUNT];
  for (int i = 0; i < PINN_MODEL_INPUT_COUNT; i++) {
    const pe_input_spec_t *input = &pinn_model_inputs[i];
    inputs[i] = (input->min + input->max) / 2;
    printf("  %s = %g %s\n", input->name, inputs[i], input->unit);
  }
  pe_result_t result = PE_OK;
  const uint32_t start = k_cycle_get_32();
  for (int i = 0; i < REPETITIONS && result >= 0; i++) result = pe_eval(&pe, inputs, outputs);
  const uint32_t cycles = (k_cycle_get_32() - start) / REPETITIONS;
  if (result < 0) {
    report_failure("evaluation", result);
    return;
  }
  for (int i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) {
    printf("  -> %s = %g %s\n", pinn_model_outputs[i].name, outputs[i], pinn_model_outputs[i].unit);
  }
  printf("  %lu us per evaluation\n", (unsigned long)k_cyc_to_us_ceil32(cycles));
}

int main(void) {
  pe_result_t result = pe_open(&pe, &pinn_model, arena, sizeof arena);
  if (result != PE_OK) {
    report_failure("open", result);
    return 0;
  }
  result = pe_self_test(&pe);
  if (result != PE_OK) {
    report_failure("golden vectors", result);
    return 0;
  }
  printf("PASS %s: %d golden vectors, every bit as built\n", pinn_model.name, PINN_MODEL_GOLDEN_COUNT);
  evaluate_centre();
  printf("  arena %lu of %lu bytes\n", (unsigned long)pe_arena_used(&pe), (unsigned long)sizeof arena);
  pe_close(&pe);
  return 0;
}
