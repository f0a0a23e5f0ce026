#include "check.h"

#include "golden.h"
#include "model.h"

static uint16_t wrong_words_of(uint16_t point) {
  int32_t inputs[PINN_MODEL_INPUT_COUNT];
  int32_t outputs[PINN_MODEL_OUTPUT_COUNT];
  int32_t wanted[PINN_MODEL_OUTPUT_COUNT];
  uint16_t wrong = 0;
  pe_flash_copy(inputs, pinn_model_golden_inputs + point * PINN_MODEL_INPUT_COUNT, sizeof inputs);
  pe_flash_copy(wanted, pinn_model_golden_outputs + point * PINN_MODEL_OUTPUT_COUNT, sizeof wanted);
  pinn_model_run_words(inputs, outputs);
  for (uint16_t i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) {
    if (outputs[i] != wanted[i]) wrong++;
  }
  return wrong;
}

uint16_t check_golden_vectors(void) {
  uint16_t wrong = 0;
  for (uint16_t p = 0; p < PINN_MODEL_GOLDEN_COUNT; p++) wrong = (uint16_t)(wrong + wrong_words_of(p));
  return wrong;
}

void check_run_once(void) { (void)wrong_words_of(0); }
