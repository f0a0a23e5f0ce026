// Checks the model on the device against the answers recorded when it was built, then evaluates one point.

#include <Arduino.h>

#include "pinn_edge.h"
#include "pinn_model.h"

// setup() evaluates the model, and wasm3 nests native calls; the build report says how deep. The default is @defaultStackBytes@.
#if defined(ARDUINO_ARCH_ESP32)
SET_LOOP_TASK_STACK_SIZE(@nativeStackBytes@);
#endif

static const int kRepetitions = 20;

static pe_t pe;
static uint8_t arena[PINN_MODEL_ARENA_BYTES];

static void reportFailure(const char *what, pe_result_t result) {
  Serial.print("FAIL ");
  Serial.print(pinn_model.name);
  Serial.print(": ");
  Serial.print(what);
  Serial.print(": ");
  Serial.print(pe_text(result));
  Serial.print(" ");
  Serial.println(pe_detail(&pe));
}

static void printValue(const char *before, const char *name, double value, const char *unit) {
  Serial.print(before);
  Serial.print(name);
  Serial.print(" = ");
  Serial.print(value, 6);
  Serial.print(" ");
  Serial.println(unit);
}

static void printFigure(unsigned long value, const char *what) {
  Serial.print("  ");
  Serial.print(value);
  Serial.println(what);
}

static void evaluateCentre() {
  double inputs[PINN_MODEL_INPUT_COUNT];
  double outputs[PINN_MODEL_OUTPUT_COUNT];
  for (int i = 0; i < PINN_MODEL_INPUT_COUNT; i++) {
    const pe_input_spec_t &input = pinn_model_inputs[i];
    inputs[i] = (input.min + input.max) / 2;
    printValue("  ", input.name, inputs[i], input.unit);
  }
  pe_result_t result = PE_OK;
  const unsigned long start = micros();
  for (int i = 0; i < kRepetitions && result >= 0; i++) result = pe_eval(&pe, inputs, outputs);
  const unsigned long microseconds = (micros() - start) / kRepetitions;
  if (result < 0) {
    reportFailure("evaluation", result);
    return;
  }
  for (int i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) {
    printValue("  -> ", pinn_model_outputs[i].name, outputs[i], pinn_model_outputs[i].unit);
  }
  printFigure(microseconds, " us per evaluation");
}

static void checkModel() {
  pe_result_t result = pe_open(&pe, &pinn_model, arena, sizeof arena);
  if (result != PE_OK) {
    reportFailure("open", result);
    return;
  }
  result = pe_self_test(&pe);
  if (result != PE_OK) {
    reportFailure("golden vectors", result);
    return;
  }
  Serial.print("PASS ");
  Serial.print(pinn_model.name);
  Serial.print(": ");
  Serial.print(PINN_MODEL_GOLDEN_COUNT);
  Serial.println(" golden vectors, every bit as built");
  evaluateCentre();
  printFigure(pe_arena_used(&pe), " bytes of the arena used");
#if defined(ARDUINO_ARCH_ESP32)
  const unsigned never = uxTaskGetStackHighWaterMark(nullptr);
  const unsigned spare = never > PE_UNMARKED_STACK_BYTES ? never - PE_UNMARKED_STACK_BYTES : 0;
  printFigure(spare, " bytes of stack never used");
#endif
  pe_close(&pe);
}

void setup() {
#if defined(ARDUINO_ARCH_ESP8266)
  // The sketch's stack is larger than by default, and does not fit where the core puts it otherwise.
  disable_extra4k_at_link_time();
#endif
  Serial.begin(115200);
  checkModel();
}

void loop() { delay(1000); }
