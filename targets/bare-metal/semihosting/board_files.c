// The board's console, files and end by semihosting.
#include <string.h>

#include "board.h"
#include "semihosting.h"

// fopen's "rb" and "wb" as the standard numbers them.
#define MODE_READ 1u
#define MODE_WRITE 5u

static uintptr_t call(uintptr_t operation, const uintptr_t *block) {
  return semihosting_call(operation, (uintptr_t)block);
}

void board_print(const char *text) { semihosting_call(SEMIHOSTING_WRITE0, (uintptr_t)text); }

int board_open(const char *name, board_mode_t mode) {
  const uintptr_t block[] = {(uintptr_t)name, mode == BOARD_READ ? MODE_READ : MODE_WRITE, strlen(name)};
  return (int)call(SEMIHOSTING_OPEN, block);
}

uint32_t board_read(int file, void *to, uint32_t bytes) {
  uint32_t have = 0;
  while (have < bytes) {
    const uintptr_t block[] = {(uintptr_t)file, (uintptr_t)to + have, bytes - have};
    const uint32_t missing = (uint32_t)call(SEMIHOSTING_READ, block);
    if (missing >= bytes - have) break;
    have = bytes - missing;
  }
  return have;
}

int board_write(int file, const void *from, uint32_t bytes) {
  const uintptr_t block[] = {(uintptr_t)file, (uintptr_t)from, bytes};
  return call(SEMIHOSTING_WRITE, block) == 0 ? 0 : -1;
}

void board_close(int file) {
  const uintptr_t block[] = {(uintptr_t)file};
  call(SEMIHOSTING_CLOSE, block);
}

void board_exit(int code) {
  const uintptr_t block[] = {SEMIHOSTING_APPLICATION_EXIT, (uintptr_t)code};
  for (;;) call(SEMIHOSTING_EXIT_EXTENDED, block);
}
