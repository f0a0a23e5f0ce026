#include "pe_fit_job.h"

static uint32_t put(double *answer, uint32_t n, const double *values, const double *covariance) {
  for (uint32_t i = 0; i < n; i++) answer[PE_FIT_ANSWER_HEAD + i] = values[i];
  for (uint32_t i = 0; i < n * (n + 1u) / 2u; i++) answer[PE_FIT_ANSWER_HEAD + n + i] = covariance[i];
  return PE_FIT_ANSWER_HEAD + n + n * (n + 1u) / 2u;
}

static uint32_t filter_job(const pe_fit_model_t *model, pe_fit_evaluate_t evaluate, void *context, const double *job,
                           const pe_fit_options_t *options, const pe_measurement_t *measurements, double *memory,
                           double *answer) {
  pe_filter_t filter;
  const double *sigma = job + PE_FIT_JOB_HEAD + model->parameter_count;
  const double *process = sigma + model->parameter_count;
  pe_fit_result_t result = pe_filter_open(&filter, model, options, job[6] != 0 ? sigma : NULL, memory);
  const uint32_t count = (uint32_t)job[4];
  uint32_t k = 0;
  for (; k < count && result == PE_FIT_OK; k++) {
    result = pe_filter_update(&filter, evaluate, context, &measurements[k], job[7] != 0 && k > 0u ? process : NULL);
    if (result != PE_FIT_OK) break;
  }
  answer[0] = result;
  answer[1] = (double)k;
  if (result != PE_FIT_OK) return PE_FIT_ANSWER_HEAD;
  answer[1] = 0;
  answer[2] = filter.count;
  return put(answer, filter.count, filter.values, filter.covariance);
}

uint32_t pe_fit_job(const pe_fit_model_t *model, pe_fit_evaluate_t evaluate, void *context, const double *job,
                    pe_measurement_t *room, double *memory, double *answer) {
  const uint32_t count = (uint32_t)job[4];
  const double *start = job + PE_FIT_JOB_HEAD;
  const double *rows = start + 3u * model->parameter_count;
  for (uint32_t k = 0; k < count; k++) {
    const double *row = rows + k * (3u + model->input_count);
    room[k] = (pe_measurement_t){row + 3, (uint16_t)row[0], row[1], row[2]};
  }
  const pe_fit_options_t options = {(uint16_t)job[1], job[5] != 0 ? start : NULL, (uint16_t)job[2], job[3]};
  for (uint32_t i = 0; i < PE_FIT_ANSWER_HEAD; i++) answer[i] = 0;
  if (job[0] != 0) return filter_job(model, evaluate, context, job, &options, room, memory, answer);
  pe_fit_t fit = {0};
  const pe_fit_result_t result = pe_fit(model, evaluate, context, room, count, &options, memory, &fit);
  answer[0] = result;
  answer[1] = (double)fit.at;
  answer[2] = fit.count;
  answer[3] = fit.iterations;
  answer[4] = fit.at_edge;
  answer[5] = fit.chi_square;
  answer[6] = fit.smallest;
  answer[7] = fit.condition;
  return result < 0 ? PE_FIT_ANSWER_HEAD : put(answer, fit.count, fit.values, fit.covariance);
}
