// y[i] = sat((sum_j W[i][j] x[j] + (bias[i] << (shift[i] - guard))) >> shift[i]), rounded half up.
// With starts: y[i] = sat(low 32 bits of (sum_j W[i][j] x[j] + start[i]) >> shift[i]); bias and half a unit are in the
// start, as wide as the accumulator, and the result fits 32 bits by the compiler's proof.
//
// W row-major [rows x cols], int8, int16 or int32; x int16 or int32; accumulator int32 or int64; y int16 or int32. The
// accumulator never overflows, by the compiler's proof. An angle in turns wraps instead of saturating.
#ifndef PE_KERNELS_DENSE_H
#define PE_KERNELS_DENSE_H

#include "pe_kernels_dsp.h"

// What a row needs besides its weights.
PE_INLINE uint32_t pe_row_shift(const pe_record_t *r, const uint8_t *pool, pe_count_t row) {
  return (r->flags & PE_FLAG_ROW_SHIFTS) != 0u ? (uint8_t)pe_flash_8(pool + r->row_shifts + row) : r->shift;
}

// Whether both factors have 16 bits at most: 8-bit processors multiply these in a sixth of the time.
PE_INLINE uint32_t pe_is_narrow_product(uint32_t format) {
  const uint32_t wide = PE_FORMAT_A_WIDE | PE_FORMAT_WEIGHT_32;
  return (format & wide) == 0u ? 1u : 0u;
}

// One product, modulo 2^32.
PE_INLINE uint32_t pe_product_32(const uint8_t *weights, const void *x, pe_count_t col, uint32_t format) {
  const int32_t w = pe_weight(weights, col, format);
  const int32_t value = pe_load(x, col, format & PE_FORMAT_A_WIDE);
  if (pe_is_narrow_product(format) != 0u) return (uint32_t)((int32_t)(int16_t)w * (int16_t)value);
  return (uint32_t)w * (uint32_t)value;
}

PE_INLINE uint64_t pe_product_64(const uint8_t *weights, const void *x, pe_count_t col, uint32_t format) {
  const int32_t w = pe_weight(weights, col, format);
  const int32_t value = pe_load(x, col, format & PE_FORMAT_A_WIDE);
  if (pe_is_narrow_product(format) != 0u) return (uint64_t)(int64_t)((int32_t)(int16_t)w * (int16_t)value);
  return (uint64_t)((int64_t)w * value);
}

#if PE_DSP
// Columns `col` and `col` + 1 of int16, which may lie at any parity.
PE_INLINE int16x2_t pe_pair_at(const void *vector, pe_count_t col) {
  return (int16x2_t)((const pe_unaligned_t *)(const void *)((const pe_narrow_t *)vector + col))->word;
}
#endif

// True where one instruction multiplies and adds two columns.
PE_INLINE uint32_t pe_has_pairs(uint32_t format) {
  return PE_DSP && (format & (PE_FORMAT_A_WIDE | PE_FORMAT_WEIGHT_MASK)) == PE_FORMAT_WEIGHT_16 ? 1u : 0u;
}

// The sum with the products of columns `col` and `col` + 1.
PE_INLINE uint32_t pe_add_two_32(uint32_t sum, const uint8_t *weights, const void *x, pe_count_t col, uint32_t format) {
#if PE_DSP
  if (pe_has_pairs(format) != 0u)
    return (uint32_t)__smlad(pe_pair_at(x, col), pe_pair_at(weights, col), (int32_t)sum);
#endif
  sum += pe_product_32(weights, x, col, format);
  return sum + pe_product_32(weights, x, col + 1u, format);
}

PE_INLINE uint64_t pe_add_two_64(uint64_t sum, const uint8_t *weights, const void *x, pe_count_t col, uint32_t format) {
#if PE_DSP
  if (pe_has_pairs(format) != 0u)
    return (uint64_t)__smlald(pe_pair_at(x, col), pe_pair_at(weights, col), (int64_t)sum);
#endif
  sum += pe_product_64(weights, x, col, format);
  return sum + pe_product_64(weights, x, col + 1u, format);
}

// The columns that are multiplied four a round, as compilers do not unroll the loop by themselves; where they make vectors
// of it, rounds are in their way.
PE_INLINE pe_count_t pe_in_rounds(pe_count_t cols) {
#if defined(PE_SMALL_KERNELS) || defined(PE_LONG_KERNELS) || PE_FLASH_IS_APART
  (void)cols;
  return 0;
#else
  return cols & ~(pe_count_t)3u;
#endif
}

// The sum with the products of a row, four columns a round.
#define PE_ADD_PRODUCTS(sum, product, add_two)                                       \
  do {                                                                               \
    const pe_count_t w_bytes = pe_weight_bytes(format);                              \
    const pe_count_t x_bytes = (format & PE_FORMAT_A_WIDE) != 0u ? 4u : 2u;          \
    const uint8_t *in = (const uint8_t *)x;                                          \
    const uint8_t *const rounds = in + pe_in_rounds(cols) * x_bytes;                 \
    const uint8_t *const end = in + cols * x_bytes;                                  \
    while (in != rounds) {                                                           \
      sum = add_two(sum, weights, in, 0u, format);                                   \
      sum = add_two(sum, weights, in, 2u, format);                                   \
      in += 4u * x_bytes;                                                            \
      weights += 4u * w_bytes;                                                       \
    }                                                                                \
    while (in != end) {                                                              \
      sum += product(weights, in, 0u, format);                                       \
      in += x_bytes;                                                                 \
      weights += w_bytes;                                                            \
    }                                                                                \
  } while (0)

PE_INLINE uint32_t pe_add_products_32(uint32_t sum, const uint8_t *weights, const void *x, pe_count_t cols,
                                      uint32_t format) {
  PE_ADD_PRODUCTS(sum, pe_product_32, pe_add_two_32);
  return sum;
}

PE_INLINE uint64_t pe_add_products_64(uint64_t sum, const uint8_t *weights, const void *x, pe_count_t cols,
                                      uint32_t format) {
  PE_ADD_PRODUCTS(sum, pe_product_64, pe_add_two_64);
  return sum;
}

PE_INLINE void pe_dense(const pe_record_t *r, uint32_t format, void *arena, const uint8_t *pool) {
  const void *x = pe_operand(arena, r->a);
  void *PE_RESTRICT y = pe_operand(arena, r->out);
  const pe_count_t rows = r->rows;
  const pe_count_t cols = r->cols;
  const pe_count_t row_bytes = cols * pe_weight_bytes(format);
  const uint8_t *weights = pool + r->weights;
  const pe_wide_t *bias = (const pe_wide_t *)(const void *)(pool + r->bias);
  const uint32_t out_wide = format & PE_FORMAT_OUT_WIDE;
  const uint32_t wraps = r->flags & PE_FLAG_WRAP;
  for (pe_count_t row = 0; row < rows; row++) {
    const uint32_t shift = pe_row_shift(r, pool, row);
    if ((format & PE_FORMAT_ACC_WIDE) != 0u) {
      const uint64_t start = pe_shift_left(pe_flash_32(bias + row), shift - r->shift_a) + pe_half(shift);
      pe_store_shifted(y, row, out_wide, pe_add_products_64(start, weights, x, cols, format), shift, wraps);
    } else {
      const uint32_t start = ((uint32_t)pe_flash_32(bias + row) << (shift - r->shift_a)) + (uint32_t)pe_half(shift);
      const int32_t sum = (int32_t)pe_add_products_32(start, weights, x, cols, format) >> shift;
      pe_store(y, row, out_wide, wraps != 0u || out_wide != 0u ? sum : pe_saturate_narrow(sum));
    }
    weights += row_bytes;
  }
}

// What the accumulator of a row starts with, from word boundaries.
PE_INLINE uint64_t pe_row_start(const pe_record_t *r, uint32_t format, const uint8_t *pool, pe_count_t row) {
  const pe_pair_t *starts = (const pe_pair_t *)(const void *)(pool + r->bias);
  if ((format & PE_FORMAT_ACC_WIDE) == 0u) return (uint32_t)pe_flash_32(starts + row);
  return ((uint64_t)(uint32_t)pe_flash_32(starts + 2u * row + 1u) << 32) | (uint32_t)pe_flash_32(starts + 2u * row);
}

// The result of a row whose accumulator had a start; shifts are 1 .. 31.
PE_INLINE void pe_finish_row(const pe_record_t *r, uint32_t format, const uint8_t *pool, void *y, pe_count_t row,
                             uint64_t sum) {
  const uint32_t shift = pe_row_shift(r, pool, row);
  int32_t value;
  if ((format & PE_FORMAT_ACC_WIDE) != 0u) {
    value = (int32_t)(((uint32_t)sum >> shift) | ((uint32_t)(sum >> 32) << (32u - shift)));
  } else {
    value = (int32_t)(uint32_t)sum >> shift;
  }
  if ((r->flags & PE_FLAG_WRAP) != 0u) {
    pe_store(y, row, format & PE_FORMAT_OUT_WIDE, value);
  } else {
    pe_store_saturated(y, row, format & PE_FORMAT_OUT_WIDE, value);
  }
}

PE_INLINE void pe_dense_starts(const pe_record_t *r, uint32_t format, void *arena, const uint8_t *pool) {
  const void *x = pe_operand(arena, r->a);
  void *PE_RESTRICT y = pe_operand(arena, r->out);
  const pe_count_t rows = r->rows;
  const pe_count_t cols = r->cols;
  const pe_count_t row_bytes = cols * pe_weight_bytes(format);
  const uint8_t *weights = pool + r->weights;
  for (pe_count_t row = 0; row < rows; row++) {
    const uint64_t start = pe_row_start(r, format, pool, row);
    const uint64_t sum = (format & PE_FORMAT_ACC_WIDE) != 0u
                             ? pe_add_products_64(start, weights, x, cols, format)
                             : pe_add_products_32((uint32_t)start, weights, x, cols, format);
    pe_finish_row(r, format, pool, y, row, sum);
    weights += row_bytes;
  }
}

#endif
