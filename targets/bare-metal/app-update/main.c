// Firmware whose model can be replaced over the UART, by `pinn-edge flash <build> --port ...`, while it goes on answering.
//
// Runs the model of pinn_model.h until another one was committed. Evaluates the running model's golden vectors one after
// the other, all the time, as an application would evaluate its sensors, and stops with a message when an answer is
// wrong. Prints a line for each model that begins to run.
#include <string.h>

#include "board.h"
#include "pinn_model.h"
#include "ram_flash.h"
#include "uart.h"

#define PE_SPARE_ARENA_BYTES (256u * 1024u)
#include "pe_replaceable.h"

static const pe_stream_t stream = {NULL, uart_get, uart_put};

__attribute__((noreturn)) static void stop(const char *what) {
  board_print("FAIL ");
  board_print(what);
  board_print("\n");
  board_exit(1);
}

static void tell_model(void) {
  static uint32_t last_crc = 1;
  if (runner.slots.running_crc == last_crc) return;
  last_crc = runner.slots.running_crc;
  board_print("runs ");
  board_print(runner.model.name);
  board_print("\n");
}

// The application's own work.
static void evaluate_next(void) {
  int32_t words[PE_MAX_OUTPUTS];
  pe_result_t result;
  const int32_t *known = evaluate_next_golden(words, &result);
  if (known == NULL) return;
  if (result < 0) stop("evaluation");
  if (memcmp(words, known, sizeof words[0] * runner.model.output_count) != 0) stop("an answer is wrong");
}

int main(void) {
  uart_start();
  setup.flash = ram_flash_start();
  if (pe_runner_start(&runner, &setup) != PE_UPDATE_OK) stop("no model runs");
  pe_agent_init(&agent, &runner, &stream);
  for (;;) {
    tell_model();
    pe_agent_poll(&agent);
    evaluate_next();
  }
}
