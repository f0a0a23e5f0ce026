// Instructions by the counter of retired instructions, exact to one; and traps that are said aloud.
// The RISC-V Instruction Set Manual, Volume II: Privileged Architecture, section Hardware Performance Monitor.
#include "board.h"

uint64_t board_instructions(void) {
  uint32_t low, high, again;
  do {
    __asm__ volatile("csrr %0, minstreth" : "=r"(high));
    __asm__ volatile("csrr %0, minstret" : "=r"(low));
    __asm__ volatile("csrr %0, minstreth" : "=r"(again));
  } while (high != again);
  return ((uint64_t)high << 32) | low;
}

__attribute__((noreturn)) void board_fault(void);

void board_fault(void) {
  board_print("FAIL fault: the processor met an invalid access or instruction\n");
  board_exit(1);
}
