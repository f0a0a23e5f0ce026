// Fits y = a x^2 + b x + a b by pe_fit_job: reads the doubles of a job, and writes those of its answer.
#include <stdio.h>

#include "pe_fit_algebra.h"
#include "pe_fit_job.h"

static const double ranges[] = {-1, 1, 0.5, 2, -1, 1};
static const uint16_t parameters[] = {1, 2};
static const int16_t tangents[] = {1, 2};
static const double errors[] = {1e-9, 1e-9};
static const pe_fit_model_t model = {3, 3, 1, 2, ranges, parameters, tangents, errors};

static int evaluate(void *context, const double *in, double *out) {
  const double x = in[0], a = in[1], b = in[2];
  (void)context;
  out[0] = pe_mul(a, pe_mul(x, x)) + pe_mul(b, x) + pe_mul(a, b);
  out[1] = pe_mul(x, x) + b;
  out[2] = x + a;
  return 0;
}

int main(void) {
  static double job[1024], memory[64], answer[64];
  static pe_measurement_t room[128];
  if (fread(job, sizeof job[0], 1024, stdin) < PE_FIT_JOB_HEAD) return 1;
  const uint32_t count = pe_fit_job(&model, evaluate, NULL, job, room, memory, answer);
  return fwrite(answer, sizeof answer[0], count, stdout) == count ? 0 : 1;
}
