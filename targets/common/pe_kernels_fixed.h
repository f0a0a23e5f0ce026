// Fixed-point arithmetic of the block kernels in C99: loads and stores of the arena, the one rounding rule (add half,
// shift right arithmetically, saturate), and what the kernels rely on of the compiler.
//
// Kernels are inline functions of a record and of its format byte. Where the format is a constant, and in generated
// code the record too, the compiler leaves one straight loop of what is in general a choice; nothing is written twice.
//
// An int has 16 bits or more: products, sums and shifts say their own width, and leave none to promotions.
//
// No signed overflow happens in any kernel, whatever the table holds: sums and left shifts are made in unsigned
// arithmetic, which wraps. Accumulators of tables made by pinn-edge never do, by the compiler's proof.
#ifndef PE_KERNELS_FIXED_H
#define PE_KERNELS_FIXED_H

#include <stdint.h>

#include "pe_flash.h"
#include "pe_format.gen.h"

#if defined(__GNUC__)
#define PE_INLINE static inline __attribute__((always_inline, unused))
#define PE_RESTRICT __restrict__
#else
#define PE_INLINE static inline
#define PE_RESTRICT
#endif

#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__)
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "block tables are little-endian, and are read where they lie"
#endif
#endif

// Right shifts of negative numbers are arithmetic, and conversions to signed types keep the low bits.
typedef char pe_right_shifts_are_arithmetic[((-3) >> 1) == -2 ? 1 : -1];
typedef char pe_conversions_keep_low_bits[(int32_t)0xfffffffeu == -2 ? 1 : -1];

// Numbers of rows and columns, and places among them: 16 bits where addresses have no more.
#if PE_FLASH_IS_APART
typedef uint16_t pe_count_t;
#else
typedef uint32_t pe_count_t;
#endif

// Arithmetic on 64 bits, which fills the registers of an 8-bit processor: there it has one copy in the program.
#if PE_FLASH_IS_APART
#define PE_WIDE_INLINE static __attribute__((noinline, unused))
#else
#define PE_WIDE_INLINE PE_INLINE
#endif

// Element `index` of a vector of int16, or of int32 when `wide`.
PE_INLINE int32_t pe_load(const void *vector, pe_count_t index, uint32_t wide) {
  return wide != 0u ? ((const pe_wide_t *)vector)[index] : ((const pe_narrow_t *)vector)[index];
}

// The low 32 or 16 bits of a value as element `index`.
PE_INLINE void pe_store(void *vector, pe_count_t index, uint32_t wide, int32_t value) {
  if (wide != 0u) {
    ((pe_wide_t *)vector)[index] = value;
  } else {
    ((pe_narrow_t *)vector)[index] = (int16_t)value;
  }
}

// The same of the pool, which lies where constants do.
PE_INLINE int32_t pe_load_constant(const void *vector, pe_count_t index, uint32_t wide) {
  return wide != 0u ? pe_flash_32((const pe_wide_t *)vector + index) : pe_flash_16((const pe_narrow_t *)vector + index);
}

// Element `index` of weights of 8, 16 or 32 bits, as the format says.
PE_INLINE int32_t pe_weight(const void *weights, pe_count_t index, uint32_t format) {
  const uint32_t width = format & PE_FORMAT_WEIGHT_MASK;
  if (width == PE_FORMAT_WEIGHT_8) return pe_flash_8((const int8_t *)weights + index);
  return pe_load_constant(weights, index, width == PE_FORMAT_WEIGHT_16 ? 0u : 1u);
}

PE_INLINE pe_count_t pe_weight_bytes(uint32_t format) {
  const uint32_t width = format & PE_FORMAT_WEIGHT_MASK;
  return width == PE_FORMAT_WEIGHT_8 ? 1u : width == PE_FORMAT_WEIGHT_16 ? 2u : 4u;
}

// Arena addresses in records count units of 2 bytes.
PE_INLINE void *pe_operand(void *arena, uint32_t address) {
  void *operand = (uint8_t *)arena + 2u * (pe_count_t)address;
#if defined(__GNUC__)
  // Where GCC 12 sees that two operands lie in one arena, it may count one by the other's pointer, lose track of what
  // is stored there, and leave out the call of a kernel that seems to store nothing. Here it cannot see it.
  __asm__("" : "+r"(operand));
#endif
  return operand;
}

// Half of 2^shift, zero for shift 0.
PE_WIDE_INLINE uint64_t pe_half(uint32_t shift) { return ((uint64_t)1u << shift) >> 1; }

// value * 2^shift, the bits beyond 64 lost.
PE_WIDE_INLINE uint64_t pe_shift_left(int32_t value, uint32_t shift) { return (uint64_t)(int64_t)value << shift; }

// The low 32 bits of an accumulator shifted right.
PE_WIDE_INLINE int32_t pe_low(uint64_t sum, uint32_t shift) { return (int32_t)(uint32_t)(uint64_t)((int64_t)sum >> shift); }

PE_INLINE int32_t pe_saturate_narrow(int32_t value) {
#if defined(__GNUC__) && defined(__ARM_FEATURE_SAT) && !defined(PE_NO_DSP)
  // GCC 12 makes two comparisons of what is one instruction.
  int32_t narrow;
  __asm__("ssat %0, #16, %1" : "=r"(narrow) : "r"(value));
  return narrow;
#else
  return value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value;
#endif
}

// The nearest int32 of a 64-bit number.
PE_INLINE int32_t pe_saturate_wide(int64_t value) {
  return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

// The nearest int32 of an accumulator shifted right.
PE_WIDE_INLINE int32_t pe_shift_saturate(uint64_t sum, uint32_t shift) {
  return pe_saturate_wide((int64_t)sum >> shift);
}

// Stores a result of 32 bits, saturated.
PE_INLINE void pe_store_saturated(void *vector, pe_count_t index, uint32_t wide, int32_t value) {
  pe_store(vector, index, wide, wide != 0u ? value : pe_saturate_narrow(value));
}

// Rounds a 64-bit accumulator, which holds half a unit already, and stores it: saturated, or wrapped.
PE_INLINE void pe_store_shifted(void *vector, pe_count_t index, uint32_t wide, uint64_t sum, uint32_t shift,
                                uint32_t wraps) {
  if (wraps != 0u) {
    pe_store(vector, index, wide, pe_low(sum, shift));
  } else {
    pe_store_saturated(vector, index, wide, pe_shift_saturate(sum, shift));
  }
}

// A record among the constants as `r`. What follows is the same field by field, as values or read from there: where
// constants lie apart, and from ARMv7-M on, a kernel works on a copy, of which the compiler knows the values.
#if PE_FLASH_IS_APART || defined(__ARM_FEATURE_SAT)
#define PE_SHARED_RECORD(r, record, ...)      \
  (void)(record);                             \
  const pe_record_t r##_copy = {__VA_ARGS__}; \
  const pe_record_t *const r = &r##_copy
#define PE_COPIED_RECORD PE_SHARED_RECORD
#else
#define PE_SHARED_RECORD(r, record, ...) const pe_record_t *const r = (record)
#define PE_COPIED_RECORD(r, record, ...)  \
  const pe_record_t r##_copy = *(record); \
  const pe_record_t *const r = &r##_copy
#endif

// After a kernel, at the end of a function: where GCC 12 knows what a record says, it may see no store in the kernel and leave
// out the call of the function.
#if defined(__GNUC__)
#define PE_KEEP_STORES() __asm__ volatile("" ::: "memory")
#else
#define PE_KEEP_STORES() ((void)0)
#endif

// Holds the input words, which the arena starts with, to their ranges: PE_STATUS_CLAMPED when one had to be moved.
PE_INLINE uint32_t pe_hold_inputs(const pe_input_t *ranges, pe_count_t count, void *arena) {
  pe_wide_t *words = (pe_wide_t *)arena;
  uint32_t status = PE_STATUS_OK;
  for (pe_count_t i = 0; i < count; i++) {
    const int32_t word = words[i];
    const int32_t min = pe_flash_32(&ranges[i].min), max = pe_flash_32(&ranges[i].max);
    const int32_t held = word < min ? min : word > max ? max : word;
    if (held != word) {
      words[i] = held;
      status = PE_STATUS_CLAMPED;
    }
  }
  return status;
}

#endif
