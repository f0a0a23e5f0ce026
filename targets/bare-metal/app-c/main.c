// Evaluates points with a model in C, and says what that took.
//
// With a file inputs.bin in the emulator's folder: evaluates every point in it (rows of int32 input words, little-
// endian) and writes outputs.bin (rows of one int32 result of pinn_model_run_words and the int32 output words). Without it:
// checks the golden vectors. Prints one "name value" per line, in bytes and instructions, and ends with "end 0".
#include <stdint.h>

#include "board.h"
#include "figures.h"
#include "golden.h"
#include "model.h"
#include "stack.h"

#define POINTS_AT_ONCE 32
#define OUTPUT_WORDS (1 + PINN_MODEL_OUTPUT_COUNT)

static int32_t inputs[POINTS_AT_ONCE * PINN_MODEL_INPUT_COUNT];
static int32_t outputs[POINTS_AT_ONCE * OUTPUT_WORDS];

typedef struct {
  uint64_t instructions;
  uint32_t count;  // points
  uint32_t wrong;  // golden words that differ
} task_t;

static void run_points(void *argument) {
  task_t *task = (task_t *)argument;
  const uint64_t start = board_instructions();
  for (uint32_t p = 0; p < task->count; p++) {
    int32_t *row = outputs + p * OUTPUT_WORDS;
    row[0] = pinn_model_run_words(inputs + p * PINN_MODEL_INPUT_COUNT, row + 1);
  }
  task->instructions += board_instructions() - start;
}

static void test_golden_vectors(void *argument) {
  task_t *task = (task_t *)argument;
  const uint64_t start = board_instructions();
  for (uint32_t p = 0; p < PINN_MODEL_GOLDEN_COUNT; p++) {
    int32_t answer[PINN_MODEL_OUTPUT_COUNT];
    pinn_model_run_words(pinn_model_golden_inputs + p * PINN_MODEL_INPUT_COUNT, answer);
    for (uint32_t i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) {
      if (answer[i] != pinn_model_golden_outputs[p * PINN_MODEL_OUTPUT_COUNT + i]) task->wrong++;
    }
  }
  task->instructions = board_instructions() - start;
}

static void print_run(const task_t *task, uint32_t points, uint32_t stack) {
  print_figure("points", points);
  print_figure("run_instructions", task->instructions);
  print_figure("run_stack_bytes", stack);
}

// Evaluates the file's points, in as many rows as fit the buffers at a time.
static void run_file(int from) {
  const int to = board_open("outputs.bin", BOARD_WRITE);
  if (to < 0) stop("outputs.bin cannot be written");
  task_t task = {0, 0, 0};
  uint32_t stack = 0, points = 0;
  for (;;) {
    task.count = board_read(from, inputs, sizeof inputs) / (uint32_t)(PINN_MODEL_INPUT_COUNT * sizeof inputs[0]);
    if (task.count == 0) break;
    const uint32_t used = stack_used_by(run_points, &task);
    if (used > stack) stack = used;
    points += task.count;
    if (board_write(to, outputs, task.count * (uint32_t)(OUTPUT_WORDS * sizeof outputs[0])) != 0) {
      stop("outputs.bin cannot be written");
    }
  }
  board_close(to);
  print_run(&task, points, stack);
}

static void run_golden_vectors(void) {
  task_t task = {0, 0, 0};
  const uint32_t stack = stack_used_by(test_golden_vectors, &task);
  if (task.wrong != 0) stop("golden vectors: the answers are not those of the build");
  board_print("PASS golden vectors, every bit as built\n");
  print_run(&task, PINN_MODEL_GOLDEN_COUNT, stack);
}

int main(void) {
  print_figure("buffer_bytes", 4u * PINN_MODEL_ARENA_WORDS);
  print_figure("flash_bytes", (uint64_t)(board_flash_end - board_flash_low));
  print_figure("static_bytes", (uint64_t)(board_static_end - board_static_low));
  const int file = board_open("inputs.bin", BOARD_READ);
  if (file >= 0) {
    run_file(file);
    board_close(file);
  } else {
    run_golden_vectors();
  }
  finish(0);
}
