// No model at all: what the harness itself takes, to be subtracted.
#include "rival.h"

int rival_open(void) { return 0; }

int rival_infer(const float *inputs, float *outputs) {
  (void)inputs;
  (void)outputs;
  return 0;
}
