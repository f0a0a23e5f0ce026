// Arithmetic of pe_fit.c and pe_filter.c: small symmetric matrices as the rows of their lower triangles.
#ifndef PE_FIT_ALGEBRA_H
#define PE_FIT_ALGEBRA_H

#include <float.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__FAST_MATH__)
#error "pe_fit needs IEEE 754 arithmetic: compile it without -ffast-math"
#endif
#if FLT_EVAL_METHOD != 0
#error "pe_fit needs doubles that are rounded to doubles: on x86 compile it with -mfpmath=sse"
#endif
#if DBL_MANT_DIG != 53
#error "pe_fit needs doubles of 64 bits"
#endif

// The place of row i, column j <= i.
static inline uint32_t pe_at(uint32_t i, uint32_t j) { return i * (i + 1u) / 2u + j; }

static inline uint32_t pe_of(uint32_t i, uint32_t j) { return i >= j ? pe_at(i, j) : pe_at(j, i); }

// volatile: fused with an addition, a product would not be rounded, and the bits would depend on the processor.
static inline double pe_mul(double a, double b) {
  const volatile double product = a * b;
  return product;
}

static inline bool pe_is_finite(double value) { return value - value == 0; }

// Square root of a finite x >= 0 within some units of the last place, by products, quotients and sums: a library's may
// differ. The argument is brought to [1, 4) by powers of 4, which is exact; Newton's method then doubles its digits.
static inline double pe_root(double x) {
  double factor = 1;
  if (!(x > 0)) return 0;
  for (; x >= 4; x = pe_mul(x, 0.25)) factor = pe_mul(factor, 2);
  for (; x < 1; x = pe_mul(x, 4)) factor = pe_mul(factor, 0.5);
  double root = pe_mul(0.5, 1 + x);
  for (uint32_t i = 0; i < 6u; i++) root = pe_mul(0.5, root + x / root);
  return pe_mul(factor, root);
}

// A = L D L^T in place, of n rows; false where A is not positive definite.
static inline bool pe_factor(double *a, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    for (uint32_t j = 0; j < i; j++) {
      double sum = a[pe_at(i, j)];
      for (uint32_t k = 0; k < j; k++) sum -= pe_mul(pe_mul(a[pe_at(i, k)], a[pe_at(k, k)]), a[pe_at(j, k)]);
      a[pe_at(i, j)] = sum / a[pe_at(j, j)];
    }
    double pivot = a[pe_at(i, i)];
    for (uint32_t k = 0; k < i; k++) pivot -= pe_mul(pe_mul(a[pe_at(i, k)], a[pe_at(i, k)]), a[pe_at(k, k)]);
    if (!(pivot > 0) || !pe_is_finite(pivot)) return false;
    a[pe_at(i, i)] = pivot;
  }
  return true;
}

// Solves L D L^T x = b, with b in x.
static inline void pe_solve(const double *factors, uint32_t n, double *x) {
  for (uint32_t i = 0; i < n; i++) {
    for (uint32_t k = 0; k < i; k++) x[i] -= pe_mul(factors[pe_at(i, k)], x[k]);
  }
  for (uint32_t i = 0; i < n; i++) x[i] = x[i] / factors[pe_at(i, i)];
  for (uint32_t i = n; i-- > 0u;) {
    for (uint32_t k = i + 1u; k < n; k++) x[i] -= pe_mul(factors[pe_at(k, i)], x[k]);
  }
}

// The inverse of L D L^T; `column` has n places.
static inline void pe_invert(const double *factors, uint32_t n, double *inverse, double *column) {
  for (uint32_t j = 0; j < n; j++) {
    for (uint32_t i = 0; i < n; i++) column[i] = i == j ? 1 : 0;
    pe_solve(factors, n, column);
    for (uint32_t i = j; i < n; i++) inverse[pe_at(i, j)] = column[i];
  }
}

#endif
