// What an application says of itself on the board's console, for programs to read.
#ifndef FIGURES_H
#define FIGURES_H

#include <stdint.h>

// Prints "name value", value in decimal.
void print_figure(const char *name, uint64_t value);

// Prints "end code" and ends the emulation with that exit code.
__attribute__((noreturn)) void finish(int code);

// Prints "FAIL what" and ends with code 1.
__attribute__((noreturn)) void stop(const char *what);

#endif
