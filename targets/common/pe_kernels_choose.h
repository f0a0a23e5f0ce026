// Elementwise choices between two operands, both brought to the finer of their scales by left shifts, so that they can
// be compared; the chosen one is rounded half up and saturated.
#ifndef PE_KERNELS_CHOOSE_H
#define PE_KERNELS_CHOOSE_H

#include "pe_kernels_combine.h"

// y[i] = sat(min(a[i] << shift_a, b[i] << shift_b) >> shift), or the larger one.
PE_INLINE void pe_extremum(const pe_record_t *r, uint32_t format, void *arena, uint32_t smallest) {
  const void *a = pe_operand(arena, r->a);
  const void *b = pe_operand(arena, r->b);
  void *y = pe_operand(arena, r->out);
  for (pe_count_t row = 0; row < r->rows; row++) {
    const int64_t left = (int64_t)pe_shift_left(pe_element_a(r, format, a, row), r->shift_a);
    const int64_t right = (int64_t)pe_shift_left(pe_element_b(r, format, b, row), r->shift_b);
    const uint32_t is_less = left < right ? 1u : 0u;
    pe_store_rounded(r, format, y, row, (uint64_t)(is_less == smallest ? left : right));
  }
}

PE_INLINE void pe_min(const pe_record_t *r, uint32_t format, void *arena) { pe_extremum(r, format, arena, 1u); }

PE_INLINE void pe_max(const pe_record_t *r, uint32_t format, void *arena) { pe_extremum(r, format, arena, 0u); }

// y[i] = sat((condition[i] > 0 ? a[i] << shift_a : b[i] << shift_b) >> shift). Only the sign of the condition counts, so
// it has a scale of its own; `cols` is its arena address, and the weight bits of the format are its width.
PE_INLINE void pe_select(const pe_record_t *r, uint32_t format, void *arena) {
  const void *condition = pe_operand(arena, r->cols);
  const uint32_t condition_wide = (format & PE_FORMAT_WEIGHT_MASK) == PE_FORMAT_WEIGHT_16 ? 0u : 1u;
  const void *a = pe_operand(arena, r->a);
  const void *b = pe_operand(arena, r->b);
  void *y = pe_operand(arena, r->out);
  for (pe_count_t row = 0; row < r->rows; row++) {
    const uint32_t at = (r->flags & PE_FLAG_BROADCAST_CONDITION) != 0u ? 0u : row;
    const uint64_t value = pe_load(condition, at, condition_wide) > 0
                               ? pe_shift_left(pe_element_a(r, format, a, row), r->shift_a)
                               : pe_shift_left(pe_element_b(r, format, b, row), r->shift_b);
    pe_store_rounded(r, format, y, row, value);
  }
}

#endif
