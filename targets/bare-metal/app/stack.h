// How deep a task goes on the native stack.
#ifndef STACK_H
#define STACK_H

#include <stdint.h>

// Runs task(argument) and returns the bytes of native stack that it used, its own frame included: the unused part is
// painted before, and the lowest word without its paint counts. An overflow
// ends the program and says so.
uint32_t stack_used_by(void (*task)(void *), void *argument);

#endif
