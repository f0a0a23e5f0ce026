// From a value in steps of a word to the word: the nearest whole number, halves upwards.
#ifndef PE_WORDS_H
#define PE_WORDS_H

#include <float.h>
#include <stdint.h>

// floor(steps + 1/2), held to int32. Returns 1 where it had to be held, else 0. `steps` is a number.
static inline int pe_nearest_word(double steps, int32_t *word) {
#if DBL_MANT_DIG < 53
  // A double of 32 bits, to which a half cannot always be added exactly: the rest beside the whole number decides. These
  // are the words that the same values, as float, become where doubles have 64 bits.
  const double value = steps;
#else
  const double value = steps + 0.5;
#endif
  if (value >= 2147483648.0 || value < -2147483648.0) {
    *word = value > 0.0 ? INT32_MAX : INT32_MIN;
    return 1;
  }
  const int32_t towards_zero = (int32_t)value;
#if DBL_MANT_DIG < 53
  const double rest = value - (double)towards_zero;
  *word = rest >= 0.5 ? towards_zero + 1 : rest < -0.5 ? towards_zero - 1 : towards_zero;
#else
  *word = (double)towards_zero > value ? towards_zero - 1 : towards_zero;
#endif
  return 0;
}

#endif
