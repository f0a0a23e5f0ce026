// Checks the model on the device against the answers recorded when it was built, then evaluates one point.

#include <Arduino.h>

#include "pinn_edge.h"
#include "pinn_model.h"

// setup() evaluates the model, and wasm3 nests native calls; the build report says how deep. The default is 8192.
SET_LOOP_TASK_STACK_SIZE(16384);

static const int kRepetitions = 20;

static void reportFailure(const char *what, pe_result_t result, const pe_t *pe) {
  Serial.printf("FAIL %s: %s: %s %s\n", pinn_model.name, what, pe_text(result), pe_detail(pe));
}

static void evaluateCentre(pe_t *pe) {
  double inputs[PINN_MODEL_INPUT_COUNT];
  double outputs[PINN_MODEL_OUTPUT_COUNT];
  for (int i = 0; i < PINN_MODEL_INPUT_COUNT; i++) {
    const pe_input_spec_t &input = pinn_model_inputs[i];
    inputs[i] = (input.min + input.max) / 2;
    Serial.printf("  %s = %g %s\n", input.name, inputs[i], input.unit);
  }
  pe_result_t result = PE_OK;
  const unsigned long start = micros();
  for (int i = 0; i < kRepetitions && result >= 0; i++) result = pe_eval(pe, inputs, outputs);
  const unsigned long microseconds = (micros() - start) / kRepetitions;
  if (result < 0) {
    reportFailure("evaluation", result, pe);
    return;
  }
  for (int i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) {
    Serial.printf("  -> %s = %g %s\n", pinn_model_outputs[i].name, outputs[i], pinn_model_outputs[i].unit);
  }
  Serial.printf("  %lu us per evaluation\n", microseconds);
}

static void checkModel() {
  static pe_t pe;
  static uint8_t arena[PINN_MODEL_ARENA_BYTES];
  pe_result_t result = pe_open(&pe, &pinn_model, arena, sizeof arena);
  if (result != PE_OK) {
    reportFailure("open", result, &pe);
    return;
  }
  result = pe_self_test(&pe);
  if (result != PE_OK) {
    reportFailure("golden vectors", result, &pe);
    return;
  }
  Serial.printf("PASS %s: %d golden vectors, every bit as built\n", pinn_model.name, PINN_MODEL_GOLDEN_COUNT);
  evaluateCentre(&pe);
  Serial.printf("  arena %lu of %lu bytes, stack never used %u bytes\n",
                static_cast<unsigned long>(pe_arena_used(&pe)), static_cast<unsigned long>(sizeof arena),
                static_cast<unsigned>(uxTaskGetStackHighWaterMark(nullptr)));
  pe_close(&pe);
}

void setup() {
  Serial.begin(115200);
  checkModel();
}

void loop() { delay(1000); }
