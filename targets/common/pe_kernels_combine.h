// Elementwise operations of two operands, and copies. Left shifts bring both operands to the finer of their scales. A
// broadcast operand has one element for all rows.
#ifndef PE_KERNELS_COMBINE_H
#define PE_KERNELS_COMBINE_H

#include "pe_kernels_fixed.h"

PE_INLINE int32_t pe_element_a(const pe_record_t *r, uint32_t format, const void *a, pe_count_t row) {
  return pe_load(a, (r->flags & PE_FLAG_BROADCAST_A) != 0u ? 0u : row, format & PE_FORMAT_A_WIDE);
}

PE_INLINE int32_t pe_element_b(const pe_record_t *r, uint32_t format, const void *b, pe_count_t row) {
  return pe_load(b, (r->flags & PE_FLAG_BROADCAST_B) != 0u ? 0u : row, format & PE_FORMAT_B_WIDE);
}

// sat(sum >> shift) of a sum that holds half a unit already.
PE_INLINE int32_t pe_shift_to_word(uint64_t sum, uint32_t shift) {
#if PE_FLASH_IS_APART
  return pe_shift_saturate(sum, shift);
#else
  const int32_t high = (int32_t)(uint32_t)(sum >> 32);
  if (shift >= 32u) return high >> (shift - 32u);
  // The upper word to the left in two steps: by 32 at once, for shift 0, it cannot go.
  const int32_t low = (int32_t)(((uint32_t)sum >> shift) | (((uint32_t)high << 1) << (31u - shift)));
  return high >> shift == low >> 31 ? low : (high >> 31) ^ INT32_MAX;
#endif
}

// y[row] = sat(value >> shift), rounded half up.
PE_INLINE void pe_store_rounded(const pe_record_t *r, uint32_t format, void *y, pe_count_t row, uint64_t value) {
  pe_store_saturated(y, row, format & PE_FORMAT_OUT_WIDE, pe_shift_to_word(value + pe_half(r->shift), r->shift));
}

// True for int16 in and out where all of a record's arithmetic fits int32; small kernels do without the instance.
PE_INLINE uint32_t pe_is_narrow(const pe_record_t *r, uint32_t format, uint32_t most_left) {
#ifdef PE_SMALL_KERNELS
  (void)r, (void)format, (void)most_left;
  return 0u;
#else
  const uint32_t wide = PE_FORMAT_A_WIDE | PE_FORMAT_B_WIDE | PE_FORMAT_OUT_WIDE;
  const uint32_t fits = r->shift <= 30u && r->shift_a <= most_left && r->shift_b <= most_left ? 1u : 0u;
  return (format & wide) == 0u ? fits : 0u;
#endif
}

// sat(value >> shift) of a value within 2^30, rounded half up.
PE_INLINE int16_t pe_round_narrow(int32_t value, uint32_t shift) {
  return (int16_t)pe_saturate_narrow((value + (int32_t)(((uint32_t)1u << shift) >> 1)) >> shift);
}

PE_INLINE uint32_t pe_step_a(const pe_record_t *r) { return (r->flags & PE_FLAG_BROADCAST_A) != 0u ? 0u : 1u; }
PE_INLINE uint32_t pe_step_b(const pe_record_t *r) { return (r->flags & PE_FLAG_BROADCAST_B) != 0u ? 0u : 1u; }

PE_INLINE uint32_t pe_bytes_a(const pe_record_t *r, uint32_t format) {
  return pe_step_a(r) * ((format & PE_FORMAT_A_WIDE) != 0u ? 4u : 2u);
}
PE_INLINE uint32_t pe_bytes_b(const pe_record_t *r, uint32_t format) {
  return pe_step_b(r) * ((format & PE_FORMAT_B_WIDE) != 0u ? 4u : 2u);
}

// Without a choice, for which compilers would make a loop each.
PE_INLINE uint64_t pe_negated_if(uint32_t condition, uint64_t value) {
  const uint64_t mask = condition != 0u ? ~(uint64_t)0u : 0u;
  return (value ^ mask) - mask;
}

// The sum of int16: up to 14 bits further left they stay within 2^29, and half a unit is no more than that.
PE_INLINE void pe_add_narrow(const pe_record_t *r, const pe_narrow_t *a, const pe_narrow_t *b, pe_narrow_t *y) {
  const int32_t unit_a = (int32_t)((uint32_t)1u << r->shift_a);
  const int32_t plus_b = (int32_t)((uint32_t)1u << r->shift_b);
  const int32_t unit_b = (r->flags & PE_FLAG_SUBTRACT) != 0u ? -plus_b : plus_b;
  const uint32_t step_a = pe_step_a(r), step_b = pe_step_b(r), shift = r->shift;
  for (const pe_narrow_t *const end = y + r->rows; y != end; y++) {
    *y = pe_round_narrow(*a * unit_a + *b * unit_b, shift);
    a += step_a;
    b += step_b;
  }
}

// y[i] = sat(((a[i] << shift_a) +- (b[i] << shift_b)) >> shift)
PE_INLINE void pe_add(const pe_record_t *r, uint32_t format, void *arena) {
  const void *a = pe_operand(arena, r->a);
  const void *b = pe_operand(arena, r->b);
  void *y = pe_operand(arena, r->out);
  if (pe_is_narrow(r, format, 14u) != 0u) {
    pe_add_narrow(r, (const pe_narrow_t *)a, (const pe_narrow_t *)b, (pe_narrow_t *)y);
    return;
  }
  for (pe_count_t row = 0; row < r->rows; row++) {
    const uint64_t left = pe_shift_left(pe_element_a(r, format, a, row), r->shift_a);
    const uint64_t right = pe_shift_left(pe_element_b(r, format, b, row), r->shift_b);
    pe_store_rounded(r, format, y, row, (r->flags & PE_FLAG_SUBTRACT) != 0u ? left - right : left + right);
  }
}

// One at the scale of a product that is taken from it.
PE_INLINE uint64_t pe_one(const pe_record_t *r) {
  return (r->flags & PE_FLAG_SUBTRACT) != 0u ? (uint64_t)1u << (r->shift_a + r->shift_b) : 0u;
}

// Whether both operands are the same values, whose products are no less than zero.
PE_INLINE uint32_t pe_is_square(const pe_record_t *r) {
  const uint32_t broadcasts = r->flags & (PE_FLAG_BROADCAST_A | PE_FLAG_BROADCAST_B);
  return r->a == r->b && broadcasts == 0u ? 1u : 0u;
}

// Products of int16 are within 2^30; 2^30 minus one and half a unit of up to 15 bits stay below 2^31, and so does 2^30 minus a
// square with half a unit of up to 30.
PE_INLINE void pe_mul_narrow(const pe_record_t *r, const pe_narrow_t *a, const pe_narrow_t *b, pe_narrow_t *y) {
  const uint32_t step_a = pe_step_a(r), step_b = pe_step_b(r), shift = r->shift;
  const int32_t start = (int32_t)pe_one(r) + (int32_t)(((uint32_t)1u << shift) >> 1);
  const uint32_t subtracts = r->flags & PE_FLAG_SUBTRACT;
  for (const pe_narrow_t *const end = y + r->rows; y != end; y++) {
    const int32_t product = (int32_t)*a * *b;
    *y = (int16_t)pe_saturate_narrow((subtracts != 0u ? start - product : start + product) >> shift);
    a += step_a;
    b += step_b;
  }
}

// 2^(shift_a + shift_b) minus a square, or a square.
PE_INLINE void pe_square_narrow(const pe_record_t *r, const pe_narrow_t *a, pe_narrow_t *y) {
  const uint32_t shift = r->shift;
  const int32_t start = (int32_t)pe_one(r) + (int32_t)(((uint32_t)1u << shift) >> 1);
  const uint32_t subtracts = r->flags & PE_FLAG_SUBTRACT;
  for (const pe_narrow_t *const end = y + r->rows; y != end; y++) {
    const int32_t value = *a++;
    const int32_t square = value * value;
    *y = (int16_t)pe_saturate_narrow((subtracts != 0u ? start - square : start + square) >> shift);
  }
}

// True where these 32 bits are enough.
PE_INLINE uint32_t pe_mul_is_narrow(const pe_record_t *r, uint32_t format) {
  if ((r->flags & PE_FLAG_SUBTRACT) == 0u) return pe_is_narrow(r, format, 31u);
  const uint32_t most = pe_is_square(r) != 0u ? 30u : 15u;
  return r->shift <= most && r->shift_a + r->shift_b <= 30u ? pe_is_narrow(r, format, 31u) : 0u;
}

// y[i] = sat((a[i] b[i]) >> shift), or of one minus the product. Most of what derivatives take beside matrices: what the
// record says is read once.
PE_INLINE void pe_mul(const pe_record_t *r, uint32_t format, void *arena) {
  const uint8_t *a = (const uint8_t *)pe_operand(arena, r->a);
  const uint8_t *b = (const uint8_t *)pe_operand(arena, r->b);
  void *y = pe_operand(arena, r->out);
  if (pe_mul_is_narrow(r, format) != 0u) {
    if (pe_is_square(r) != 0u) {
      pe_square_narrow(r, (const pe_narrow_t *)(const void *)a, (pe_narrow_t *)y);
      return;
    }
    pe_mul_narrow(r, (const pe_narrow_t *)(const void *)a, (const pe_narrow_t *)(const void *)b, (pe_narrow_t *)y);
    return;
  }
  const pe_count_t rows = r->rows;
  const uint32_t shift = r->shift;
  const uint32_t bytes_a = pe_bytes_a(r, format), bytes_b = pe_bytes_b(r, format);
  const uint64_t start = pe_one(r) + pe_half(shift);
  const uint32_t subtracts = r->flags & PE_FLAG_SUBTRACT;
  for (pe_count_t row = 0; row < rows; row++) {
    const int64_t product = (int64_t)pe_load(a, 0u, format & PE_FORMAT_A_WIDE) * pe_load(b, 0u, format & PE_FORMAT_B_WIDE);
    const uint64_t sum = start + pe_negated_if(subtracts, (uint64_t)product);
    pe_store_saturated(y, row, format & PE_FORMAT_OUT_WIDE, pe_shift_to_word(sum, shift));
    a += bytes_a;
    b += bytes_b;
  }
}

// y[i] = sat((a[i] << shift_a) >> shift)
PE_INLINE void pe_copy(const pe_record_t *r, uint32_t format, void *arena) {
  const void *a = pe_operand(arena, r->a);
  void *y = pe_operand(arena, r->out);
  for (pe_count_t row = 0; row < r->rows; row++) {
    pe_store_rounded(r, format, y, row, pe_shift_left(pe_load(a, row, format & PE_FORMAT_A_WIDE), r->shift_a));
  }
}

#endif
