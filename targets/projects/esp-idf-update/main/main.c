// Firmware whose model can be replaced over UART0, by `pinn-edge flash <build> --port ...`, while it goes on answering.
//
// Runs the model of pinn_model.h until another one was committed, and evaluates its golden vectors one after the other, as
// an application would evaluate its sensors. It does so without the partition, and without the UART, too.
#include <stddef.h>

#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include "agent_uart.h"
#include "model_flash.h"
#include "pe_agent.h"
#include "pinn_model.h"

#ifdef PE_KEY_HEADER
#include PE_KEY_HEADER
#define KEY pe_key
#else
#define KEY NULL
#endif

#define MAX_INPUTS 32
#define MAX_OUTPUTS 16
// What models may take; at least what that of pinn_model.h takes.
#define SPARE_ARENA_BYTES 65536u
#define ARENA_BYTES (PINN_MODEL_ARENA_BYTES > SPARE_ARENA_BYTES ? PINN_MODEL_ARENA_BYTES : SPARE_ARENA_BYTES)

static uint8_t arena[ARENA_BYTES];
static pe_input_spec_t inputs[MAX_INPUTS];
static pe_output_spec_t outputs[MAX_OUTPUTS];
static pe_runner_t runner;
static pe_agent_t agent;

static const pe_engine_t *const engines[] = {PINN_MODEL_ENGINES, NULL};

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

static const char *const TAG = "pinn_edge";

static void evaluate_next(void) {
  static uint32_t next;
  int32_t words[MAX_OUTPUTS];
  const pe_model_t *model = &runner.model;
  if (model->golden_count == 0) return;
  if (next >= model->golden_count) next = 0;
  (void)pe_run_words(&runner.pe, model->golden_inputs + next * model->input_count, words);
  next++;
}

void app_main(void) {
  setup.flash = model_flash_start();
  if (setup.flash == NULL) ESP_LOGE(TAG, "no partition \"models\" that can be mapped: only the model of the firmware runs");
  const pe_update_result_t started = pe_runner_start(&runner, &setup);
  // Without a model that runs the agent still takes one.
  if (started != PE_UPDATE_OK) ESP_LOGE(TAG, "%s", pe_update_text(started));
  const pe_stream_t *stream = agent_uart_start();
  if (stream == NULL) ESP_LOGE(TAG, "no UART driver: models cannot be replaced");
  if (stream != NULL) pe_agent_init(&agent, &runner, stream);
  for (;;) {
    if (stream != NULL) pe_agent_poll(&agent);
    if (pe_model(&runner.pe) != NULL) evaluate_next();
    // Lets the idle task run, which feeds the watchdog.
    vTaskDelay(1);
  }
}
