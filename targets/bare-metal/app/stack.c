#include "stack.h"

#include "board.h"

#define PAINT 0x5aa5c33cu

// On Xtensa with register windows the deepest frames may never leave the registers, and so leave no mark: measured on the
// ESP32's core, paint understates by 32 to 208 bytes.
#if defined(__XTENSA_WINDOWED_ABI__)
#define UNPAINTED_BYTES 208u
#else
#define UNPAINTED_BYTES 0u
#endif

// Not painted below the painter's own frame, which is still in use.
#define MARGIN_WORDS 16

static volatile uint32_t *lowest_word(void) { return (volatile uint32_t *)(void *)board_stack_low; }

__attribute__((noinline)) static void paint(volatile uint32_t *end) {
  for (volatile uint32_t *word = lowest_word(); word < end; word++) *word = PAINT;
}

__attribute__((noinline)) static volatile uint32_t *lowest_used(volatile uint32_t *end) {
  volatile uint32_t *word = lowest_word();
  while (word < end && *word == PAINT) word++;
  return word;
}

__attribute__((noinline)) uint32_t stack_used_by(void (*task)(void *), void *argument) {
  // The lowest address of this frame: every call made here uses what lies below.
  volatile uint32_t *here = (volatile uint32_t *)__builtin_frame_address(0);
  paint(here - MARGIN_WORDS);
  task(argument);
  if (*lowest_word() != PAINT) {
    board_print("FAIL stack: the native stack overflowed\n");
    board_exit(1);
  }
  return (uint32_t)((uintptr_t)here - (uintptr_t)lowest_used(here)) + UNPAINTED_BYTES;
}
