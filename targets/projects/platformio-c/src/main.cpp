// Checks the model on the device against the answers recorded when it was built, then evaluates one point.

#include <Arduino.h>

#include "check.h"
#include "model.h"

static void evaluateZero() {
  double inputs[PINN_MODEL_INPUT_COUNT] = {0};
  double outputs[PINN_MODEL_OUTPUT_COUNT];
  // A double has 32 bits on this chip: about seven digits.
  const int status = pinn_model_eval(inputs, outputs);
  Serial.print(F("  all inputs zero"));
  Serial.println(status == PE_MODEL_CLAMPED ? F(", held to their ranges:") : F(":"));
  for (int i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) {
    Serial.print(F("  -> "));
    Serial.println(outputs[i], 6);
  }
}

void setup() {
  Serial.begin(115200);
  const uint16_t wrong = check_golden_vectors();
  if (wrong != 0) {
    Serial.print(F("FAIL golden vectors: words that differ: "));
    Serial.println(wrong);
    return;
  }
  Serial.println(F("PASS golden vectors, every bit as built"));
  const unsigned long start = micros();
  check_run_once();
  const unsigned long microseconds = micros() - start;
  evaluateZero();
  Serial.print(F("  "));
  Serial.print(microseconds);
  Serial.println(F(" us per evaluation"));
}

void loop() { delay(1000); }
