// Functions of one variable by tables: y[i] = table(x[i]).
//
// The argument becomes a distance u from the origin, held to the range of the table; its high bits select the segment
// and its low bits are the position t in it. A periodic argument is an angle in turns: shifted left so that one turn is
// 2^32, it wraps by itself.
#ifndef PE_KERNELS_MAP_H
#define PE_KERNELS_MAP_H

#include <stdbool.h>

#include "pe_kernels_dsp.h"

// to - from, held to 0 .. last, which is at most 2^31 - 1.
PE_INLINE uint32_t pe_distance(int32_t to, int32_t from, uint32_t last) {
#if PE_DSP
  // Saturated, the difference is beyond the same end of the table.
  const int32_t u = __qsub(to, from);
  return (uint32_t)u <= last ? (uint32_t)u : u < 0 ? 0u : last;
#else
  const uint32_t u = (uint32_t)to - (uint32_t)from;
  return to < from ? 0u : u > last ? last : u;
#endif
}

// The same for an argument of 16 bits, where 32 bits are enough.
PE_INLINE uint32_t pe_distance_narrow(int32_t to, int32_t from, uint32_t last) {
  const int32_t u = (int32_t)((uint32_t)to - (uint32_t)from);
  return u < 0 ? 0u : (uint32_t)u > last ? last : (uint32_t)u;
}

// Argument `index` of the table as its distance from the origin.
PE_INLINE uint32_t pe_table_distance(const pe_record_t *r, uint32_t format, const void *x, pe_count_t index,
                                     uint32_t last) {
  const uint32_t a_wide = format & PE_FORMAT_A_WIDE;
  const int32_t argument = pe_load(x, index, a_wide);
  if ((r->flags & PE_FLAG_PERIODIC) != 0u) return ((uint32_t)argument << r->shift_a) + (uint32_t)r->origin;
  if ((r->flags & PE_FLAG_MIRRORED) != 0u) return pe_distance(r->origin, argument, last);
  return a_wide != 0u ? pe_distance(argument, r->origin, last) : pe_distance_narrow(argument, r->origin, last);
}

// The low `shift` bits of u as a fraction of 31 bits; shift is 1 .. 31.
PE_INLINE int32_t pe_fraction(uint32_t u, uint32_t shift) { return (int32_t)((u << (32u - shift)) >> 1); }

// Whether the processor multiplies 32 bits by 32 to 64. Those of ARMv6-M and the LX106 have the lower half only, and
// would call a function that multiplies 64 bits by 64.
#ifndef PE_WIDE_PRODUCTS
#if defined(__ARM_ARCH_6M__) || (defined(__XTENSA__) && !defined(__XTENSA_WINDOWED_ABI__))
#define PE_WIDE_PRODUCTS 0
#else
#define PE_WIDE_PRODUCTS 1
#endif
#endif

#if !PE_DSP
// base + a b / 2^32, rounded half up, for b >= 0.
PE_INLINE int32_t pe_add_upper(int32_t base, int32_t a, int32_t b) {
#if PE_WIDE_PRODUCTS
#if defined(__GNUC__)
  // Where GCC 12 sees that this is never negative, it multiplies 64 bits by 64. Here it cannot see it.
  __asm__("" : "+r"(b));
#endif
  // Added to 2^32 base + 2^31, so that the upper half of the sum is the result.
  const uint64_t start = (uint64_t)(uint32_t)base << 32 | (uint32_t)1u << 31;
  return (int32_t)(uint32_t)((start + (uint64_t)((int64_t)a * b)) >> 32);
#else
  // By halves of 16 bits. No sum overflows: |a1 b0| < 2^31 - 2^15, and b1 < 2^15.
  const uint32_t a0 = (uint32_t)a & 0xffffu;
  const uint32_t b0 = (uint32_t)b & 0xffffu;
  const int32_t a1 = a >> 16;
  const int32_t b1 = b >> 16;
  const int32_t middle = a1 * (int32_t)b0 + (int32_t)(a0 * b0 >> 16);
  const uint32_t lower = a0 * (uint32_t)b1 + ((uint32_t)middle & 0xffffu) + 0x8000u;
  return base + a1 * b1 + (middle >> 16) + (int32_t)(lower >> 16);
#endif
}
#endif

// base + (rise t >> shift), rounded half up, for |rise| < 2^30 and t = u mod 2^shift.
PE_INLINE int32_t pe_interpolate(int32_t base, int32_t rise, uint32_t u, uint32_t shift) {
  return pe_add_upper(base, 2 * rise, pe_fraction(u, shift));
}

// Elements `index` and `index` + 1 of knots of int16, or of int32 when `wide`.
PE_INLINE void pe_load_neighbours(const void *vector, pe_count_t index, uint32_t wide, int32_t *first, int32_t *second) {
#if PE_DSP
  if (wide == 0u) {
    pe_load_pair((const pe_narrow_t *)vector, index, first, second);
    return;
  }
#endif
  *first = pe_load_constant(vector, index, wide);
  *second = pe_load_constant(vector, index + 1u, wide);
}

// The largest shift for which the product of an int16 difference and a position fits 32 bits with its half.
#define PE_NARROW_POSITION 15u

// Interpolated linearly between knots of the result's width; the rise is rounded half up.
PE_INLINE void pe_map_linear(const pe_record_t *r, uint32_t format, void *arena, const uint8_t *pool) {
  const void *x = pe_operand(arena, r->a);
  void *PE_RESTRICT y = pe_operand(arena, r->out);
  const void *knots = pool + r->weights;
  const uint32_t out_wide = format & PE_FORMAT_OUT_WIDE;
  const pe_count_t rows = r->rows;
  const uint32_t shift = r->shift;
  const uint32_t last = ((uint32_t)r->cols << shift) - 1u;
  const uint32_t mask = ((uint32_t)1u << shift) - 1u;
  for (pe_count_t i = 0; i < rows; i++) {
    const uint32_t u = pe_table_distance(r, format, x, i, last);
    int32_t left, right;
    pe_load_neighbours(knots, (pe_count_t)(u >> shift), out_wide, &left, &right);
    if (out_wide != 0u) {
      const int64_t rise = (((int64_t)right - left) * (int64_t)(u & mask) + (int64_t)pe_half(shift)) >> shift;
      pe_store(y, i, out_wide, (int32_t)(uint32_t)(uint64_t)(left + rise));
    } else if (PE_DSP == 0 && shift <= PE_NARROW_POSITION) {
      const int32_t rise = ((right - left) * (int32_t)(u & mask) + (int32_t)((uint32_t)1u << (shift - 1u))) >> shift;
      pe_store(y, i, out_wide, left + rise);
    } else {
      pe_store(y, i, out_wide, pe_interpolate(left, right - left, u, shift));
    }
  }
}

// Where the polynomial of an argument lies, and where in its segment the argument is.
typedef struct {
  uint32_t u;
  uint32_t shift;  // log2 of the segment's width
  uint32_t segment;
} pe_place_t;

// With octaves the segments double in width away from the origin: 2^row_shifts of them from the origin on, then as many
// in each octave.
PE_INLINE pe_place_t pe_place(const pe_record_t *r, uint32_t u) {
  pe_place_t place = {u, r->shift, u >> r->shift};
  if ((r->flags & PE_FLAG_OCTAVES) == 0u) return place;
  const uint32_t octave_bits = r->row_shifts;
  uint32_t octave = 0;
  while ((place.segment >> (octave_bits + octave)) != 0u) octave++;
  if (octave != 0u) {
    place.shift += octave - 1u;
    place.segment = ((octave - 1u) << octave_bits) + (u >> place.shift);
  }
  return place;
}

// The largest distance from the origin.
PE_INLINE uint32_t pe_last_distance(const pe_record_t *r) {
  if ((r->flags & PE_FLAG_OCTAVES) == 0u) return ((uint32_t)r->cols << r->shift) - 1u;
  const uint32_t octave_bits = r->row_shifts;
  const uint32_t reach_bits = r->shift + octave_bits + ((uint32_t)r->cols >> (octave_bits & 31u)) - 1u;
  return ((uint32_t)1u << (reach_bits & 31u)) - 1u;
}

// The polynomial of the segment by Horner's rule, every product rounded half up, then y[i] = sat(p(t) >> shift_b).
// Coefficients are int32, constant term first. Mirrored segments run downwards. `narrow` where the magnitudes of a segment's
// coefficients sum up to less than 2^30, which the table's check verifies: then 32 bits hold every partial sum, with half a
// unit of the result.
PE_INLINE void pe_map_by_horner(const pe_record_t *r, uint32_t format, void *arena, const uint8_t *pool, bool narrow) {
  const void *x = pe_operand(arena, r->a);
  void *PE_RESTRICT y = pe_operand(arena, r->out);
  const pe_wide_t *coefficients = (const pe_wide_t *)(const void *)(pool + r->weights);
  const pe_count_t rows = r->rows;
  const uint32_t degree = r->bias;
  const uint32_t last = pe_last_distance(r);
  for (pe_count_t i = 0; i < rows; i++) {
    const pe_place_t place = pe_place(r, pe_table_distance(r, format, x, i, last));
    const pe_wide_t *c = coefficients + place.segment * (degree + 1u) + degree;
    int32_t result;
    if (narrow) {
      int32_t sum = pe_flash_32(c);
      for (uint32_t k = 0; k < degree; k++) {
        c--;
        sum = pe_interpolate(pe_flash_32(c), sum, place.u, place.shift);
      }
      result = (sum + (int32_t)(uint32_t)pe_half(r->shift_b)) >> r->shift_b;
    } else {
      const int64_t t = (int64_t)(place.u & (((uint32_t)1u << place.shift) - 1u));
      int64_t sum = pe_flash_32(c);
      for (uint32_t k = 0; k < degree; k++) {
        c--;
        // |sum| stays below 2^35: no more than six coefficients of 32 bits, and t < 2^shift.
        sum = (int64_t)((((uint64_t)sum * (uint64_t)t) + pe_half(place.shift))) >> place.shift;
        sum += pe_flash_32(c);
      }
      result = pe_saturate_wide((sum + (int64_t)pe_half(r->shift_b)) >> r->shift_b);
    }
    pe_store_saturated(y, i, format & PE_FORMAT_OUT_WIDE, result);
  }
}

PE_INLINE void pe_map_polynomial(const pe_record_t *r, uint32_t format, void *arena, const uint8_t *pool) {
  pe_map_by_horner(r, format, arena, pool, false);
}

PE_INLINE void pe_map_horner(const pe_record_t *r, uint32_t format, void *arena, const uint8_t *pool) {
  pe_map_by_horner(r, format, arena, pool, true);
}

#endif
