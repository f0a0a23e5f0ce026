// What fits and filters have in common: one measurement, its residual and its row of the Jacobian.
#ifndef PE_FIT_OBSERVE_H
#define PE_FIT_OBSERVE_H

#include <stdbool.h>

#include "pe_fit.h"

typedef struct {
  const pe_fit_model_t *model;
  pe_fit_evaluate_t evaluate;
  void *context;
  uint32_t count;
  uint16_t parameters[PE_FIT_MAX_PARAMETERS];
  const double *known;  // inputs that `outputs` are the answers for, but for the parameters
  double *inputs, *outputs;
  double *row;   // by the parameters as shares of their ranges, divided by sigma
  double *rest;  // memory that is left
} pe_observer_t;

// Lays the memory out; false for a description or a choice of parameters that cannot be.
bool pe_observer_open(pe_observer_t *observer, const pe_fit_model_t *model, const pe_fit_options_t *options,
                      double *memory);

// The start as shares of the ranges; false where it lies outside the box.
bool pe_start(const pe_observer_t *observer, const pe_fit_options_t *options, double *shares);

pe_fit_result_t pe_check_measurement(const pe_observer_t *observer, const pe_measurement_t *measurement);

// Evaluates a measurement that was checked; (measured - answer) / sigma and observer->row.
pe_fit_result_t pe_observe(pe_observer_t *observer, const pe_measurement_t *measurement, const double *shares,
                           double *residual);

// What row[i] may be wrong by.
double pe_tangent_error(const pe_observer_t *observer, const pe_measurement_t *measurement, uint32_t i);

double pe_range(const pe_observer_t *observer, uint32_t i);

// Shares as values in their units, and their covariance in place.
void pe_to_units(const pe_observer_t *observer, const double *shares, double *values, double *covariance);

#endif
