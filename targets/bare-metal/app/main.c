// Opens the model, evaluates points, and says what that took.
//
// With a file inputs.bin in the emulator's folder: evaluates every point in it (rows of int32 input words, little-
// endian) and writes outputs.bin (rows of one int32 result of pe_run_words and the int32 output words). Without it:
// checks the golden vectors. Prints one "name value" per line, in bytes and instructions, and ends with "end 0".
#include <stddef.h>
#include <string.h>

#include "board.h"
#include "figures.h"
#include "pinn_edge.h"
#include "pinn_model.h"
#include "stack.h"

// For the size of wasm3's code pages, which it has no function to ask for.
#include "pe_wasm3.h"

#define POINTS_AT_ONCE 32
#define OUTPUT_WORDS (1 + PINN_MODEL_OUTPUT_COUNT)

static pe_t pe;
static uint8_t arena[PINN_MODEL_ARENA_BYTES];
static int32_t inputs[POINTS_AT_ONCE * PINN_MODEL_INPUT_COUNT];
static int32_t outputs[POINTS_AT_ONCE * OUTPUT_WORDS];

typedef struct {
  pe_result_t result;
  uint64_t instructions;
  uint32_t count;  // points
} task_t;

__attribute__((noreturn)) static void stop_with(const char *what, pe_result_t result) {
  board_print("FAIL ");
  board_print(what);
  board_print(": ");
  board_print(pe_text(result));
  board_print("; ");
  board_print(pe_detail(&pe));
  board_print("\n");
  finish(1);
}

static void open_model(void *argument) {
  task_t *task = (task_t *)argument;
  const uint64_t start = board_instructions();
  task->result = pe_open(&pe, &pinn_model, arena, sizeof arena);
  task->instructions = board_instructions() - start;
}

static void run_points(void *argument) {
  task_t *task = (task_t *)argument;
  const uint64_t start = board_instructions();
  for (uint32_t p = 0; p < task->count; p++) {
    int32_t *row = outputs + p * OUTPUT_WORDS;
    row[0] = pe_run_words(&pe, inputs + p * PINN_MODEL_INPUT_COUNT, row + 1);
  }
  task->instructions += board_instructions() - start;
}

static void test_golden_vectors(void *argument) {
  task_t *task = (task_t *)argument;
  const uint64_t start = board_instructions();
  task->result = pe_self_test(&pe);
  task->instructions = board_instructions() - start;
}

static uint32_t code_page_bytes(const M3CodePage *page) {
  uint32_t bytes = 0;
  for (; page != NULL; page = page->info.next) {
    bytes += (uint32_t)(sizeof page->info + page->info.numLines * sizeof page->code[0]);
  }
  return bytes;
}

static void open_and_report(void) {
  task_t task = {PE_OK, 0, 0};
  const uint32_t stack = stack_used_by(open_model, &task);
  if (task.result != PE_OK) stop_with("open", task.result);
  const M3Runtime *runtime = pe.runtime;
  print_figure("open_instructions", task.instructions);
  print_figure("memory_bytes", pinn_model.memory_bytes);
  print_figure("arena_bytes", sizeof arena);
  print_figure("arena_used_bytes", pe_arena_used(&pe));
  print_figure("code_bytes", code_page_bytes(runtime->pagesOpen) + code_page_bytes(runtime->pagesFull));
  print_figure("flash_bytes", (uint64_t)(board_flash_end - board_flash_low));
  print_figure("static_bytes", (uint64_t)(board_static_end - board_static_low) - sizeof arena);
  print_figure("open_stack_bytes", stack);
}

static void print_run(const task_t *task, uint32_t points, uint32_t stack) {
  print_figure("points", points);
  print_figure("run_instructions", task->instructions);
  print_figure("run_stack_bytes", stack);
}

// Evaluates the file's points, in as many rows as fit the buffers at a time.
static void run_file(int from) {
  const int to = board_open("outputs.bin", BOARD_WRITE);
  if (to < 0) stop_with("outputs.bin", PE_ERROR_ARGUMENT);
  task_t task = {PE_OK, 0, 0};
  uint32_t stack = 0, points = 0;
  for (;;) {
    task.count = board_read(from, inputs, sizeof inputs) / (uint32_t)(PINN_MODEL_INPUT_COUNT * sizeof inputs[0]);
    if (task.count == 0) break;
    const uint32_t used = stack_used_by(run_points, &task);
    if (used > stack) stack = used;
    points += task.count;
    if (board_write(to, outputs, task.count * (uint32_t)(OUTPUT_WORDS * sizeof outputs[0])) != 0) {
      stop_with("outputs.bin", PE_ERROR_ARGUMENT);
    }
  }
  board_close(to);
  print_run(&task, points, stack);
}

static void run_golden_vectors(void) {
  task_t task = {PE_OK, 0, 0};
  const uint32_t stack = stack_used_by(test_golden_vectors, &task);
  if (task.result != PE_OK) stop_with("golden vectors", task.result);
  board_print("PASS golden vectors, every bit as built\n");
  print_run(&task, pinn_model.golden_count, stack);
}

int main(void) {
  board_print("model ");
  board_print(pinn_model.name);
  board_print("\n");
  open_and_report();
  const int file = board_open("inputs.bin", BOARD_READ);
  if (file >= 0) {
    run_file(file);
    board_close(file);
  } else {
    run_golden_vectors();
  }
  pe_close(&pe);
  finish(0);
}
