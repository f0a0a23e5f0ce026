// How well parameters can be told apart. A file of its own, so that its variables are not on the stack of a fit while the
// model is evaluated.
#ifndef PE_FIT_CONDITION_H
#define PE_FIT_CONDITION_H

#include "pe_fit.h"

// The smallest singular value of R^-1/2 J with its columns scaled to length 1 and the condition, of J^T R^-1 J of n rows.
// `a` has room for the matrix, `lengths` for a row.
void pe_look_at_condition(const double *normal, double *a, double *lengths, uint32_t n, pe_fit_t *fit);

#endif
