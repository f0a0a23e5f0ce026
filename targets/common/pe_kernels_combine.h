// Elementwise operations of two operands, and copies. Left shifts bring both operands to the finer of their scales. A
// broadcast operand has one element for all rows.
#ifndef PE_KERNELS_COMBINE_H
#define PE_KERNELS_COMBINE_H

#include "pe_kernels_fixed.h"

PE_INLINE int32_t pe_element_a(const pe_record_t *r, uint32_t format, const void *a, uint32_t row) {
  return pe_load(a, (r->flags & PE_FLAG_BROADCAST_A) != 0u ? 0u : row, format & PE_FORMAT_A_WIDE);
}

PE_INLINE int32_t pe_element_b(const pe_record_t *r, uint32_t format, const void *b, uint32_t row) {
  return pe_load(b, (r->flags & PE_FLAG_BROADCAST_B) != 0u ? 0u : row, format & PE_FORMAT_B_WIDE);
}

// y[row] = sat(value >> shift), rounded half up.
PE_INLINE void pe_store_rounded(const pe_record_t *r, uint32_t format, void *y, uint32_t row, uint64_t value) {
  pe_store_shifted(y, row, format & PE_FORMAT_OUT_WIDE, value + pe_half(r->shift), r->shift, 0u);
}

// y[i] = sat(((a[i] << shift_a) +- (b[i] << shift_b)) >> shift)
PE_INLINE void pe_add(const pe_record_t *r, uint32_t format, void *arena) {
  const void *a = pe_operand(arena, r->a);
  const void *b = pe_operand(arena, r->b);
  void *y = pe_operand(arena, r->out);
  for (uint32_t row = 0; row < r->rows; row++) {
    const uint64_t left = pe_shift_left(pe_element_a(r, format, a, row), r->shift_a);
    const uint64_t right = pe_shift_left(pe_element_b(r, format, b, row), r->shift_b);
    pe_store_rounded(r, format, y, row, (r->flags & PE_FLAG_SUBTRACT) != 0u ? left - right : left + right);
  }
}

// y[i] = sat((a[i] b[i]) >> shift)
PE_INLINE void pe_mul(const pe_record_t *r, uint32_t format, void *arena) {
  const void *a = pe_operand(arena, r->a);
  const void *b = pe_operand(arena, r->b);
  void *y = pe_operand(arena, r->out);
  for (uint32_t row = 0; row < r->rows; row++) {
    const int64_t product = (int64_t)pe_element_a(r, format, a, row) * pe_element_b(r, format, b, row);
    pe_store_rounded(r, format, y, row, (uint64_t)product);
  }
}

// y[i] = sat((a[i] << shift_a) >> shift)
PE_INLINE void pe_copy(const pe_record_t *r, uint32_t format, void *arena) {
  const void *a = pe_operand(arena, r->a);
  void *y = pe_operand(arena, r->out);
  for (uint32_t row = 0; row < r->rows; row++) {
    pe_store_rounded(r, format, y, row, pe_shift_left(pe_load(a, row, format & PE_FORMAT_A_WIDE), r->shift_a));
  }
}

#endif
