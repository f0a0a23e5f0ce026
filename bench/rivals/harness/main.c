// Evaluates a rival in the emulator and says what that took, in the same words as the product's own application: one
// "name value" per line, in bytes and instructions, ending with "end 0". inputs.bin in the emulator's folder holds rows
// of float32 inputs, little-endian; outputs.bin gets rows of one int32 status and the float32 outputs. No float
// arithmetic here: what a rival links for its floats is its own.
#include <stdint.h>

#include "board.h"
#include "figures.h"
#include "heap.h"
#include "rival.h"
#include "stack.h"

#define POINTS_AT_ONCE 32

typedef struct {
  int32_t status;
  float values[RIVAL_OUTPUTS];
} row_t;

static float inputs[POINTS_AT_ONCE][RIVAL_INPUTS];
static row_t outputs[POINTS_AT_ONCE];

typedef struct {
  uint64_t instructions;
  uint32_t count;  // points
  int32_t status;
} task_t;

static void open_rival(void *argument) {
  task_t *task = (task_t *)argument;
  const uint64_t start = board_instructions();
  task->status = rival_open();
  if (task->status == 0) task->status = rival_infer(inputs[0], outputs[0].values);
  task->instructions = board_instructions() - start;
}

static void run_points(void *argument) {
  task_t *task = (task_t *)argument;
  const uint64_t start = board_instructions();
  for (uint32_t p = 0; p < task->count; p++) outputs[p].status = rival_infer(inputs[p], outputs[p].values);
  task->instructions += board_instructions() - start;
}

int main(void) {
  const int from = board_open("inputs.bin", BOARD_READ);
  const int to = board_open("outputs.bin", BOARD_WRITE);
  if (from < 0 || to < 0) stop("inputs.bin or outputs.bin cannot be opened");
  task_t start = {0, 0, 0};
  const uint32_t open_stack = stack_used_by(open_rival, &start);
  if (start.status != 0) stop("the rival does not start");
  task_t task = {0, 0, 0};
  uint32_t stack = 0, points = 0;
  for (;;) {
    task.count = board_read(from, inputs, sizeof inputs) / (uint32_t)sizeof inputs[0];
    if (task.count == 0) break;
    const uint32_t used = stack_used_by(run_points, &task);
    if (used > stack) stack = used;
    points += task.count;
    if (board_write(to, outputs, task.count * (uint32_t)sizeof outputs[0]) != 0) stop("outputs.bin cannot be written");
  }
  board_close(from);
  board_close(to);
  const heap_usage_t heap = heap_usage();
  print_figure("open_instructions", start.instructions);
  print_figure("memory_bytes", 0);
  print_figure("arena_used_bytes", heap.peak_bytes);
  print_figure("arena_bytes", heap.arena_bytes);
  print_figure("code_bytes", 0);
  print_figure("flash_bytes", (uint64_t)(board_flash_end - board_flash_low));
  print_figure("static_bytes", (uint64_t)(board_static_end - board_static_low));
  print_figure("open_stack_bytes", open_stack);
  print_figure("points", points);
  print_figure("run_instructions", task.instructions);
  print_figure("run_stack_bytes", stack);
  finish(0);
}
