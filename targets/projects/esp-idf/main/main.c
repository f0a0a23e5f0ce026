// Checks the model on the device against the answers recorded when it was built, then evaluates one point.

#include <stdio.h>

#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include "pinn_edge.h"
#include "pinn_model.h"

#define REPETITIONS 20

static void report_failure(const char *what, pe_result_t result, const pe_t *pe) {
  printf("FAIL %s: %s: %s %s\n", pinn_model.name, what, pe_text(result), pe_detail(pe));
}

static unsigned stack_never_used(void) {
  const unsigned never = (unsigned)uxTaskGetStackHighWaterMark(NULL);
  return never > PE_UNMARKED_STACK_BYTES ? never - PE_UNMARKED_STACK_BYTES : 0;
}

static void evaluate_centre(pe_t *pe) {
  double inputs[PINN_MODEL_INPUT_COUNT];
  double outputs[PINN_MODEL_OUTPUT_COUNT];
  for (int i = 0; i < PINN_MODEL_INPUT_COUNT; i++) {
    const pe_input_spec_t *input = &pinn_model_inputs[i];
    inputs[i] = (input->min + input->max) / 2;
    printf("  %s = %g %s\n", input->name, inputs[i], input->unit);
  }
  pe_result_t result = PE_OK;
  const int64_t start = esp_timer_get_time();
  for (int i = 0; i < REPETITIONS && result >= 0; i++) result = pe_eval(pe, inputs, outputs);
  const long microseconds = (long)((esp_timer_get_time() - start) / REPETITIONS);
  if (result < 0) {
    report_failure("evaluation", result, pe);
    return;
  }
  for (int i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) {
    printf("  -> %s = %g %s\n", pinn_model_outputs[i].name, outputs[i], pinn_model_outputs[i].unit);
  }
  printf("  %ld us per evaluation\n", microseconds);
}

void app_main(void) {
  static pe_t pe;
  static uint8_t arena[PINN_MODEL_ARENA_BYTES];
  pe_result_t result = pe_open(&pe, &pinn_model, arena, sizeof arena);
  if (result != PE_OK) {
    report_failure("open", result, &pe);
    return;
  }
  result = pe_self_test(&pe);
  if (result != PE_OK) {
    report_failure("golden vectors", result, &pe);
    return;
  }
  printf("PASS %s: %d golden vectors, every bit as built\n", pinn_model.name, PINN_MODEL_GOLDEN_COUNT);
  evaluate_centre(&pe);
  printf("  arena %lu of %lu bytes, stack never used %u bytes\n", (unsigned long)pe_arena_used(&pe),
         (unsigned long)sizeof arena, stack_never_used());
  pe_close(&pe);
}
