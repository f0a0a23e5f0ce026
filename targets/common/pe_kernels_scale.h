// y[i] = sat((w[i] x[i] + (bias[i] << (shift[i] - guard))) >> shift[i]), rounded half up, with 64-bit products.
// w int8, int16 or int32; x and y int16 or int32; x is one element for all rows when broadcast.
#ifndef PE_KERNELS_SCALE_H
#define PE_KERNELS_SCALE_H

#include "pe_kernels_dense.h"

PE_INLINE void pe_scale(const pe_record_t *r, uint32_t format, void *arena, const uint8_t *pool) {
  const void *x = pe_operand(arena, r->a);
  void *y = pe_operand(arena, r->out);
  const uint8_t *weights = pool + r->weights;
  const pe_wide_t *bias = (const pe_wide_t *)(const void *)(pool + r->bias);
  for (pe_count_t row = 0; row < r->rows; row++) {
    const uint32_t shift = pe_row_shift(r, pool, row);
    const int32_t value = pe_load(x, (r->flags & PE_FLAG_BROADCAST_A) != 0u ? 0u : row, format & PE_FORMAT_A_WIDE);
    const uint64_t product = (uint64_t)((int64_t)pe_weight(weights, row, format) * value);
    const uint64_t sum = product + pe_shift_left(pe_flash_32(bias + row), shift - r->shift_a) + pe_half(shift);
    pe_store_shifted(y, row, format & PE_FORMAT_OUT_WIDE, sum, shift, r->flags & PE_FLAG_WRAP);
  }
}

#endif
