// A fit or a filter with all that it is told as one array of doubles, for programs that get it from a host: the firmware of
// emulated boards, and Node. An application calls pe_fit.h itself.
//
//     0 filter: 0 or 1     4 number of measurements     8 start, of every parameter of the model
//     1 fitted             5 whether start counts         prior sigma, of every parameter, for filters
//     2 max_iterations     6 whether sigma counts         process sigma, of every parameter, for filters
//     3 max_condition      7 whether process counts       per measurement: output, value, sigma, every input
//
// The answer: the result, at, count, iterations, at_edge, chi-square, smallest, condition, values, covariance; of a filter
// those from iterations to condition are 0.
#ifndef PE_FIT_JOB_H
#define PE_FIT_JOB_H

#include "pe_fit.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PE_FIT_JOB_HEAD 8
#define PE_FIT_ANSWER_HEAD 8
#define PE_FIT_ANSWER_DOUBLES(parameters) (PE_FIT_ANSWER_HEAD + (parameters) + (parameters) * ((parameters) + 1) / 2)

// Doubles that a job of so many measurements has.
#define PE_FIT_JOB_DOUBLES(inputs, parameters, measurements) \
  (PE_FIT_JOB_HEAD + 3 * (parameters) + (measurements) * (3 + (inputs)))

// `room` has a place for every measurement, `memory` PE_FILTER_DOUBLES doubles, and `answer` PE_FIT_ANSWER_DOUBLES, of which
// those that mean something are counted in the end.
uint32_t pe_fit_job(const pe_fit_model_t *model, pe_fit_evaluate_t evaluate, void *context, const double *job,
                    pe_measurement_t *room, double *memory, double *answer);

#ifdef __cplusplus
}
#endif

#endif
