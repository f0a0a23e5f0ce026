#include "pe_fit.h"

#include <stdbool.h>

#include "pe_fit_algebra.h"
#include "pe_fit_condition.h"
#include "pe_fit_observe.h"

#define DEFAULT_STEPS 20u
#define DEFAULT_CONDITION 1000.0
// Of the mean square of a residual: a step that promises less moves by a fiftieth of a standard error.
#define NO_GAIN 4e-4
// The same for a step that did not keep its promise: what is left is the rounding of the answers.
#define SMALL_GAIN 5e-2
// The same where half a step did not keep its promise either.
#define LITTLE_GAIN 0.125
#define FIRST_DAMPING 1e-3
#define LEAST_DAMPING 1e-7
#define MOST_DAMPING 1e8
// A step that did not keep its promise is halved at first: less damping would hardly make it shorter.
#define HALVING 1.0
#define MORE_DAMPING 8.0

// The least squares at one place.
typedef struct {
  double *normal;    // J^T R^-1 J
  double *gradient;  // J^T R^-1 r
  double chi_square;
} place_t;

typedef struct {
  pe_observer_t observer;
  const pe_measurement_t *measurements;
  size_t count;
  double *shares, *trial, *step;  // parameters as shares of their ranges
} fit_t;

static pe_fit_result_t look(fit_t *f, const double *shares, place_t *to, size_t *at) {
  const uint32_t n = f->observer.count;
  for (uint32_t i = 0; i < pe_at(n, 0); i++) to->normal[i] = 0;
  for (uint32_t i = 0; i < n; i++) to->gradient[i] = 0;
  to->chi_square = 0;
  f->observer.known = NULL;
  for (*at = 0; *at < f->count; ++*at) {
    double residual;
    const pe_fit_result_t result = pe_observe(&f->observer, &f->measurements[*at], shares, &residual);
    if (result != PE_FIT_OK) return result;
    const double *row = f->observer.row;
    to->chi_square += pe_mul(residual, residual);
    for (uint32_t i = 0; i < n; i++) {
      to->gradient[i] += pe_mul(row[i], residual);
      for (uint32_t j = 0; j <= i; j++) to->normal[pe_at(i, j)] += pe_mul(row[i], row[j]);
    }
  }
  return PE_FIT_OK;
}

// On a face of the box with the descent pointing outwards, or without any effect here.
static bool is_held(const fit_t *f, const place_t *here, uint32_t i) {
  if (!(here->normal[pe_at(i, i)] > 0)) return true;
  return (f->shares[i] <= 0 && here->gradient[i] < 0) || (f->shares[i] >= 1 && here->gradient[i] > 0);
}

// The damped step within the box and the trial that it leads to; `room` takes the factors. Returns by how much the
// chi-square would fall if the model were linear.
static double propose(fit_t *f, const place_t *here, double damping, double *room) {
  const uint32_t n = f->observer.count;
  for (uint32_t i = 0; i < n; i++) {
    const bool held = is_held(f, here, i);
    for (uint32_t j = 0; j < i; j++) {
      room[pe_at(i, j)] = held || is_held(f, here, j) ? 0 : here->normal[pe_at(i, j)];
    }
    const double own = here->normal[pe_at(i, i)];
    room[pe_at(i, i)] = held ? 1 : own + pe_mul(damping, own);
    f->step[i] = held ? 0 : here->gradient[i];
  }
  if (!pe_factor(room, n)) return -1;
  pe_solve(room, n, f->step);
  for (uint32_t i = 0; i < n; i++) {
    const double to = f->shares[i] + f->step[i];
    f->trial[i] = to < 0 ? 0 : to > 1 ? 1 : to;
    f->step[i] = f->trial[i] - f->shares[i];
  }
  double gain = 0;
  for (uint32_t i = 0; i < n; i++) {
    double curvature = 0;
    for (uint32_t j = 0; j < n; j++) curvature += pe_mul(here->normal[pe_of(i, j)], f->step[j]);
    gain += pe_mul(f->step[i], pe_mul(2, here->gradient[i]) - curvature);
  }
  return gain;
}

static double more(double damping) { return damping < HALVING ? HALVING : pe_mul(damping, MORE_DAMPING); }

// From f->shares to the least chi-square. `here` is the look at them, and in the end at the result.
static pe_fit_result_t descend(fit_t *f, place_t *here, place_t *there, uint32_t max_steps, pe_fit_t *fit) {
  const uint32_t n = f->observer.count;
  const size_t freedom = f->count > n ? f->count - n : 1u;
  double damping = FIRST_DAMPING;
  for (fit->iterations = 0; fit->iterations < max_steps; fit->iterations++) {
    const double unit = here->chi_square / (double)freedom;
    double gain = propose(f, here, damping, there->normal);
    while (gain < 0 && damping < MOST_DAMPING) {
      damping = more(damping);
      gain = propose(f, here, damping, there->normal);
    }
    if (gain <= pe_mul(NO_GAIN, unit)) return PE_FIT_OK;
    const pe_fit_result_t result = look(f, f->trial, there, &fit->at);
    if (result != PE_FIT_OK) return result;
    if (there->chi_square < here->chi_square) {
      for (uint32_t i = 0; i < n; i++) f->shares[i] = f->trial[i];
      for (uint32_t i = 0; i < n; i++) here->gradient[i] = there->gradient[i];
      for (uint32_t i = 0; i < pe_at(n, 0); i++) here->normal[i] = there->normal[i];
      here->chi_square = there->chi_square;
      damping = damping > LEAST_DAMPING ? pe_mul(damping, 0.1) : 0;
      continue;
    }
    const double little = damping < HALVING ? SMALL_GAIN : LITTLE_GAIN;
    if (gain <= pe_mul(little, unit) || damping >= MOST_DAMPING) {
      fit->iterations++;
      return PE_FIT_OK;
    }
    damping = more(damping);
  }
  return PE_FIT_ERROR_STEPS;
}

// Whether effects and their differences are larger than what the tangents may be wrong by. A matrix E of errors moves no
// singular value by more than its norm (Weyl), which is at most the root of the sum of its squares.
static pe_fit_result_t tell_apart(fit_t *f, const place_t *here, const place_t *room, double limit, pe_fit_t *fit) {
  const uint32_t n = f->observer.count;
  double total = 0;
  for (uint32_t i = 0; i < n; i++) {
    double error = 0;
    for (size_t k = 0; k < f->count; k++) {
      const double one = pe_tangent_error(&f->observer, &f->measurements[k], i);
      error += pe_mul(one, one);
    }
    const double own = here->normal[pe_at(i, i)];
    fit->at = i;
    if (!(own > error)) return PE_FIT_ERROR_NO_EFFECT;
    total += error / own;
  }
  pe_look_at_condition(here->normal, room->normal, room->gradient, n, fit);
  fit->at = 0;
  if (n == 1u) return PE_FIT_OK;
  const bool is_apart = fit->condition <= limit && pe_mul(fit->smallest, fit->smallest) > total;
  return is_apart ? PE_FIT_OK : PE_FIT_ERROR_ALIKE;
}

static pe_fit_result_t solve(fit_t *f, place_t *here, place_t *there, const pe_fit_options_t *options, pe_fit_t *fit) {
  const uint32_t n = f->observer.count;
  const uint32_t steps = options && options->max_iterations ? options->max_iterations : DEFAULT_STEPS;
  const double limit = options && options->max_condition > 0 ? options->max_condition : DEFAULT_CONDITION;
  pe_fit_result_t result = look(f, f->shares, here, &fit->at);
  if (result != PE_FIT_OK) return result;
  const pe_fit_result_t end = descend(f, here, there, steps, fit);
  if (end != PE_FIT_OK && end != PE_FIT_ERROR_STEPS) return end;
  fit->chi_square = here->chi_square;
  result = tell_apart(f, here, there, limit, fit);
  if (result != PE_FIT_OK) return result;
  if (end != PE_FIT_OK) return end;
  fit->at_edge = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (f->shares[i] <= 0 || f->shares[i] >= 1) fit->at_edge = (uint16_t)(fit->at_edge | 1u << i);
  }
  if (!pe_factor(here->normal, n)) return PE_FIT_ERROR_ALIKE;
  pe_invert(here->normal, n, there->normal, there->gradient);
  pe_to_units(&f->observer, f->shares, f->trial, there->normal);
  return fit->at_edge != 0 ? PE_FIT_AT_EDGE : PE_FIT_OK;
}

pe_fit_result_t pe_fit(const pe_fit_model_t *model, pe_fit_evaluate_t evaluate, void *context,
                       const pe_measurement_t *measurements, size_t count, const pe_fit_options_t *options,
                       double *memory, pe_fit_t *fit) {
  fit_t f;
  if (fit == NULL) return PE_FIT_ERROR_ARGUMENT;
  fit->at = 0;
  if (evaluate == NULL || measurements == NULL || memory == NULL) return PE_FIT_ERROR_ARGUMENT;
  if (!pe_observer_open(&f.observer, model, options, memory)) return PE_FIT_ERROR_ARGUMENT;
  const uint32_t n = f.observer.count, triangle = pe_at(n, 0);
  f.observer.evaluate = evaluate;
  f.observer.context = context;
  f.measurements = measurements;
  f.count = count;
  f.shares = f.observer.rest;
  f.trial = f.shares + n;
  f.step = f.observer.row;  // rows are made while no step is
  place_t here = {f.trial + n, f.trial + n + triangle, 0};
  place_t there = {here.gradient + n, here.gradient + n + triangle, 0};
  fit->count = (uint16_t)n;
  for (uint32_t i = 0; i < n; i++) fit->parameters[i] = f.observer.parameters[i];
  fit->values = f.trial;
  fit->covariance = there.normal;
  fit->iterations = 0;
  if (!pe_start(&f.observer, options, f.shares)) return PE_FIT_ERROR_ARGUMENT;
  for (; fit->at < count; fit->at++) {
    const pe_fit_result_t result = pe_check_measurement(&f.observer, &measurements[fit->at]);
    if (result != PE_FIT_OK) return result;
  }
  fit->at = 0;
  return count < n ? PE_FIT_ERROR_FEW : solve(&f, &here, &there, options, fit);
}
