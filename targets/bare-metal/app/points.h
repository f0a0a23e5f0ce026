// Points of the file inputs.bin in the emulator's folder (rows of int32 input words, little-endian), evaluated into the file
// outputs.bin (rows of one int32 result and the int32 output words).
//
// Before it is included: the model's header, and RUN_POINT(in, out), which evaluates one row of words and gives the result.
#ifndef POINTS_H
#define POINTS_H

#include "board.h"
#include "figures.h"
#include "stack.h"

// Small boards give another number.
#ifndef POINTS_AT_ONCE
#define POINTS_AT_ONCE 32
#endif
#define OUTPUT_WORDS (1 + PINN_MODEL_OUTPUT_COUNT)

typedef struct {
  uint64_t instructions;
  uint32_t count;
} points_t;

static int32_t inputs[POINTS_AT_ONCE * PINN_MODEL_INPUT_COUNT];
static int32_t outputs[POINTS_AT_ONCE * OUTPUT_WORDS];

static void run_points(void *argument) {
  points_t *points = (points_t *)argument;
  const uint64_t start = board_instructions();
  for (uint32_t p = 0; p < points->count; p++) {
    int32_t *row = outputs + p * OUTPUT_WORDS;
    row[0] = RUN_POINT(inputs + p * PINN_MODEL_INPUT_COUNT, row + 1);
  }
  points->instructions += board_instructions() - start;
}

static void print_run(uint64_t instructions, uint32_t points, uint32_t stack) {
  print_figure("points", points);
  print_figure("run_instructions", instructions);
  print_figure("run_stack_bytes", stack);
}

// Without inputs.bin: 0. Where outputs.bin cannot be written: -1. Else 1, the figures printed.
static int run_file(void) {
  const int from = board_open("inputs.bin", BOARD_READ);
  if (from < 0) return 0;
  const int to = board_open("outputs.bin", BOARD_WRITE);
  if (to < 0) return -1;
  points_t points = {0, 0};
  uint32_t stack = 0, total = 0;
  for (;;) {
    points.count = board_read(from, inputs, sizeof inputs) / (uint32_t)(PINN_MODEL_INPUT_COUNT * sizeof inputs[0]);
    if (points.count == 0) break;
    const uint32_t used = stack_used_by(run_points, &points);
    if (used > stack) stack = used;
    total += points.count;
    if (board_write(to, outputs, points.count * (uint32_t)(OUTPUT_WORDS * sizeof outputs[0])) != 0) return -1;
  }
  board_close(to);
  board_close(from);
  print_run(points.instructions, total, stack);
  return 1;
}

#endif
