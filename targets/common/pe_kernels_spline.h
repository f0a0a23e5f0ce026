// y[i] = sat(sum of c[i] N_1 N_2 N_3 >> shift): a tensor-product B-spline with uniform knots, or one of its derivatives;
// the basis functions N of each axis are left in the arena at `b`, int32 [axes x (degree + 1)]. How they are made, and the
// order of coefficients, stands in compiler/table/specification.ts (SPLINE_FIELDS).
//
// x int16 or int32, one per axis; c int8 or int16; y int16 or int32. No sum reaches 2^52, by the table check.
#ifndef PE_KERNELS_SPLINE_H
#define PE_KERNELS_SPLINE_H

#include "pe_kernels_fixed.h"

// Parts of the kernel: inlined where the compiler finds that worth its bytes, unless firmware says otherwise.
#ifndef PE_SPLINE_PART
#define PE_SPLINE_PART static inline
#endif

#define PE_SPLINE_ONE ((int32_t)1 << PE_LIMIT_SPLINE_BITS)

// value / 2^shift, rounded half up.
PE_SPLINE_PART int64_t pe_spline_round(int64_t value, uint32_t shift) { return (value + (int64_t)pe_half(shift)) >> shift; }

// An axis, where its members can be read: `own` is for a copy.
PE_SPLINE_PART const pe_axis_t *pe_spline_axis(const pe_axis_t *axis, pe_axis_t *own) {
#if PE_FLASH_IS_APART
  pe_flash_copy(own, axis, sizeof *own);
  return own;
#else
  (void)own;
  return axis;
#endif
}

// The argument's place along an axis in 2^-20 of a segment, held to the axis.
PE_SPLINE_PART int32_t pe_spline_position(const pe_axis_t *axis, int32_t argument) {
  const int64_t distance = (int64_t)argument - axis->origin;
  const int64_t place = pe_spline_round(distance * axis->factor, axis->shift);
  const int64_t last = (int64_t)axis->segments << PE_LIMIT_SPLINE_BITS;
  return (int32_t)(place < 0 ? 0 : place > last ? last : place);
}

// The degree + 1 basis functions that are not zero at t, their derivatives of `order`, times degree! and in 2^-20.
PE_SPLINE_PART void pe_spline_basis(pe_wide_t *n, uint32_t degree, uint32_t order, int32_t t) {
  const uint32_t smooth = degree - order;
  int32_t scale = 1;
  n[0] = PE_SPLINE_ONE;
  for (uint32_t k = 1; k <= degree; k++) {
    n[k] = 0;
    if (k > smooth) {
      scale *= (int32_t)(degree + smooth + 1u - k);
      for (uint32_t j = k; j > 0u; j--) n[j] = n[j - 1u] - n[j];
      n[0] = -n[0];
      continue;
    }
    int32_t left = t;
    int32_t right = PE_SPLINE_ONE - t + (int32_t)k * PE_SPLINE_ONE;
    for (uint32_t j = k; j > 0u; j--) {
      const int64_t sum = (int64_t)left * n[j - 1u] + (int64_t)right * n[j];
      n[j] = (int32_t)((sum + PE_SPLINE_ONE / 2) >> PE_LIMIT_SPLINE_BITS);
      left += PE_SPLINE_ONE;
      right -= PE_SPLINE_ONE;
    }
    n[0] = (int32_t)(((int64_t)right * n[0] + PE_SPLINE_ONE / 2) >> PE_LIMIT_SPLINE_BITS);
  }
  for (uint32_t j = 0; order != 0u && j <= degree; j++) n[j] *= scale;
}

PE_INLINE void pe_spline(const pe_record_t *r, uint32_t format, void *arena, const uint8_t *pool) {
  const void *x = pe_operand(arena, r->a);
  void *y = pe_operand(arena, r->out);
  pe_wide_t *words = (pe_wide_t *)pe_operand(arena, r->b);
  const pe_axis_t *axes = (const pe_axis_t *)(const void *)(pool + r->bias);
  const uint8_t *c = pool + r->weights;
  const uint32_t degree = r->shift_a;
  const uint32_t terms = degree + 1u;
  // Coefficients along the last axis, and along the last two.
  uint32_t line = 0, plane = 0, first = 0, per_row = 1;
  for (pe_count_t k = 0; k < r->cols; k++) {
    pe_axis_t own;
    const pe_axis_t *const axis = pe_spline_axis(&axes[k], &own);
    const int32_t place = pe_spline_position(axis, pe_load(x, k, format & PE_FORMAT_A_WIDE));
    const uint32_t last = axis->segments - 1u;
    const uint32_t cell = (uint32_t)place >> PE_LIMIT_SPLINE_BITS;
    const uint32_t segment = cell > last ? last : cell;
    pe_spline_basis(words + k * terms, degree, axis->order, place - ((int32_t)segment << PE_LIMIT_SPLINE_BITS));
    plane = line;
    line = axis->segments + degree;
    plane *= line;
    first = first * line + segment;
    per_row *= line;
  }
  const pe_wide_t *inner = words + (r->cols - 1u) * terms;
  const pe_wide_t *middle = inner - terms;
  const uint32_t lines = r->cols > 1u ? terms : 1u;
  const uint32_t planes = r->cols > 2u ? terms : 1u;
  for (pe_count_t row = 0; row < r->rows; row++, first += per_row) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < planes; i++) {
      int64_t over_plane = 0;
      for (uint32_t j = 0; j < lines; j++) {
        const uint32_t at = first + i * plane + j * line;
        int64_t over_line = 0;
        for (uint32_t k = 0; k < terms; k++) over_line += (int64_t)inner[k] * pe_weight(c, (pe_count_t)(at + k), format);
        over_plane = r->cols == 1u ? over_line : over_plane + pe_spline_round(over_line, r->shift_b) * middle[j];
      }
      sum = r->cols <= 2u ? over_plane : sum + pe_spline_round(over_plane, r->shift_b) * words[i];
    }
    pe_store_saturated(y, row, format & PE_FORMAT_OUT_WIDE, pe_saturate_wide(pe_spline_round(sum, r->shift)));
  }
}

#endif
