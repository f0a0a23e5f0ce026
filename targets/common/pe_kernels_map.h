// Functions of one variable by tables: y[i] = table(x[i]).
//
// The argument becomes a distance u from the origin, held to the range of the table; its high bits select the segment
// and its low bits are the position t in it. A periodic argument is an angle in turns: shifted left so that one turn is
// 2^32, it wraps by itself.
#ifndef PE_KERNELS_MAP_H
#define PE_KERNELS_MAP_H

#include "pe_kernels_fixed.h"

// to - from, held to 0 .. last.
PE_INLINE uint32_t pe_distance(int32_t to, int32_t from, uint32_t last) {
  const int64_t u = (int64_t)to - from;
  return u < 0 ? 0u : u > (int64_t)last ? last : (uint32_t)u;
}

// The same for an argument of 16 bits, where 32 bits are enough.
PE_INLINE uint32_t pe_distance_narrow(int32_t to, int32_t from, uint32_t last) {
  const int32_t u = (int32_t)((uint32_t)to - (uint32_t)from);
  return u < 0 ? 0u : (uint32_t)u > last ? last : (uint32_t)u;
}

// The largest shift for which the product of an int16 difference and a position fits 32 bits with its half.
#define PE_NARROW_POSITION 15u

// Interpolated linearly between knots of the result's width; the rise is rounded half up.
PE_INLINE void pe_map_linear(const pe_record_t *r, uint32_t format, void *arena, const uint8_t *pool) {
  const void *x = pe_operand(arena, r->a);
  void *PE_RESTRICT y = pe_operand(arena, r->out);
  const void *knots = pool + r->weights;
  const uint32_t a_wide = format & PE_FORMAT_A_WIDE;
  const uint32_t out_wide = format & PE_FORMAT_OUT_WIDE;
  const uint32_t rows = r->rows;
  const uint32_t shift = r->shift;
  const uint32_t periodic = r->flags & PE_FLAG_PERIODIC;
  const uint32_t last = ((uint32_t)r->cols << shift) - 1u;
  const uint32_t mask = ((uint32_t)1u << shift) - 1u;
  const int32_t origin = r->origin;
  const uint32_t narrow_rise = out_wide == 0u && shift <= PE_NARROW_POSITION ? 1u : 0u;
  for (uint32_t i = 0; i < rows; i++) {
    const int32_t argument = pe_load(x, i, a_wide);
    const uint32_t u = periodic != 0u ? ((uint32_t)argument << r->shift_a) + (uint32_t)origin
                       : a_wide != 0u ? pe_distance(argument, origin, last)
                                      : pe_distance_narrow(argument, origin, last);
    const int32_t left = pe_load(knots, u >> shift, out_wide);
    const int32_t right = pe_load(knots, (u >> shift) + 1u, out_wide);
    const uint32_t t = u & mask;
    if (narrow_rise != 0u) {
      const int32_t rise = ((right - left) * (int32_t)t + (int32_t)(1u << (shift - 1u))) >> shift;
      pe_store(y, i, out_wide, left + rise);
    } else {
      const int64_t rise = (((int64_t)right - left) * (int64_t)t + (int64_t)pe_half(shift)) >> shift;
      pe_store(y, i, out_wide, (int32_t)(uint32_t)(uint64_t)(left + rise));
    }
  }
}

// The polynomial of the segment by Horner's rule, every product rounded half up, then y[i] = sat(p(t) >> shift_b).
// Coefficients are int32, constant term first. With octaves the segments double in width away from the origin:
// 2^row_shifts of them from the origin on, then as many in each octave. Mirrored segments run downwards.
PE_INLINE void pe_map_polynomial(const pe_record_t *r, uint32_t format, void *arena, const uint8_t *pool) {
  const void *x = pe_operand(arena, r->a);
  void *PE_RESTRICT y = pe_operand(arena, r->out);
  const pe_wide_t *coefficients = (const pe_wide_t *)(const void *)(pool + r->weights);
  const uint32_t rows = r->rows;
  const uint32_t narrowest = r->shift;
  const uint32_t degree = r->bias;
  const uint32_t octave_bits = r->row_shifts;
  const uint32_t octaves = r->flags & PE_FLAG_OCTAVES;
  const uint32_t reach_bits = narrowest + octave_bits + ((uint32_t)r->cols >> (octave_bits & 31u)) - 1u;
  const uint32_t last = (octaves != 0u ? (uint32_t)1u << (reach_bits & 31u) : (uint32_t)r->cols << narrowest) - 1u;
  for (uint32_t i = 0; i < rows; i++) {
    const int32_t argument = pe_load(x, i, format & PE_FORMAT_A_WIDE);
    uint32_t u;
    if ((r->flags & PE_FLAG_PERIODIC) != 0u) {
      u = ((uint32_t)argument << r->shift_a) + (uint32_t)r->origin;
    } else if ((r->flags & PE_FLAG_MIRRORED) != 0u) {
      u = pe_distance(r->origin, argument, last);
    } else {
      u = pe_distance(argument, r->origin, last);
    }
    uint32_t shift = narrowest;
    uint32_t segment = u >> shift;
    if (octaves != 0u) {
      uint32_t octave = 0;
      while ((segment >> (octave_bits + octave)) != 0u) octave++;
      if (octave != 0u) {
        shift += octave - 1u;
        segment = ((octave - 1u) << octave_bits) + (u >> shift);
      }
    }
    const int64_t t = (int64_t)(u & (((uint32_t)1u << shift) - 1u));
    const pe_wide_t *c = coefficients + segment * (degree + 1u) + degree;
    int64_t sum = *c;
    for (uint32_t k = 0; k < degree; k++) {
      c--;
      // |sum| stays below 2^35: no more than six coefficients of 32 bits, and t < 2^shift.
      sum = (int64_t)((((uint64_t)sum * (uint64_t)t) + pe_half(shift))) >> shift;
      sum += *c;
    }
    const int64_t result = (sum + (int64_t)pe_half(r->shift_b)) >> r->shift_b;
    pe_store_saturated(y, i, format & PE_FORMAT_OUT_WIDE, pe_saturate_wide(result));
  }
}

#endif
