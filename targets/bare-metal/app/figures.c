#include "figures.h"

#include "board.h"

void print_figure(const char *name, uint64_t value) {
  char digits[21];
  char *at = &digits[sizeof digits - 1];
  *at = '\0';
  do {
    *--at = (char)('0' + (int)(value % 10));
    value /= 10;
  } while (value != 0);
  board_print(name);
  board_print(" ");
  board_print(at);
  board_print("\n");
}

__attribute__((noreturn)) void finish(int code) {
  print_figure("end", (uint64_t)code);
  board_exit(code);
}

__attribute__((noreturn)) void stop(const char *what) {
  board_print("FAIL ");
  board_print(what);
  board_print("\n");
  finish(1);
}
