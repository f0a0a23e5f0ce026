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

static pe_t pe;
static uint8_t arena[PINN_MODEL_ARENA_BYTES];

#define RUN_POINT(in, out) pe_run_words(&pe, in, out)
#include "points.h"

typedef struct {
  pe_result_t result;
  uint64_t instructions;
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
  task_t task = {PE_OK, 0};
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

static void run_golden_vectors(void) {
  task_t task = {PE_OK, 0};
  const uint32_t stack = stack_used_by(test_golden_vectors, &task);
  if (task.result != PE_OK) stop_with("golden vectors", task.result);
  board_print("PASS golden vectors, every bit as built\n");
  print_run(task.instructions, pinn_model.golden_count, stack);
}

int main(void) {
  board_print("model ");
  board_print(pinn_model.name);
  board_print("\n");
  open_and_report();
  const int ran = run_file();
  if (ran < 0) stop_with("outputs.bin", PE_ERROR_ARGUMENT);
  if (ran == 0) run_golden_vectors();
  pe_close(&pe);
  finish(0);
}
