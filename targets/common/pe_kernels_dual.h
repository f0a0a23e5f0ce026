// Dense blocks laid out for dual multiply-accumulate: the same sums as pe_kernels_dense.h, int16 weights and inputs.
//
// W in blocks of 2 rows x 4 columns, block after block along the columns; the last of an odd number of rows follows
// alone, 4 columns at a time. Columns are filled up with zero weights to a multiple of 4, so inputs past the last one
// may be anything. Everything lies on word boundaries:
//
//     row 0:  w00 w01 | w02 w03        one word holds two neighbouring columns, the first one lowest
//     row 1:  w10 w11 | w12 w13
//
// The accumulator holds every sum, and so do 32 bits after the shift, by the compiler's proof: the result is the low
// 32 bits. With a 64-bit accumulator, 2^shift_b neighbouring products of a row fit an int32, which the table's check
// verifies (PE_CHECK_DUAL): processors without dual multiply-accumulate add these in 32 bits first. The sums are exact
// either way, hence the same.
#ifndef PE_KERNELS_DUAL_H
#define PE_KERNELS_DUAL_H

#include "pe_kernels_dense.h"

#if defined(__ARM_FEATURE_SIMD32) && !defined(PE_NO_DSP)
#include <arm_acle.h>
#define PE_DUAL_MAC 1
#else
#define PE_DUAL_MAC 0
#endif

// The sums of one row, or of two at once.
typedef struct {
  uint64_t first;
  uint64_t second;
} pe_sums_t;

#if PE_DUAL_MAC

// Both rows of a pair: weights of 16 bytes per 4 columns.
PE_INLINE pe_sums_t pe_dual_rows(const pe_pair_t *w, const pe_pair_t *x, uint32_t cols, uint32_t acc_wide,
                                 uint32_t group) {
  (void)group;
  pe_sums_t sums;
  if (acc_wide != 0u) {
    int64_t first = 0;
    int64_t second = 0;
    for (uint32_t c = 0; c < cols; c += 4u) {
      first = __smlald((int16x2_t)x[0], (int16x2_t)w[0], first);
      first = __smlald((int16x2_t)x[1], (int16x2_t)w[1], first);
      second = __smlald((int16x2_t)x[0], (int16x2_t)w[2], second);
      second = __smlald((int16x2_t)x[1], (int16x2_t)w[3], second);
      x += 2;
      w += 4;
    }
    sums.first = (uint64_t)first;
    sums.second = (uint64_t)second;
  } else {
    int32_t first = 0;
    int32_t second = 0;
    for (uint32_t c = 0; c < cols; c += 4u) {
      first = __smlad((int16x2_t)x[0], (int16x2_t)w[0], first);
      first = __smlad((int16x2_t)x[1], (int16x2_t)w[1], first);
      second = __smlad((int16x2_t)x[0], (int16x2_t)w[2], second);
      second = __smlad((int16x2_t)x[1], (int16x2_t)w[3], second);
      x += 2;
      w += 4;
    }
    sums.first = (uint64_t)(int64_t)first;
    sums.second = (uint64_t)(int64_t)second;
  }
  return sums;
}

PE_INLINE uint64_t pe_single_row(const pe_pair_t *w, const pe_pair_t *x, uint32_t cols, uint32_t group) {
  (void)group;
  int64_t sum = 0;
  for (uint32_t c = 0; c < cols; c += 4u) {
    sum = __smlald((int16x2_t)x[0], (int16x2_t)w[0], sum);
    sum = __smlald((int16x2_t)x[1], (int16x2_t)w[1], sum);
    x += 2;
    w += 2;
  }
  return (uint64_t)sum;
}

#else

// w[0] x[0] + w[1] x[1] of two words: fits 32 bits unless both weights are -32768, which the table's check refuses.
PE_INLINE uint32_t pe_pair_product(const pe_narrow_t *w, const pe_narrow_t *x) {
  return (uint32_t)(w[0] * x[0]) + (uint32_t)(w[1] * x[1]);
}

PE_INLINE uint64_t pe_signed(uint32_t sum) { return (uint64_t)(int64_t)(int32_t)sum; }

PE_INLINE pe_sums_t pe_dual_rows(const pe_pair_t *weights, const pe_pair_t *inputs, uint32_t cols, uint32_t acc_wide,
                                 uint32_t group) {
  const pe_narrow_t *w = (const pe_narrow_t *)weights;
  const pe_narrow_t *x = (const pe_narrow_t *)inputs;
  pe_sums_t sums = {0, 0};
  if (acc_wide != 0u && group < 4u) {
    for (uint32_t c = 0; c < cols; c += 4u) {
      sums.first += pe_signed(pe_pair_product(w, x)) + pe_signed(pe_pair_product(w + 2, x + 2));
      sums.second += pe_signed(pe_pair_product(w + 4, x)) + pe_signed(pe_pair_product(w + 6, x + 2));
      x += 4;
      w += 8;
    }
    return sums;
  }
  for (uint32_t c = 0; c < cols;) {
    const uint32_t end = acc_wide != 0u && group < cols - c ? c + group : cols;
    uint32_t first = 0;
    uint32_t second = 0;
    for (; c < end; c += 4u) {
      const int32_t x0 = x[0];
      const int32_t x1 = x[1];
      const int32_t x2 = x[2];
      const int32_t x3 = x[3];
      first += (uint32_t)(w[0] * x0) + (uint32_t)(w[1] * x1) + (uint32_t)(w[2] * x2) + (uint32_t)(w[3] * x3);
      second += (uint32_t)(w[4] * x0) + (uint32_t)(w[5] * x1) + (uint32_t)(w[6] * x2) + (uint32_t)(w[7] * x3);
      x += 4;
      w += 8;
    }
    sums.first += pe_signed(first);
    sums.second += pe_signed(second);
  }
  return sums;
}

PE_INLINE uint64_t pe_single_row(const pe_pair_t *weights, const pe_pair_t *inputs, uint32_t cols, uint32_t group) {
  const pe_narrow_t *w = (const pe_narrow_t *)weights;
  const pe_narrow_t *x = (const pe_narrow_t *)inputs;
  (void)group;
  uint64_t sum = 0;
  for (uint32_t c = 0; c < cols; c += 2u) sum += pe_signed(pe_pair_product(w + c, x + c));
  return sum;
}

#endif

// Bias and rounding of one row, and its result. Shifts are 1 .. 31 here, so the low 32 bits take both halves.
PE_INLINE void pe_finish_row(const pe_record_t *r, uint32_t format, const uint8_t *pool, void *y, uint32_t row,
                             uint64_t products) {
  const uint32_t shift = pe_row_shift(r, pool, row);
  const int32_t bias = ((const pe_wide_t *)(const void *)(pool + r->bias))[row];
  int32_t value;
  if ((format & PE_FORMAT_ACC_WIDE) != 0u) {
    const uint64_t sum = products + pe_shift_left(bias, shift - r->shift_a) + pe_half(shift);
    value = (int32_t)(((uint32_t)sum >> shift) | ((uint32_t)(sum >> 32) << (32u - shift)));
  } else {
    const uint32_t start = ((uint32_t)bias << (shift - r->shift_a)) + (uint32_t)pe_half(shift);
    value = (int32_t)((uint32_t)products + start) >> shift;
  }
  if ((r->flags & PE_FLAG_WRAP) != 0u) {
    pe_store(y, row, format & PE_FORMAT_OUT_WIDE, value);
  } else {
    pe_store_saturated(y, row, format & PE_FORMAT_OUT_WIDE, value);
  }
}

PE_INLINE void pe_dense_dual(const pe_record_t *r, uint32_t format, void *arena, const uint8_t *pool) {
  const pe_pair_t *x = (const pe_pair_t *)pe_operand(arena, r->a);
  void *PE_RESTRICT y = pe_operand(arena, r->out);
  const pe_pair_t *w = (const pe_pair_t *)(const void *)(pool + r->weights);
  const uint32_t rows = r->rows;
  const uint32_t cols = r->cols;
  const uint32_t group = (uint32_t)1u << r->shift_b;
  uint32_t row = 0;
  for (; row + 1u < rows; row += 2u) {
    const pe_sums_t sums = pe_dual_rows(w, x, cols, format & PE_FORMAT_ACC_WIDE, group);
    pe_finish_row(r, format, pool, y, row, sums.first);
    pe_finish_row(r, format, pool, y, row + 1u, sums.second);
    w += cols;
  }
  if (row < rows) pe_finish_row(r, format, pool, y, row, pe_single_row(w, x, cols, group));
}

#endif
