// The DSP extension of Cortex-M4, M7 and M33: dual multiply-accumulate and rounded upper halves of products.
//
// Written as assembly where compilers make neither several loads at once nor these multiplications of C. Results are
// those of the C99 code beside it, bit for bit; PE_NO_DSP leaves the extension alone.
#ifndef PE_KERNELS_DSP_H
#define PE_KERNELS_DSP_H

#include "pe_kernels_fixed.h"

// Without optimisation compilers keep registers to themselves that the assembly needs.
#if defined(__GNUC__) && defined(__OPTIMIZE__) && defined(__thumb2__) && defined(__ARM_FEATURE_SIMD32) && \
    defined(__ARM_FEATURE_UNALIGNED) && !defined(PE_NO_DSP)
#define PE_DSP 1
#else
#define PE_DSP 0
#endif

#if PE_DSP

#include <arm_acle.h>

// Two int16 at an address of any parity, the first one lowest.
typedef struct __attribute__((packed, may_alias)) {
  uint32_t word;
} pe_unaligned_t;

// Elements `index` and `index` + 1 of a vector of int16, in one load.
PE_INLINE void pe_load_pair(const pe_narrow_t *vector, uint32_t index, int32_t *first, int32_t *second) {
  const uint32_t pair = ((const pe_unaligned_t *)(const void *)&vector[index])->word;
  *first = (int16_t)(uint16_t)pair;
  *second = (int32_t)pair >> 16;
}

// base + a b / 2^32, rounded half up.
PE_INLINE int32_t pe_add_upper(int32_t base, int32_t a, int32_t b) {
  int32_t sum;
  __asm__("smmlar %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(base));
  return sum;
}

// Weights and inputs of 2 rows x 4 columns: the weights of a row are two words. More words at once would leave the
// compiler too few registers for the rest, and it chooses these itself: with some of them fixed, GCC 12 finds no others
// for the sums of some records.
#define PE_QUAD_64                                    \
  "ldrd %[x0], %[x1], [%[x]], #8\n"                   \
  "ldrd %[w0], %[w1], [%[w]], #8\n"                   \
  "smlald %Q[first], %R[first], %[x0], %[w0]\n"       \
  "smlald %Q[first], %R[first], %[x1], %[w1]\n"       \
  "ldrd %[w0], %[w1], [%[w]], #8\n"                   \
  "smlald %Q[second], %R[second], %[x0], %[w0]\n"     \
  "smlald %Q[second], %R[second], %[x1], %[w1]\n"

#define PE_QUAD_32                                    \
  "ldrd %[x0], %[x1], [%[x]], #8\n"                   \
  "ldrd %[w0], %[w1], [%[w]], #8\n"                   \
  "smlad %[first], %[x0], %[w0], %[first]\n"          \
  "smlad %[first], %[x1], %[w1], %[first]\n"          \
  "ldrd %[w0], %[w1], [%[w]], #8\n"                   \
  "smlad %[second], %[x0], %[w0], %[second]\n"        \
  "smlad %[second], %[x1], %[w1], %[second]\n"

// The rounds until x is at `stop`.
#define PE_ADD_ROUNDS(quads, x, w, first, second, stop)                                                    \
  do {                                                                                                    \
    uint32_t x0, x1, w0, w1;                                                                              \
    __asm__ volatile("1:\n" quads                                                                         \
                     "cmp %[x], %[end]\n"                                                                 \
                     "bne 1b\n"                                                                           \
                     : [x] "+r"(x), [w] "+r"(w), [first] "+r"(first), [second] "+r"(second),              \
                       [x0] "=&r"(x0), [x1] "=&r"(x1), [w0] "=&r"(w0), [w1] "=&r"(w1)                     \
                     : [end] "r"(stop)                                                                    \
                     : "cc", "memory");                                                                   \
  } while (0)

// Adds the products of `cols` columns, a multiple of 4, to the sums of two rows: 16 columns a round, then 4.
#define PE_ADD_ROWS(quad, x, w, first, second, cols)                                                      \
  do {                                                                                                    \
    const pe_pair_t *const end = (x) + (cols) / 2u;                                                       \
    const pe_pair_t *const rounds = (x) + ((cols) & ~15u) / 2u;                                           \
    if ((cols) >= 16u) PE_ADD_ROUNDS(quad quad quad quad, x, w, first, second, rounds);                   \
    if (((cols) & 15u) != 0u) PE_ADD_ROUNDS(quad, x, w, first, second, end);                              \
  } while (0)

#endif

#endif
