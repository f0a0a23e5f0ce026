// The board's console, files, counter and end by the simulator's services.
#include "board.h"

#include <string.h>

#include "counter.h"

#define SIMCALL_EXIT 1
#define SIMCALL_READ 3
#define SIMCALL_WRITE 4
#define SIMCALL_OPEN 5
#define SIMCALL_CLOSE 6

#define STANDARD_OUTPUT 1

// Linux's numbers: O_RDONLY, and O_WRONLY | O_CREAT | O_TRUNC with permissions rw-r--r--.
#define OPEN_READ 0
#define OPEN_WRITE 0x241
#define PERMISSIONS 0644

int32_t simcall(int32_t code, int32_t a, int32_t b, int32_t c);
__attribute__((noreturn)) void board_fault(void);

void board_print(const char *text) { board_write(STANDARD_OUTPUT, text, strlen(text)); }

int board_open(const char *name, board_mode_t mode) {
  return (int)simcall(SIMCALL_OPEN, (int32_t)name, mode == BOARD_READ ? OPEN_READ : OPEN_WRITE, PERMISSIONS);
}

uint32_t board_read(int file, void *to, uint32_t bytes) {
  uint32_t have = 0;
  while (have < bytes) {
    const int32_t count = simcall(SIMCALL_READ, file, (int32_t)to + (int32_t)have, (int32_t)(bytes - have));
    if (count <= 0) break;
    have += (uint32_t)count;
  }
  return have;
}

int board_write(int file, const void *from, uint32_t bytes) {
  uint32_t done = 0;
  while (done < bytes) {
    const int32_t count = simcall(SIMCALL_WRITE, file, (int32_t)from + (int32_t)done, (int32_t)(bytes - done));
    if (count <= 0) return -1;
    done += (uint32_t)count;
  }
  return 0;
}

void board_close(int file) { simcall(SIMCALL_CLOSE, file, 0, 0); }

void board_exit(int code) {
  for (;;) simcall(SIMCALL_EXIT, code, 0, 0);
}

void board_fault(void) {
  board_print("FAIL fault: the processor met an invalid access or instruction\n");
  board_exit(1);
}

static uint32_t last;
static uint64_t ticks;

// Instructions by the cycle counter. With QEMU's -icount shift=0 an instruction takes one nanosecond, so a cycle is as
// many instructions as nanoseconds. Must be asked at least once in 2^32 cycles.
uint64_t board_instructions(void) {
  uint32_t now;
  __asm__ volatile("rsr.ccount %0" : "=r"(now));
  ticks += now - last;
  last = now;
  return ticks * COUNTER_INSTRUCTIONS_PER_CYCLE;
}
