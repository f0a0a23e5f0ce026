// Steps a model, and says what that took.
//
// With a file inputs.bin in the emulator's folder: rows of int32 input words, little-endian, one per step. The states are
// read from the first row only, other inputs from every row. Writes outputs.bin: per step a row of the int32 result of
// pe_step, the output words, and the words of all inputs after it. Prints one "name value" per line, in bytes and
// instructions, and ends with "end 0". Every step is made twice: by the function of the model alone, to know what the
// rest of pe_step takes.
#include <stdint.h>
#include <string.h>

#include "board.h"
#include "figures.h"
#include "stack.h"
#include "step_model.h"

// After the model's header.
#include "open_model.h"

#define STEPS_AT_ONCE 32
#define ROW_WORDS (1 + PINN_MODEL_OUTPUT_COUNT + PINN_MODEL_INPUT_COUNT)

static int32_t inputs[STEPS_AT_ONCE * PINN_MODEL_INPUT_COUNT];
static int32_t rows[STEPS_AT_ONCE * ROW_WORDS];
static int32_t words[PINN_MODEL_INPUT_COUNT];

typedef struct {
  void *model;
  uint64_t step_instructions;
  uint64_t run_instructions;
  uint32_t count;  // steps
} task_t;

static int is_state(uint32_t input) {
  static const uint16_t states[PINN_MODEL_STATE_COUNT] = PINN_MODEL_STATE_INPUTS;
  for (uint32_t k = 0; k < PINN_MODEL_STATE_COUNT; k++) {
    if (states[k] == input) return 1;
  }
  return 0;
}

static void run_steps(void *argument) {
  task_t *task = (task_t *)argument;
  for (uint32_t k = 0; k < task->count; k++) {
    int32_t *row = rows + k * ROW_WORDS;
    for (uint32_t i = 0; i < PINN_MODEL_INPUT_COUNT; i++) {
      if (!is_state(i)) words[i] = inputs[k * PINN_MODEL_INPUT_COUNT + i];
    }
    uint64_t start = board_instructions();
    (void)pinn_model_step_run(task->model, words, row + 1);
    task->run_instructions += board_instructions() - start;
    start = board_instructions();
    row[0] = pe_step(&pinn_model_step, pinn_model_step_run, task->model, words, row + 1);
    task->step_instructions += board_instructions() - start;
    memcpy(row + 1 + PINN_MODEL_OUTPUT_COUNT, words, sizeof words);
  }
}

int main(void) {
  task_t task = {open_model(), 0, 0, 0};
  const int from = board_open("inputs.bin", BOARD_READ);
  if (from < 0) stop("there is no inputs.bin");
  const int to = board_open("outputs.bin", BOARD_WRITE);
  uint32_t stack = 0, steps = 0;
  for (;;) {
    task.count = board_read(from, inputs, sizeof inputs) / (uint32_t)(PINN_MODEL_INPUT_COUNT * sizeof inputs[0]);
    if (task.count == 0) break;
    if (steps == 0) memcpy(words, inputs, sizeof words);
    const uint32_t used = stack_used_by(run_steps, &task);
    if (used > stack) stack = used;
    steps += task.count;
    if (to < 0 || board_write(to, rows, task.count * (uint32_t)(ROW_WORDS * sizeof rows[0])) != 0) {
      stop("outputs.bin cannot be written");
    }
  }
  board_close(from);
  board_close(to);
  print_figure("steps", steps);
  print_figure("step_instructions", task.step_instructions);
  print_figure("run_instructions", task.run_instructions);
  print_figure("step_stack_bytes", stack);
  finish(0);
}
