// What a user would write instead of pe_fit: Gauss-Newton in float32 with forward differences, for one parameter.
//
// A point of the harness is a whole job: FIT_COUNT rows of the model's inputs, where the parameter's is not read, and a measured
// value. The answer is the estimate, its standard error, and the steps that it took.
#include "fit_model.h"
#include "rival.h"

#include <math.h>

#define STEPS 20
#define ROW (FIT_INPUTS + 1)

// Of the range: smaller ones drown in the rounding of float32, larger ones bend.
#define DIFFERENCE 1e-3f

int rival_open(void) { return model_open(); }

int rival_infer(const float *rows, float *answer) {
  const float range = FIT_MAX - FIT_MIN, step = DIFFERENCE * range;
  float value = 0.5f * (FIT_MIN + FIT_MAX), curvature = 0;
  int steps = 0;
  for (; steps < STEPS; steps++) {
    float gradient = 0, inputs[FIT_INPUTS], here[FIT_OUTPUTS], there[FIT_OUTPUTS];
    const float side = value + step <= FIT_MAX ? step : -step;
    curvature = 0;
    for (int k = 0; k < FIT_COUNT; k++) {
      for (int i = 0; i < FIT_INPUTS; i++) inputs[i] = rows[k * ROW + i];
      inputs[FIT_PARAMETER] = value;
      if (model_infer(inputs, here) != 0) return 1;
      inputs[FIT_PARAMETER] = value + side;
      if (model_infer(inputs, there) != 0) return 1;
      const float slope = (there[0] - here[0]) / (side * FIT_SIGMA);
      gradient += slope * (rows[k * ROW + FIT_INPUTS] - here[0]) / FIT_SIGMA;
      curvature += slope * slope;
    }
    if (!(curvature > 0)) break;
    float next = value + gradient / curvature;
    next = next < FIT_MIN ? FIT_MIN : next > FIT_MAX ? FIT_MAX : next;
    const float moved = fabsf(next - value);
    value = next;
    // A fiftieth of a standard error, as pe_fit.
    if (moved * sqrtf(curvature) < 0.02f) break;
  }
  answer[0] = value;
  answer[1] = 1 / sqrtf(curvature);
  answer[2] = (float)(steps + 1);
  return 0;
}
