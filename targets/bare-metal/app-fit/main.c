// Fits inputs of the model to measurements, and says what that took.
//
// With a file inputs.bin in the emulator's folder: the doubles of a job (pe_fit_job.h), whose answer is written to outputs.bin.
// Without it: fits the parameters to a few answers of the model itself, with all parameters at a third of their ranges, and
// checks that it finds them. Prints one "name value" per line, in bytes and instructions, and ends with "end 0".
#include <stdint.h>

#include "board.h"
#include "figures.h"
#include "fit.h"
#include "pe_fit_job.h"
#include "stack.h"

// After the model's header.
#include "open_model.h"

#define MEASUREMENTS 64
#define JOB_DOUBLES PE_FIT_JOB_DOUBLES(PINN_MODEL_INPUT_COUNT, PINN_MODEL_FIT_PARAMETER_COUNT, MEASUREMENTS)
#define ANSWER_DOUBLES PE_FIT_ANSWER_DOUBLES(PINN_MODEL_FIT_PARAMETER_COUNT)
#define EXAMPLES (3 * PINN_MODEL_FIT_PARAMETER_COUNT)

static double job[JOB_DOUBLES];
static pe_measurement_t measurements[MEASUREMENTS];
static double memory[PINN_MODEL_FILTER_DOUBLES];
static double answer[ANSWER_DOUBLES];

typedef struct {
  void *model;
  uint64_t instructions;
  uint32_t doubles;  // of the answer
} task_t;

static void run_job(void *argument) {
  task_t *task = (task_t *)argument;
  const uint64_t start = board_instructions();
  task->doubles = pe_fit_job(&pinn_model_fit, pinn_model_fit_evaluate, task->model, job, measurements, memory, answer);
  task->instructions = board_instructions() - start;
}

static void write_answer(uint32_t doubles) {
  const int to = board_open("outputs.bin", BOARD_WRITE);
  if (to < 0 || board_write(to, answer, doubles * (uint32_t)sizeof answer[0]) != 0) stop("outputs.bin cannot be written");
  board_close(to);
}

// Places of the box that differ in every input: input i of measurement k.
static double place(uint32_t i, uint32_t k) {
  const double *range = pinn_model_fit.ranges + 2u * i;
  const uint32_t cell = (k * (2u * i + 3u) + i) % 7u;
  return range[0] + (range[1] - range[0]) * ((double)cell + 1.0) / 8.0;
}

static double truth(uint32_t parameter) {
  const double *range = pinn_model_fit.ranges + 2u * pinn_model_fit.parameters[parameter];
  return range[0] + (range[1] - range[0]) / 3.0;
}

static void make_example(void *model) {
  double outputs[PINN_MODEL_OUTPUT_COUNT];
  double *row = job + PE_FIT_JOB_HEAD + 3 * PINN_MODEL_FIT_PARAMETER_COUNT;
  job[4] = EXAMPLES;
  for (uint32_t k = 0; k < EXAMPLES; k++, row += 3 + PINN_MODEL_INPUT_COUNT) {
    for (uint32_t i = 0; i < PINN_MODEL_INPUT_COUNT; i++) row[3 + i] = place(i, k);
    for (uint32_t p = 0; p < PINN_MODEL_FIT_PARAMETER_COUNT; p++) row[3 + pinn_model_fit.parameters[p]] = truth(p);
    if (pinn_model_fit_evaluate(model, row + 3, outputs) < 0) stop("the model cannot be evaluated");
    row[0] = k % PINN_MODEL_FIT_MEASURABLE_COUNT;
    row[1] = outputs[k % PINN_MODEL_FIT_MEASURABLE_COUNT];
    row[2] = 1;
  }
}

static void check_example(void) {
  if (answer[0] != PE_FIT_OK) stop("the example's parameters were not found: docs/fit.md says when that can be");
  for (uint32_t p = 0; p < PINN_MODEL_FIT_PARAMETER_COUNT; p++) {
    const double *range = pinn_model_fit.ranges + 2u * pinn_model_fit.parameters[p];
    const double off = (answer[PE_FIT_ANSWER_HEAD + p] - truth(p)) / (range[1] - range[0]);
    if (off > 0.02 || off < -0.02) stop("the example's parameters came out wrong");
  }
  board_print("PASS fit of the example\n");
}

int main(void) {
  task_t task = {open_model(), 0, 0};
  const int file = board_open("inputs.bin", BOARD_READ);
  if (file >= 0) {
    if (board_read(file, job, sizeof job) < PE_FIT_JOB_HEAD * sizeof job[0]) stop("inputs.bin holds no job");
    board_close(file);
  } else {
    make_example(task.model);
  }
  if (!(job[4] >= 0 && job[4] <= MEASUREMENTS)) stop("more measurements than there is room for");
  const uint32_t stack = stack_used_by(run_job, &task);
  if (file >= 0) {
    write_answer(task.doubles);
  } else {
    check_example();
  }
  print_figure("fit_instructions", task.instructions);
  print_figure("fit_iterations", (uint64_t)answer[3]);
  print_figure("fit_stack_bytes", stack);
  print_figure("fit_memory_bytes", (job[0] != 0 ? PINN_MODEL_FILTER_DOUBLES : PINN_MODEL_FIT_DOUBLES) * sizeof memory[0]);
  finish(0);
}
