// Dense blocks laid out for dual multiply-accumulate: the same sums as pe_kernels_dense.h, int16 weights and inputs.
//
// W in blocks of 2 rows x 4 columns, block after block along the columns; the last of an odd number of rows follows
// alone, 4 columns at a time. Columns are filled up with zero weights to a multiple of 4, so inputs past the last one
// may be anything. Everything lies on word boundaries:
//
//     row 0:  w00 w01 | w02 w03        one word holds two neighbouring columns, the first one lowest
//     row 1:  w10 w11 | w12 w13
//
// Rows have starts; the accumulator holds every sum, and 32 bits do after the shift, by the compiler's proof. With a
// 64-bit accumulator, 2^shift_b neighbouring products of a row fit an int32, which the table's check verifies
// (PE_CHECK_DUAL): processors without dual multiply-accumulate add these in 32 bits first. The sums are exact either
// way, hence the same.
#ifndef PE_KERNELS_DUAL_H
#define PE_KERNELS_DUAL_H

#include "pe_kernels_dense.h"
#include "pe_kernels_dsp.h"

// The sums of one row, or of two at once.
typedef struct {
  uint64_t first;
  uint64_t second;
} pe_sums_t;

#if PE_DSP

// Adds the products of both rows of a pair, whose weights take 16 bytes per 4 columns. Returns the next pair's weights.
PE_INLINE const pe_pair_t *pe_add_pair(pe_sums_t *sums, const pe_pair_t *w, const pe_pair_t *x, pe_count_t cols,
                                       uint32_t acc_wide, uint32_t group) {
  (void)group;
  if (acc_wide != 0u) {
    uint64_t first = sums->first, second = sums->second;
    PE_ADD_ROWS(PE_QUAD_64, x, w, first, second, cols);
    sums->first = first;
    sums->second = second;
  } else {
    uint32_t first = (uint32_t)sums->first, second = (uint32_t)sums->second;
    PE_ADD_ROWS(PE_QUAD_32, x, w, first, second, cols);
    sums->first = first;
    sums->second = second;
  }
  return w;
}

PE_INLINE uint64_t pe_add_single(uint64_t start, const pe_pair_t *w, const pe_pair_t *x, pe_count_t cols) {
  int64_t sum = (int64_t)start;
  for (pe_count_t c = 0; c < cols; c += 4u) {
    sum = __smlald((int16x2_t)x[0], (int16x2_t)w[0], sum);
    sum = __smlald((int16x2_t)x[1], (int16x2_t)w[1], sum);
    x += 2;
    w += 2;
  }
  return (uint64_t)sum;
}

#else

// One product of 16 bits by 16.
PE_INLINE uint32_t pe_dual_product(const pe_narrow_t *w, int16_t x) {
  return (uint32_t)((int32_t)pe_flash_16(w) * x);
}

// w[0] x[0] + w[1] x[1] of two words: fits 32 bits unless both weights are -32768, which the table's check refuses.
PE_INLINE uint32_t pe_pair_product(const pe_narrow_t *w, const pe_narrow_t *x) {
  return pe_dual_product(w, x[0]) + pe_dual_product(w + 1, x[1]);
}

PE_INLINE uint64_t pe_signed(uint32_t sum) { return (uint64_t)(int64_t)(int32_t)sum; }

PE_INLINE const pe_pair_t *pe_add_pair(pe_sums_t *sums, const pe_pair_t *weights, const pe_pair_t *inputs,
                                       pe_count_t cols, uint32_t acc_wide, uint32_t group) {
  const pe_narrow_t *w = (const pe_narrow_t *)weights;
  const pe_narrow_t *x = (const pe_narrow_t *)inputs;
  if (acc_wide != 0u && group < 4u) {
    for (pe_count_t c = 0; c < cols; c += 4u) {
      sums->first += pe_signed(pe_pair_product(w, x)) + pe_signed(pe_pair_product(w + 2, x + 2));
      sums->second += pe_signed(pe_pair_product(w + 4, x)) + pe_signed(pe_pair_product(w + 6, x + 2));
      x += 4;
      w += 8;
    }
    return weights + cols;
  }
  for (pe_count_t c = 0; c < cols;) {
    const pe_count_t end = acc_wide != 0u && group < cols - c ? c + (pe_count_t)group : cols;
    uint32_t first = 0;
    uint32_t second = 0;
    for (; c < end; c += 4u) {
      const int16_t x0 = x[0];
      const int16_t x1 = x[1];
      const int16_t x2 = x[2];
      const int16_t x3 = x[3];
      first += pe_dual_product(w, x0) + pe_dual_product(w + 1, x1);
      first += pe_dual_product(w + 2, x2) + pe_dual_product(w + 3, x3);
      second += pe_dual_product(w + 4, x0) + pe_dual_product(w + 5, x1);
      second += pe_dual_product(w + 6, x2) + pe_dual_product(w + 7, x3);
      x += 4;
      w += 8;
    }
    sums->first += pe_signed(first);
    sums->second += pe_signed(second);
  }
  return weights + cols;
}

PE_INLINE uint64_t pe_add_single(uint64_t sum, const pe_pair_t *weights, const pe_pair_t *inputs, pe_count_t cols) {
  const pe_narrow_t *w = (const pe_narrow_t *)weights;
  const pe_narrow_t *x = (const pe_narrow_t *)inputs;
  for (pe_count_t c = 0; c < cols; c += 2u) sum += pe_signed(pe_pair_product(w + c, x + c));
  return sum;
}

#endif

PE_INLINE void pe_dense_dual(const pe_record_t *r, uint32_t format, void *arena, const uint8_t *pool) {
  const pe_pair_t *x = (const pe_pair_t *)pe_operand(arena, r->a);
  void *PE_RESTRICT y = pe_operand(arena, r->out);
  const pe_pair_t *w = (const pe_pair_t *)(const void *)(pool + r->weights);
  const pe_count_t rows = r->rows;
  const pe_count_t cols = r->cols;
  const uint32_t group = (uint32_t)1u << r->shift_b;
  pe_count_t row = 0;
  for (; row + 1u < rows; row += 2u) {
    pe_sums_t sums = {pe_row_start(r, format, pool, row), pe_row_start(r, format, pool, row + 1u)};
    w = pe_add_pair(&sums, w, x, cols, format & PE_FORMAT_ACC_WIDE, group);
    pe_finish_row(r, format, pool, y, row, sums.first);
    pe_finish_row(r, format, pool, y, row + 1u, sums.second);
  }
  if (row < rows) {
    const uint64_t start = pe_row_start(r, format, pool, row);
    pe_finish_row(r, format, pool, y, row, pe_add_single(start, w, x, cols));
  }
}

#endif
