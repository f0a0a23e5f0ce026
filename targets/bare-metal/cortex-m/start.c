// Start of a Cortex-M board: vector table, variables, floating-point unit, and faults that are said aloud.
#include <stdint.h>

#include "board.h"

extern uint8_t board_data_image[], board_data_low[], board_data_end[], board_bss_low[], board_bss_end[];

// Coprocessor Access Control Register (Armv7-M Architecture Reference Manual, B3.2.20): full access to CP10 and CP11.
#define CPACR (*(volatile uint32_t *)0xe000ed88u)
#define CPACR_FPU (0xfu << 20)

int main(void);
void board_reset(void);
void board_counter_start(void);

__attribute__((noreturn)) static void fault(void) {
  board_print("FAIL fault: the processor met an invalid access or instruction, or the native stack overflowed\n");
  board_exit(1);
}

__attribute__((noreturn)) void board_reset(void) {
#ifdef __ARM_FP
  CPACR |= CPACR_FPU;
  __asm__ volatile("dsb\n isb" ::: "memory");
#endif
  const volatile uint8_t *from = board_data_image;
  for (volatile uint8_t *to = board_data_low; to < board_data_end; to++) *to = *from++;
  for (volatile uint8_t *to = board_bss_low; to < board_bss_end; to++) *to = 0;
  board_counter_start();
  main();
  board_exit(1);
}

// Stack pointer, reset and the 14 exceptions of the architecture; interrupts are not used.
__attribute__((section(".vectors"), used)) static const uintptr_t vectors[16] = {
    (uintptr_t)board_stack_top, (uintptr_t)board_reset, (uintptr_t)fault, (uintptr_t)fault,
    (uintptr_t)fault,           (uintptr_t)fault,       (uintptr_t)fault, (uintptr_t)fault,
    (uintptr_t)fault,           (uintptr_t)fault,       (uintptr_t)fault, (uintptr_t)fault,
    (uintptr_t)fault,           (uintptr_t)fault,       (uintptr_t)fault, (uintptr_t)fault,
};
