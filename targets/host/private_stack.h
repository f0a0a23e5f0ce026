// Runs a task on a thread with a stack of our own, and tells how deep the task went.
//
// The part of the stack that is normally used is painted with a pattern before the task; afterwards the lowest word
// that lost its paint gives the high-water mark. Below the painted part lie zero pages that cost nothing until a task
// goes deep (endless recursion); there the lowest word that is not zero counts.
//
//   base        zero_low                painted_low                                top = base + size
//    |  guard pages  |  zero pages, untouched  |  painted  <- origin |  apron, thread  |
//                                                      task grows down from the origin
//
// The apron keeps the thread's own start-up calls (thread-local storage, signal masks) out of the measured part.

#ifndef PINN_EDGE_PRIVATE_STACK_H
#define PINN_EDGE_PRIVATE_STACK_H

#include <stdbool.h>
#include <stddef.h>

struct private_stack {
  unsigned char *base;
  unsigned char *zero_low;
  unsigned char *painted_low;
  size_t size;
  size_t baseline;  // bytes that an empty task uses
};

// Reserves a stack on which a task may nest STACK_CALL_DEPTH bytes of calls plus `straight_line_bytes` in the last of
// them. Only pages that are touched take memory. False when the system cannot provide it.
bool stack_open(struct private_stack *stack, size_t straight_line_bytes);

void stack_close(struct private_stack *stack);

// Runs task(argument) to its end on the stack and writes the bytes it used, the baseline not counted, to `used`.
// False when the thread could not be started; the task has then not run.
bool stack_run(struct private_stack *stack, void (*task)(void *), void *argument, size_t *used);

// True when the calling task has used up the STACK_CALL_DEPTH bytes for nested calls.
bool stack_is_exhausted(void);

#define STACK_CALL_DEPTH ((size_t)16 << 20)

#endif
