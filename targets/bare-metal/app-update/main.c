// Firmware whose model can be replaced over the UART, by `pinn-edge flash <build> --port ...`, while it goes on answering.
//
// Runs the model of pinn_model.h until another one was committed. Evaluates the running model's golden vectors one after
// the other, all the time, as an application would evaluate its sensors, and stops with a message when an answer is
// wrong. Prints a line for each model that begins to run.
//
// With PE_KEY_HEADER defined as the file that pinn-edge keygen wrote, only models signed with its key are taken.
#include <stddef.h>
#include <string.h>

#include "board.h"
#include "pe_agent.h"
#include "pinn_model.h"
#include "ram_flash.h"
#include "uart.h"

#ifdef PE_KEY_HEADER
#include PE_KEY_HEADER
#define KEY pe_key
#else
#define KEY NULL
#endif

#define MAX_INPUTS 32
#define MAX_OUTPUTS 16
#define ARENA_BYTES (256u * 1024u)

static uint8_t arena[ARENA_BYTES];
static pe_input_spec_t inputs[MAX_INPUTS];
static pe_output_spec_t outputs[MAX_OUTPUTS];
static pe_runner_t runner;
static pe_agent_t agent;

// What models may be: that of pinn_model.h, and what else the library here can run. Others are refused.
static const pe_engine_t *const engines[] = {PINN_MODEL_ENGINES, NULL};

static const pe_stream_t stream = {NULL, uart_get, uart_put};

static pe_runner_setup_t setup = {
    NULL,
    {PINN_MODEL_TARGET_CLASS, engines, ARENA_BYTES, MAX_INPUTS, MAX_OUTPUTS, KEY},
    arena,
    false,
    inputs,
    outputs,
    &pinn_model,
    PINN_MODEL_VERSION,
};

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
  static uint32_t next;
  int32_t words[MAX_OUTPUTS];
  const pe_model_t *model = &runner.model;
  if (model->golden_count == 0) return;
  if (next >= model->golden_count) next = 0;
  if (pe_run_words(&runner.pe, model->golden_inputs + next * model->input_count, words) < 0) stop("evaluation");
  if (memcmp(words, model->golden_outputs + next * model->output_count, sizeof words[0] * model->output_count) != 0) {
    stop("an answer is wrong");
  }
  next++;
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
