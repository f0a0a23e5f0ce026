// Steps of a model whose answer is its next question: some outputs are the next values of some inputs, the state.
//
//     #include "pinn_step.h"  // written by `pinn-edge build` for step models; defines pinn_model_step
//
//     static int32_t words[PINN_MODEL_INPUT_COUNT];  // the state, and the inputs that drive it
//     int32_t outputs[PINN_MODEL_OUTPUT_COUNT];
//     pe_step_set(&pinn_model_step, words, PINN_MODEL_INPUT_THETA, 1.0);      // once
//     pe_step_set(&pinn_model_step, words, PINN_MODEL_INPUT_U, measured());   // before every step
//     const int result = pe_step(&pinn_model_step, pinn_model_step_run, &pe, words, outputs);
//     pe_step_get(&pinn_model_step, words, PINN_MODEL_INPUT_THETA)            // the state after the step
//
// The state stays in words. The word of a next state becomes one of the state by a shift: the nearest integer to
// next * 2^-shift, halves upwards, held to the range of the input. These integers are the same on every device and on the
// host, bit for bit. A next state outside of its range is never wrapped: it is held at the end, and PE_STEP_LEFT says so.
//
// Nothing comes from the heap, and nothing is kept between calls.
#ifndef PE_STEP_H
#define PE_STEP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What pe_step returns, besides what the model's own function does: 0 for success, PE_CLAMPED (1) where an input that drives
// the model was moved to the end of its range, below 0 for an error.
#define PE_STEP_OK 0
#define PE_STEP_CLAMPED 1
// A next state was outside of its range and is held at the end of it: from here on the trajectory is no longer the model's.
#define PE_STEP_LEFT 3
// An input that the model does not have.
#define PE_STEP_ERROR_ARGUMENT (-1)
// A value that is not a number.
#define PE_STEP_ERROR_NAN (-10)

// Evaluates words: pinn_model_step_run, around pe_run_words or pinn_model_run_words. Below 0: it failed.
typedef int (*pe_step_run_t)(void *context, const int32_t *inputs, int32_t *outputs);

// Puts the next states of `outputs` in the place of the states. Returns `result`, or PE_STEP_LEFT where one had to be held.
typedef int (*pe_step_next_t)(int32_t *words, const int32_t *outputs, int result);

// What is known of a step model when it is built. All of it may lie in flash.
typedef struct {
  uint16_t input_count;
  pe_step_next_t next;
  const double *units;  // words per unit of every input: powers of two
} pe_step_model_t;

// Inlined, so that what is constant of a model costs nothing: a step of a small network has some hundred instructions in all.
#if defined(__GNUC__)
#define PE_STEP_INLINE static inline __attribute__((always_inline, unused))
#else
#define PE_STEP_INLINE static inline
#endif

// The right shift of a negative number is arithmetic.
typedef char pe_step_right_shifts_are_arithmetic[((-3) >> 1) == -2 ? 1 : -1];

// The word of a state: the nearest integer to next * 2^-shift, held to its range; `result` says where it had to be. `shift` is
// the exponent of the output less that of the input, from -31 to 31.
PE_STEP_INLINE int32_t pe_step_word(int32_t next, int shift, int32_t min, int32_t max, int *result) {
  int32_t word = next, lowest = min, highest = max;
  if (shift > 0) {
    // floor((next + half) / 2^shift) in 32 bits: the bit below the last one is the half.
    word = (next >> shift) + ((next >> (shift - 1)) & 1);
  } else if (shift < 0) {
    // Nothing overflows: what is beyond max * 2^shift rounded down, or below min * 2^shift rounded up, is outside.
    lowest = (min >> -shift) + ((min & (int32_t)(((uint32_t)1 << -shift) - 1u)) != 0);
    highest = max >> -shift;
  }
  // One comparison for both ends.
  const uint32_t above = (uint32_t)word - (uint32_t)lowest;
  if (above <= (uint32_t)highest - (uint32_t)lowest && lowest <= highest) return shift < 0 ? (int32_t)((uint32_t)word << -shift) : word;
  *result = PE_STEP_LEFT;
  return word < lowest ? min : max;
}

// One step: evaluates the words of all inputs, and puts the next states in the place of the states. `outputs` holds all
// outputs of the step. After an error `words` is unchanged. No pointer may be null but the context, which is for `run`.
//
// Returns PE_STEP_OK, PE_STEP_CLAMPED, PE_STEP_LEFT or an error.
PE_STEP_INLINE int pe_step(const pe_step_model_t *model, pe_step_run_t run, void *context, int32_t *words,
                           int32_t *outputs) {
  const int result = run(context, words, outputs);
  return result < 0 ? result : model->next(words, outputs, result);
}

// Sets an input, a state or not, to a value in its unit: word = floor(value * units + 1/2), held to int32.
// Returns PE_STEP_OK, PE_STEP_CLAMPED where it had to be held, or an error, after which `words` is unchanged.
int pe_step_set(const pe_step_model_t *model, int32_t *words, uint16_t input, double value);

// The value of an input, exactly. There must be such an input.
double pe_step_get(const pe_step_model_t *model, const int32_t *words, uint16_t input);

#ifdef __cplusplus
}
#endif

#endif
