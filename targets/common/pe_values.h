// Values of an open model's inputs and outputs, and the words that its engine reads and writes; of pinn_edge.c and pe_once.c.
#ifndef PE_VALUES_H
#define PE_VALUES_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "pinn_edge.h"

#define PE_WORD_BYTES 4u

// Words are little-endian on every machine.
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline void pe_store_word(uint8_t *at, int32_t word) { memcpy(at, &word, PE_WORD_BYTES); }

static inline int32_t pe_load_word(const uint8_t *at) {
  int32_t word;
  memcpy(&word, at, PE_WORD_BYTES);
  return word;
}
#else
static inline void pe_store_word(uint8_t *at, int32_t word) {
  const uint32_t bits = (uint32_t)word;
  for (unsigned i = 0; i < PE_WORD_BYTES; i++) at[i] = (uint8_t)(bits >> (8 * i));
}

static inline int32_t pe_load_word(const uint8_t *at) {
  uint32_t bits = 0;
  for (unsigned i = 0; i < PE_WORD_BYTES; i++) bits |= (uint32_t)at[i] << (8 * i);
  // Beyond INT32_MAX the conversion would be up to the compiler.
  return bits <= INT32_MAX ? (int32_t)bits : -1 - (int32_t)~bits;
}
#endif

// Evaluates the input words that lie in place.
static inline pe_result_t pe_run_in_place(pe_t *pe) {
  if (pe->hook != NULL) pe->hook(pe->hook_context, PE_EVENT_START);
  const pe_result_t result = pe->model->engine->run(pe);
  if (pe->hook != NULL) pe->hook(pe->hook_context, PE_EVENT_END);
  return result;
}

static inline void pe_put_input(pe_t *pe, uint32_t index, int32_t word) {
  pe_store_word(pe->input_words + PE_WORD_BYTES * index, word);
}

static inline int32_t pe_get_output(const pe_t *pe, uint32_t index) {
  return pe_load_word(pe->output_words + PE_WORD_BYTES * index);
}

// The nearest word, halves upwards; held to int32, and `held` set, when there is none. No library call but ldexp:
// floor and lrint would be one each.
static inline int32_t pe_engine_word(double value, int exponent, bool *held) {
  const double steps = ldexp(value, exponent) + 0.5;
  if (steps >= 2147483648.0 || steps < -2147483648.0) {
    *held = true;
    return steps > 0 ? INT32_MAX : INT32_MIN;
  }
  const int32_t word = (int32_t)steps;  // towards zero
  return (double)word > steps ? word - 1 : word;
}

// By the bits of IEEE 754 binary64: with -ffast-math a compiler takes isnan() for false.
static inline bool pe_is_not_a_number(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return (bits & UINT64_C(0x7fffffffffffffff)) > UINT64_C(0x7ff0000000000000);
}

static inline pe_result_t pe_put_value(pe_t *pe, uint32_t index, double value) {
  bool held = false;
  if (pe_is_not_a_number(value)) return PE_ERROR_NAN;
  pe_put_input(pe, index, pe_engine_word(value, pe->model->inputs[index].exponent, &held));
  return held ? PE_CLAMPED : PE_OK;
}

static inline double pe_get_value(const pe_t *pe, uint32_t index) {
  const pe_output_spec_t *output = &pe->model->outputs[index];
  // volatile: fused with the addition, the product would not be rounded, and the host's answer would differ.
  const volatile double scaled = ldexp((double)pe_get_output(pe, index), -output->exponent) * output->scale;
  return scaled + output->offset;
}

// PE_SUSPECT for an output beyond its limit, else the result so far.
static inline pe_result_t pe_hold_to_limit(const pe_t *pe, uint32_t index, double value, pe_result_t result) {
  return pe->limits != NULL && fabs(value) > pe->limits[index] ? PE_SUSPECT : result;
}

#endif
