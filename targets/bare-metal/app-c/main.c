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

#define RUN_POINT(in, out) pinn_model_run_words(in, out)
#include "points.h"

typedef struct {
  uint64_t instructions;
  uint32_t wrong;  // golden words that differ
} task_t;

static void test_golden_vectors(void *argument) {
  task_t *task = (task_t *)argument;
  const uint64_t start = board_instructions();
  for (uint32_t p = 0; p < PINN_MODEL_GOLDEN_COUNT; p++) {
    int32_t point[PINN_MODEL_INPUT_COUNT];
    int32_t answer[PINN_MODEL_OUTPUT_COUNT];
    int32_t wanted[PINN_MODEL_OUTPUT_COUNT];
    pe_flash_copy(point, pinn_model_golden_inputs + p * PINN_MODEL_INPUT_COUNT, sizeof point);
    pe_flash_copy(wanted, pinn_model_golden_outputs + p * PINN_MODEL_OUTPUT_COUNT, sizeof wanted);
    pinn_model_run_words(point, answer);
    for (uint32_t i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) {
      if (answer[i] != wanted[i]) task->wrong++;
    }
  }
  task->instructions = board_instructions() - start;
}

static void run_golden_vectors(void) {
  task_t task = {0, 0};
  const uint32_t stack = stack_used_by(test_golden_vectors, &task);
  if (task.wrong != 0) stop("golden vectors: the answers are not those of the build");
  board_print("PASS golden vectors, every bit as built\n");
  print_run(task.instructions, PINN_MODEL_GOLDEN_COUNT, stack);
}

int main(void) {
  print_figure("buffer_bytes", 4u * PINN_MODEL_ARENA_WORDS);
  print_figure("flash_bytes", (uint64_t)(board_flash_end - board_flash_low));
  print_figure("static_bytes", (uint64_t)(board_static_end - board_static_low));
  const int ran = run_file();
  if (ran < 0) stop("outputs.bin cannot be written");
  if (ran == 0) run_golden_vectors();
  finish(0);
}
