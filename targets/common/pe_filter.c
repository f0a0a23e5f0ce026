#include "pe_fit_algebra.h"
#include "pe_fit_observe.h"

#define LOOKS 6u      // evaluations per measurement, at most
#define STILL 0.0005  // shares of ranges that need no further look
#define PRIOR 0.5  // standard deviation of a parameter that nothing is known of, as a share of its range

// Where a filter keeps what; all but `information` and `shares` is new in every update.
typedef struct {
  pe_observer_t observer;
  double *shares, *values, *step;
  double *information, *factors, *covariance;
} filter_t;

// False for a filter that was not opened.
static bool lay_out(filter_t *f, const pe_fit_model_t *model, const pe_fit_options_t *options, double *memory) {
  if (memory == NULL || !pe_observer_open(&f->observer, model, options, memory)) return false;
  const uint32_t n = f->observer.count, triangle = pe_at(n, 0);
  f->shares = f->observer.rest;
  f->values = f->shares + n;
  f->step = f->values + n;
  f->information = f->step + 2u * n;  // a column for inverses lies between
  f->factors = f->information + triangle;
  f->covariance = f->factors + triangle;
  return true;
}

static void copy(double *to, const double *from, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) to[i] = from[i];
}

static uint32_t column_of(const pe_observer_t *o, uint32_t i) {
  uint32_t k = 0;
  while (o->model->parameters[k] != o->parameters[i]) k++;
  return k;
}

// The square of a standard deviation as a share of the range; -1 where it is none.
static double variance(const pe_observer_t *o, const double *sigma, uint32_t i) {
  const double share = sigma[column_of(o, i)] / pe_range(o, i);
  return share >= 0 ? pe_mul(share, share) : -1;
}

// factors = information + row row^T, as L D L^T, and the covariance that follows.
static bool finish(filter_t *f, const double *row) {
  const uint32_t n = f->observer.count;
  for (uint32_t i = 0; i < n; i++) {
    for (uint32_t j = 0; j <= i; j++) {
      f->factors[pe_at(i, j)] = f->information[pe_at(i, j)] + pe_mul(row[i], row[j]);
    }
  }
  return pe_factor(f->factors, n);
}

static void report(filter_t *f) {
  const uint32_t n = f->observer.count;
  pe_invert(f->factors, n, f->covariance, f->step + n);
  pe_to_units(&f->observer, f->shares, f->values, f->covariance);
}

pe_fit_result_t pe_filter_open(pe_filter_t *filter, const pe_fit_model_t *model, const pe_fit_options_t *options,
                               const double *sigma, double *memory) {
  filter_t f;
  if (filter == NULL || !lay_out(&f, model, options, memory)) return PE_FIT_ERROR_ARGUMENT;
  const uint32_t n = f.observer.count;
  if (!pe_start(&f.observer, options, f.shares)) return PE_FIT_ERROR_ARGUMENT;
  for (uint32_t i = 0; i < n; i++) {
    const double prior = sigma == NULL ? pe_mul(PRIOR, PRIOR) : variance(&f.observer, sigma, i);
    if (!(prior > 0) || !pe_is_finite(1 / prior)) return PE_FIT_ERROR_ARGUMENT;
    for (uint32_t j = 0; j < i; j++) f.information[pe_at(i, j)] = 0;
    f.information[pe_at(i, i)] = 1 / prior;
    f.observer.row[i] = 0;
  }
  if (!finish(&f, f.observer.row)) return PE_FIT_ERROR_ARGUMENT;
  report(&f);
  filter->model = model;
  filter->count = (uint16_t)n;
  for (uint32_t i = 0; i < n; i++) filter->parameters[i] = f.observer.parameters[i];
  filter->values = f.values;
  filter->covariance = f.covariance;
  filter->memory = memory;
  return PE_FIT_OK;
}

// Which of the model's parameters are fitted, as pe_fit_options_t says it.
static uint16_t fitted_by(const pe_filter_t *filter) {
  uint32_t fitted = 0;
  for (uint32_t k = 0; k < filter->model->parameter_count; k++) {
    for (uint32_t i = 0; i < filter->count; i++) {
      if (filter->model->parameters[k] == filter->parameters[i]) fitted |= 1u << k;
    }
  }
  return (uint16_t)fitted;
}

// The information after the parameters have wandered: that of the covariance with the noise on its diagonal.
static bool wander(filter_t *f, const double *process_sigma) {
  const uint32_t n = f->observer.count;
  copy(f->factors, f->information, pe_at(n, 0));
  if (!pe_factor(f->factors, n)) return false;
  pe_invert(f->factors, n, f->covariance, f->step + n);
  for (uint32_t i = 0; i < n; i++) f->covariance[pe_at(i, i)] += variance(&f->observer, process_sigma, i);
  if (!pe_factor(f->covariance, n)) return false;
  pe_invert(f->covariance, n, f->information, f->step + n);
  return true;
}

// values = the shares that the measurement, whose row was made at `values`, leads to from f->shares.
static bool move(filter_t *f, double residual, double *values, bool *is_still) {
  const uint32_t n = f->observer.count;
  const double *row = f->observer.row;
  double innovation = residual;
  for (uint32_t i = 0; i < n; i++) innovation += pe_mul(row[i], values[i] - f->shares[i]);
  if (!finish(f, row)) return false;
  *is_still = true;
  for (uint32_t i = 0; i < n; i++) f->step[i] = pe_mul(row[i], innovation);
  pe_solve(f->factors, n, f->step);
  for (uint32_t i = 0; i < n; i++) {
    const double to = f->shares[i] + f->step[i];
    const double held = to < 0 ? 0 : to > 1 ? 1 : to, change = held - values[i];
    if (change > STILL || change < -STILL) *is_still = false;
    values[i] = held;
  }
  return true;
}

pe_fit_result_t pe_filter_update(pe_filter_t *filter, pe_fit_evaluate_t evaluate, void *context,
                                 const pe_measurement_t *measurement, const double *process_sigma) {
  filter_t f;
  if (filter == NULL || evaluate == NULL || measurement == NULL || filter->memory == NULL) return PE_FIT_ERROR_ARGUMENT;
  const pe_fit_options_t options = {fitted_by(filter), NULL, 0, 0};
  if (!lay_out(&f, filter->model, &options, filter->memory)) return PE_FIT_ERROR_ARGUMENT;
  const uint32_t n = f.observer.count;
  pe_fit_result_t result = pe_check_measurement(&f.observer, measurement);
  if (result != PE_FIT_OK) return result;
  for (uint32_t i = 0; process_sigma != NULL && i < n; i++) {
    const double noise = variance(&f.observer, process_sigma, i);
    if (!(noise >= 0) || !pe_is_finite(noise)) return PE_FIT_ERROR_ARGUMENT;
  }
  f.observer.evaluate = evaluate;
  f.observer.context = context;
  double residual;
  result = pe_observe(&f.observer, measurement, f.shares, &residual);
  if (result != PE_FIT_OK) return result;
  if (process_sigma != NULL && !wander(&f, process_sigma)) return PE_FIT_ERROR_ARGUMENT;
  double *const trial = f.values;
  copy(trial, f.shares, n);
  bool is_still;
  if (!move(&f, residual, trial, &is_still)) return PE_FIT_ERROR_ARGUMENT;
  // Again with the tangents of where it leads to: a measurement may lead far.
  for (uint32_t k = 1; k < LOOKS && !is_still; k++) {
    f.observer.known = NULL;
    if (pe_observe(&f.observer, measurement, trial, &residual) != PE_FIT_OK) return PE_FIT_ERROR_EVALUATION;
    if (!move(&f, residual, trial, &is_still)) return PE_FIT_ERROR_ARGUMENT;
  }
  for (uint32_t i = 0; i < n; i++) {
    for (uint32_t j = 0; j <= i; j++) {
      f.information[pe_at(i, j)] += pe_mul(f.observer.row[i], f.observer.row[j]);
    }
  }
  copy(f.shares, trial, n);
  report(&f);
  return PE_FIT_OK;
}
