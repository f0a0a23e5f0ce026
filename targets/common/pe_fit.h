// Fits inputs of a model to measurements of its outputs: parameters such as a diffusivity, or initial states.
//
//     #include "pinn_fit.h"  // written by `pinn-edge build --fit`; defines pinn_model_fit
//
//     static double memory[PINN_MODEL_FIT_DOUBLES];
//     const double at[PINN_MODEL_INPUT_COUNT] = {30, 12, 0};  // what is fitted is not read here
//     const pe_measurement_t measurements[] = {{at, PINN_MODEL_OUTPUT_T, 61.3, 0.2}, ...};
//     pe_fit_t fit;
//     if (pe_fit(&pinn_model_fit, pinn_model_fit_evaluate, &pe, measurements, count, NULL, memory, &fit) < 0) ...
//     fit.values[0], fit.covariance[0]
//
// Weighted least squares: the chi-square, the sum of ((measured - answer) / sigma)^2, is made smallest over the input box
// by damped Gauss-Newton (Levenberg and Marquardt) with the tangents that the module answers with. Parameters are taken as
// shares of their ranges, so that units do not matter; a step that leaves the box ends at its face.
//
// Arithmetic. IEEE 754 binary64 and nothing but + - * / and comparisons, in one order, every product rounded by itself:
// what these give is prescribed to the last bit, in hardware as in a library of software, so that the same build and the
// same measurements give the same bits everywhere. Integers would need ranges for normal equations, which nobody can give:
// they go with the square of the condition. A compiler that may reorder (-ffast-math) or that keeps more digits (x87) is
// refused when this is compiled.
//
// Nothing comes from the heap, and nothing is kept between calls. The time is that of at most
// max_iterations + 1 evaluations per measurement.
#ifndef PE_FIT_H
#define PE_FIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PE_FIT_MAX_PARAMETERS 8

// Doubles of memory for a model of so many inputs and outputs, tangents included, and so many parameters.
#define PE_FIT_DOUBLES(inputs, outputs, parameters) \
  ((inputs) + (outputs) + 5 * (parameters) + (parameters) * ((parameters) + 1))

// Evaluates the model: pe_eval or pinn_model_eval. Below 0: it failed; PE_CLAMPED is no failure.
typedef int (*pe_fit_evaluate_t)(void *context, const double *inputs, double *outputs);

// 0 or above: there is an estimate. Below: there is none, and `fit.at` says which measurement or parameter is meant.
typedef enum {
  PE_FIT_OK = 0,
  // The best place is on the edge of the box for the parameters in fit.at_edge: their true values may lie outside, and the
  // covariance, which is that of an interior point, does not hold.
  PE_FIT_AT_EDGE = 1,
  // A null pointer, no parameter to fit, a start outside the box, or a description that cannot be pinn-edge's.
  PE_FIT_ERROR_ARGUMENT = -1,
  // Fewer measurements than parameters.
  PE_FIT_ERROR_FEW = -2,
  // A measurement that is not a finite number, whose sigma is not above 0, or of an output that cannot be measured.
  PE_FIT_ERROR_MEASUREMENT = -3,
  // A measurement at inputs outside the box.
  PE_FIT_ERROR_OUTSIDE = -4,
  // The model could not be evaluated.
  PE_FIT_ERROR_EVALUATION = -5,
  // The measurements say nothing of a parameter: it changes no answer by more than the error of its tangents.
  PE_FIT_ERROR_NO_EFFECT = -6,
  // The parameters cannot be told apart: fit.condition is above the limit, or fit.smallest below the error of the tangents.
  PE_FIT_ERROR_ALIKE = -7,
  // No minimum was found in max_iterations steps.
  PE_FIT_ERROR_STEPS = -8
} pe_fit_result_t;

// What is known of a model when it is built. All of it may lie in flash.
typedef struct {
  uint16_t input_count;
  uint16_t output_count;      // tangents included
  uint16_t measurable_count;  // of the outputs, the first
  uint16_t parameter_count;   // inputs that can be fitted, at most PE_FIT_MAX_PARAMETERS
  const double *ranges;          // min and max of every input
  const uint16_t *parameters;    // input of each
  const int16_t *tangents;       // measurable_count rows of parameter_count: output that is the derivative, -1: zero
  const double *tangent_errors;  // of the same shape: the largest that was found when the model was built
} pe_fit_model_t;

typedef struct {
  const double *inputs;  // in the model's units; those that are fitted are not read. One array may be that of several
  uint16_t output;       // one of the first measurable_count
  double value;          // in the output's unit
  double sigma;          // its standard deviation, in the same unit
} pe_measurement_t;

typedef struct {
  uint16_t fitted;          // bit k: parameter k is fitted, others are read from the measurements; 0: all are fitted
  const double *start;      // parameter_count values to begin at, NULL: the middle of the box
  uint16_t max_iterations;  // 0: 20
  double max_condition;     // 0: 1000
} pe_fit_options_t;

typedef struct {
  uint16_t count;                              // of the parameters that are fitted
  uint16_t parameters[PE_FIT_MAX_PARAMETERS];  // the inputs that they are
  double *values;        // the estimates of these, in their units; in the memory that was given
  double *covariance;    // (J^T R^-1 J)^-1 in their units, rows of the lower triangle: count (count + 1) / 2 numbers
  uint16_t at_edge;      // bit k: the k-th of these ended on the edge of its range
  uint16_t iterations;   // steps that were tried
  double chi_square;     // its expectation is the number of measurements less `count`
  double smallest;       // singular value of R^-1/2 J with its columns scaled to length 1: 1 for independent effects
  double condition;      // the largest singular value of that by the smallest
  size_t at;             // of an error: index of the measurement, or place among `parameters`
} pe_fit_t;

// `options` may be NULL. `memory` has PE_FIT_DOUBLES doubles, which hold the results.
pe_fit_result_t pe_fit(const pe_fit_model_t *model, pe_fit_evaluate_t evaluate, void *context,
                       const pe_measurement_t *measurements, size_t count, const pe_fit_options_t *options,
                       double *memory, pe_fit_t *fit);

// The recursive form: an iterated information filter that takes one measurement at a time, with constant memory. Between
// two measurements parameters may wander: the variance of each grows by its process noise.
#define PE_FILTER_DOUBLES(inputs, outputs, parameters) \
  ((inputs) + (outputs) + 5 * (parameters) + 3 * ((parameters) * ((parameters) + 1) / 2))

typedef struct {
  const pe_fit_model_t *model;
  uint16_t count;
  uint16_t parameters[PE_FIT_MAX_PARAMETERS];  // inputs that are fitted
  double *values;      // the newest estimates of these, in their units; in the memory that was given
  double *covariance;  // as that of pe_fit
  double *memory;
} pe_filter_t;

// Begins with `options->start` (NULL: the middle of the box) and a standard deviation of each of the model's parameters,
// in its unit (NULL: half its range). `options` may be NULL; its other members but `fitted` are not read. `memory` has
// PE_FILTER_DOUBLES doubles and must stay where it is.
pe_fit_result_t pe_filter_open(pe_filter_t *filter, const pe_fit_model_t *model, const pe_fit_options_t *options,
                               const double *sigma, double *memory);

// Takes one measurement, by one to six evaluations: as many as the estimate moves for. `process_sigma`: by how much each of the model's parameters may have wandered
// since the one before (standard deviation, in its unit), NULL: not at all. After an error the filter is as it was before.
pe_fit_result_t pe_filter_update(pe_filter_t *filter, pe_fit_evaluate_t evaluate, void *context,
                                 const pe_measurement_t *measurement, const double *process_sigma);

#ifdef __cplusplus
}
#endif

#endif
