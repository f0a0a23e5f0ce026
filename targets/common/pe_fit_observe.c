#include "pe_fit_observe.h"

#include "pe_fit_algebra.h"

static double lower(const pe_observer_t *o, uint32_t i) { return o->model->ranges[2u * o->parameters[i]]; }

static double upper(const pe_observer_t *o, uint32_t i) { return o->model->ranges[2u * o->parameters[i] + 1u]; }

double pe_range(const pe_observer_t *o, uint32_t i) { return upper(o, i) - lower(o, i); }

// Rounding must not lead out of the box.
static double to_value(const pe_observer_t *o, uint32_t i, double share) {
  const double value = lower(o, i) + pe_mul(share, pe_range(o, i));
  return value > upper(o, i) ? upper(o, i) : value;
}

static bool is_fitted(const pe_observer_t *o, uint32_t input) {
  for (uint32_t i = 0; i < o->count; i++) {
    if (o->parameters[i] == input) return true;
  }
  return false;
}

// Which of the model's parameters the i-th fitted one is.
static uint32_t column_of(const pe_observer_t *o, uint32_t i) {
  uint32_t k = 0;
  while (o->model->parameters[k] != o->parameters[i]) k++;
  return k;
}

bool pe_observer_open(pe_observer_t *o, const pe_fit_model_t *model, const pe_fit_options_t *options, double *memory) {
  if (model == NULL || model->parameter_count == 0u || model->parameter_count > PE_FIT_MAX_PARAMETERS) return false;
  const uint32_t all = (1u << model->parameter_count) - 1u;
  const uint32_t fitted = options != NULL && options->fitted != 0u ? options->fitted : all;
  if ((fitted & ~all) != 0u || model->measurable_count > model->output_count) return false;
  o->model = model;
  o->count = 0;
  o->known = NULL;
  for (uint32_t k = 0; k < model->parameter_count; k++) {
    if (model->parameters[k] >= model->input_count) return false;
    if ((fitted >> k & 1u) != 0u) o->parameters[o->count++] = model->parameters[k];
  }
  o->inputs = memory;
  o->outputs = o->inputs + model->input_count;
  o->row = o->outputs + model->output_count;
  o->rest = o->row + o->count;
  return true;
}

bool pe_start(const pe_observer_t *o, const pe_fit_options_t *options, double *shares) {
  for (uint32_t i = 0; i < o->count; i++) {
    shares[i] = 0.5;
    if (options == NULL || options->start == NULL) continue;
    const double start = options->start[column_of(o, i)];
    if (!(start >= lower(o, i) && start <= upper(o, i))) return false;
    shares[i] = (start - lower(o, i)) / pe_range(o, i);
  }
  return true;
}

pe_fit_result_t pe_check_measurement(const pe_observer_t *o, const pe_measurement_t *m) {
  const bool is_whole = m->inputs != NULL && m->output < o->model->measurable_count && pe_is_finite(m->value);
  if (!is_whole || !pe_is_finite(m->sigma) || !(m->sigma > 0)) return PE_FIT_ERROR_MEASUREMENT;
  for (uint32_t i = 0; i < o->model->input_count; i++) {
    if (is_fitted(o, i)) continue;
    if (!pe_is_finite(m->inputs[i])) return PE_FIT_ERROR_MEASUREMENT;
    if (m->inputs[i] < o->model->ranges[2u * i] || m->inputs[i] > o->model->ranges[2u * i + 1u]) {
      return PE_FIT_ERROR_OUTSIDE;
    }
  }
  return PE_FIT_OK;
}

pe_fit_result_t pe_observe(pe_observer_t *o, const pe_measurement_t *m, const double *shares, double *residual) {
  if (m->inputs != o->known) {
    for (uint32_t i = 0; i < o->model->input_count; i++) o->inputs[i] = m->inputs[i];
    for (uint32_t i = 0; i < o->count; i++) o->inputs[o->parameters[i]] = to_value(o, i, shares[i]);
    o->known = NULL;
    if (o->evaluate(o->context, o->inputs, o->outputs) < 0) return PE_FIT_ERROR_EVALUATION;
    o->known = m->inputs;
  }
  *residual = (m->value - o->outputs[m->output]) / m->sigma;
  const int16_t *tangents = o->model->tangents + (uint32_t)m->output * o->model->parameter_count;
  for (uint32_t i = 0; i < o->count; i++) {
    const int16_t tangent = tangents[column_of(o, i)];
    o->row[i] = tangent < 0 ? 0 : pe_mul(o->outputs[tangent], pe_range(o, i)) / m->sigma;
  }
  return PE_FIT_OK;
}

double pe_tangent_error(const pe_observer_t *o, const pe_measurement_t *m, uint32_t i) {
  const uint32_t place = (uint32_t)m->output * o->model->parameter_count + column_of(o, i);
  return pe_mul(o->model->tangent_errors[place], pe_range(o, i)) / m->sigma;
}

void pe_to_units(const pe_observer_t *o, const double *shares, double *values, double *covariance) {
  for (uint32_t i = 0; i < o->count; i++) {
    values[i] = to_value(o, i, shares[i]);
    for (uint32_t j = 0; j <= i; j++) {
      covariance[pe_at(i, j)] = pe_mul(pe_mul(covariance[pe_at(i, j)], pe_range(o, i)), pe_range(o, j));
    }
  }
}
