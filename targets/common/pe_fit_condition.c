#include "pe_fit_condition.h"

#include "pe_fit_algebra.h"

// Off the diagonal of a matrix whose diagonal is 1.
#define DIAGONAL 1e-12
#define SWEEPS 12u

// One rotation of Jacobi's method (Golub and Van Loan, Matrix Computations, section 8.5), which makes a[p, q] zero.
static void rotate(double *a, uint32_t n, uint32_t p, uint32_t q) {
  const double off = a[pe_at(q, p)];
  const double ratio = (a[pe_at(q, q)] - a[pe_at(p, p)]) / pe_mul(2, off);
  const double size = ratio < 0 ? -ratio : ratio;
  const double up = 1 / (size + pe_root(1 + pe_mul(ratio, ratio)));
  const double tangent = ratio < 0 ? -up : up;
  const double cosine = 1 / pe_root(1 + pe_mul(tangent, tangent));
  const double sine = pe_mul(tangent, cosine);
  a[pe_at(p, p)] -= pe_mul(tangent, off);
  a[pe_at(q, q)] += pe_mul(tangent, off);
  a[pe_at(q, p)] = 0;
  for (uint32_t k = 0; k < n; k++) {
    if (k == p || k == q) continue;
    const double ap = a[pe_of(k, p)], aq = a[pe_of(k, q)];
    a[pe_of(k, p)] = pe_mul(cosine, ap) - pe_mul(sine, aq);
    a[pe_of(k, q)] = pe_mul(sine, ap) + pe_mul(cosine, aq);
  }
}

void pe_look_at_condition(const double *normal, double *a, double *lengths, uint32_t n, pe_fit_t *fit) {
  for (uint32_t i = 0; i < n; i++) lengths[i] = pe_root(normal[pe_at(i, i)]);
  for (uint32_t i = 0; i < n; i++) {
    a[pe_at(i, i)] = 1;
    for (uint32_t j = 0; j < i; j++) a[pe_at(i, j)] = normal[pe_at(i, j)] / lengths[i] / lengths[j];
  }
  bool is_diagonal = false;
  for (uint32_t sweep = 0; sweep < SWEEPS && !is_diagonal; sweep++) {
    is_diagonal = true;
    for (uint32_t q = 1; q < n; q++) {
      for (uint32_t p = 0; p < q; p++) {
        const double off = a[pe_at(q, p)];
        if (off <= DIAGONAL && off >= -DIAGONAL) continue;
        is_diagonal = false;
        rotate(a, n, p, q);
      }
    }
  }
  double least = a[0], most = a[0];
  for (uint32_t i = 1; i < n; i++) {
    if (a[pe_at(i, i)] < least) least = a[pe_at(i, i)];
    if (a[pe_at(i, i)] > most) most = a[pe_at(i, i)];
  }
  fit->smallest = pe_root(least);
  fit->condition = fit->smallest > 0 ? pe_root(most) / fit->smallest : DBL_MAX;
}
