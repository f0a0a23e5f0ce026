// One leaf of a hierarchical matrix: s[i] = (sum_j W[i][j] x[j] << left[i]) + carried[i].
//
// The leaves of a row follow each other. Its first one starts from (bias[i] << (shift - guard)) + half, the others from
// the sum that the one before left in the arena at `b`; all but the last leave theirs there; the last one gives
// y[i] = sat(s[i] >> shift). Left shifts bring the products of all leaves to one scale, so the sum is exact and rounded
// once. Widths as in pe_kernels_dense.h; 64-bit accumulators lie in the arena as two words, the lower one first.
#ifndef PE_KERNELS_BLOCK_H
#define PE_KERNELS_BLOCK_H

#include "pe_kernels_dense.h"

PE_INLINE uint64_t pe_block_start(const pe_record_t *r, uint32_t format, const uint8_t *pool, const pe_wide_t *carried,
                                  pe_count_t row) {
  if ((r->flags & PE_FLAG_FIRST) != 0u) {
    const int32_t bias = pe_flash_32((const pe_wide_t *)(const void *)(pool + r->bias) + row);
    return pe_shift_left(bias, (uint32_t)r->shift - r->shift_a) + pe_half(r->shift);
  }
  if ((format & PE_FORMAT_ACC_WIDE) == 0u) return (uint64_t)(int64_t)carried[row];
  return ((uint64_t)(uint32_t)carried[2u * row + 1u] << 32) | (uint32_t)carried[2u * row];
}

PE_INLINE void pe_block(const pe_record_t *r, uint32_t format, void *arena, const uint8_t *pool) {
  const void *x = pe_operand(arena, r->a);
  void *y = pe_operand(arena, r->out);
  pe_wide_t *carried = (pe_wide_t *)pe_operand(arena, r->b);
  const uint8_t *weights = pool + r->weights;
  const pe_count_t row_bytes = r->cols * pe_weight_bytes(format);
  const uint32_t out_wide = format & PE_FORMAT_OUT_WIDE;
  for (pe_count_t row = 0; row < r->rows; row++) {
    const uint32_t left = (r->flags & PE_FLAG_ROW_SHIFTS) != 0u ? (uint8_t)pe_flash_8(pool + r->row_shifts + row) : r->shift_b;
    uint64_t sum = pe_block_start(r, format, pool, carried, row);
    if ((format & PE_FORMAT_ACC_WIDE) != 0u) {
      sum += pe_add_products_64(0, weights, x, r->cols, format) << left;
    } else {
      const uint32_t low = (uint32_t)sum + (pe_add_products_32(0, weights, x, r->cols, format) << left);
      sum = (uint64_t)(int64_t)(int32_t)low;
    }
    if ((r->flags & PE_FLAG_LAST) != 0u) {
      pe_store_shifted(y, row, out_wide, sum, r->shift, r->flags & PE_FLAG_WRAP);
    } else if ((format & PE_FORMAT_ACC_WIDE) != 0u) {
      carried[2u * row] = (int32_t)(uint32_t)sum;
      carried[2u * row + 1u] = (int32_t)(uint32_t)(sum >> 32);
    } else {
      carried[row] = (int32_t)(uint32_t)sum;
    }
    weights += row_bytes;
  }
}

#endif
