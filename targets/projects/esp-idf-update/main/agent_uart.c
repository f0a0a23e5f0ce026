#include "agent_uart.h"

#include "driver/uart.h"

#define PORT UART_NUM_0
// Of what is received. There is none for what is sent: uart_write_bytes waits where its buffer has no room for a byte and
// the driver's notes about it, which uart_get_tx_buffer_free_size does not count; uart_tx_chars never waits.
#define BUFFER_BYTES 1024

static bool get(void *context, uint8_t *byte) {
  (void)context;
  return uart_read_bytes(PORT, byte, 1, 0) == 1;
}

static bool put(void *context, uint8_t byte) {
  (void)context;
  return uart_tx_chars(PORT, (const char *)&byte, 1) == 1;
}

const pe_stream_t *agent_uart_start(void) {
  static const pe_stream_t stream = {NULL, get, put};
  uart_config_t config = {0};
  config.baud_rate = 115200;
  config.data_bits = UART_DATA_8_BITS;
  config.parity = UART_PARITY_DISABLE;
  config.stop_bits = UART_STOP_BITS_1;
  config.flow_ctrl = UART_HW_FLOWCTRL_DISABLE;
  if (uart_driver_install(PORT, BUFFER_BYTES, 0, 0, NULL, 0) != ESP_OK) return NULL;
  return uart_param_config(PORT, &config) == ESP_OK ? &stream : NULL;
}
