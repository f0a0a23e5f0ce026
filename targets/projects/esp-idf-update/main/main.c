// Firmware whose model can be replaced over UART0, by `pinn-edge flash <build> --port ...`, while it goes on answering.
//
// Runs the model of pinn_model.h until another one was committed, and evaluates its golden vectors one after the other, as
// an application would evaluate its sensors. It does so without the partition, and without the UART, too.
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include "agent_uart.h"
#include "model_flash.h"
#include "pinn_model.h"

#include "pe_replaceable.h"

static const char *const TAG = "pinn_edge";

static void evaluate_next(void) {
  int32_t words[PE_MAX_OUTPUTS];
  pe_result_t result;
  (void)evaluate_next_golden(words, &result);
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
