// A host that calls app_main: flash in memory that only erases to ones and programs to zeros, UART0 on a TCP port, which
// it prints ("port N"). A UART function that would wait ends it with a message. With the argument "no-partition" there is
// no partition, with "no-uart" no driver; then it says how many evaluations there were, and ends.
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/uart.h"
#include "freertos/task.h"

// Not of the header: C99 takes esp_err_t once only.
typedef struct {
  int type, subtype;
  uint32_t address, size, erase_size;
  char label[17];
} partition_t;

#define SIZE 0x82000u
static _Alignas(8) uint8_t bytes[SIZE];
static const partition_t models = {1, 0x40, 0x190000, SIZE, 4096, "models"};
static int server = -1, connection = -1;
static const char *missing = "";
static unsigned evaluations;

// The driver: what it was installed with, and what lies in its buffer and in the UART's FIFO, which a tick empties.
#define FIFO_BYTES 128u
static size_t tx_buffer, tx_used, fifo_used;

void app_main(void);
const partition_t *esp_partition_find_first(int type, int subtype, const char *label);
esp_err_t esp_partition_write(const partition_t *partition, size_t offset, const void *from, size_t size);
esp_err_t esp_partition_erase_range(const partition_t *partition, size_t offset, size_t size);
esp_err_t esp_partition_mmap(const partition_t *partition, size_t offset, size_t size, int memory, const void **pointer,
                             uint32_t *handle);

const partition_t *esp_partition_find_first(int type, int subtype, const char *label) {
  if (strcmp(missing, "no-partition") == 0) return NULL;
  return type == 1 && subtype == 0xff && strcmp(label, models.label) == 0 ? &models : NULL;
}

esp_err_t esp_partition_write(const partition_t *partition, size_t offset, const void *from, size_t size) {
  if (partition != &models || offset > SIZE || size > SIZE - offset || offset % 16 != 0 || size % 16 != 0) abort();
  for (size_t i = 0; i < size; i++) bytes[offset + i] = (uint8_t)(bytes[offset + i] & ((const uint8_t *)from)[i]);
  return ESP_OK;
}

esp_err_t esp_partition_erase_range(const partition_t *partition, size_t offset, size_t size) {
  if (partition != &models || offset > SIZE || size > SIZE - offset || offset % 4096 != 0 || size % 4096 != 0) abort();
  memset(bytes + offset, 0xff, size);
  return ESP_OK;
}

esp_err_t esp_partition_mmap(const partition_t *partition, size_t offset, size_t size, int memory, const void **pointer,
                             uint32_t *handle) {
  if (partition != &models || offset != 0 || size != SIZE || memory != 0) abort();
  *pointer = bytes;
  *handle = 1;
  return ESP_OK;
}

esp_err_t uart_driver_install(uart_port_t port, int rx, int tx, int queue_size, void *queue, int flags) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  if (strcmp(missing, "no-uart") == 0) return -1;
  if (port != UART_NUM_0 || rx <= 128 || (tx != 0 && tx <= 128) || queue_size != 0 || queue != NULL || flags != 0) abort();
  tx_buffer = (size_t)tx;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server = socket(AF_INET, SOCK_STREAM, 0);
  if (server < 0 || bind(server, (struct sockaddr *)&address, length) != 0 || listen(server, 1) != 0) exit(3);
  if (getsockname(server, (struct sockaddr *)&address, &length) != 0) exit(3);
  (void)fcntl(server, F_SETFL, O_NONBLOCK);
  printf("port %u\n", (unsigned)ntohs(address.sin_port));
  (void)fflush(stdout);
  return ESP_OK;
}

esp_err_t uart_param_config(uart_port_t port, const uart_config_t *config) {
  return port == UART_NUM_0 && config->baud_rate == 115200 ? ESP_OK : -1;
}

int uart_read_bytes(uart_port_t port, void *buffer, uint32_t length, uint32_t ticks) {
  if (port != UART_NUM_0 || ticks != 0) abort();
  if (connection < 0) return 0;
  const ssize_t count = read(connection, buffer, length);
  if (count == 0) {
    (void)close(connection);
    connection = -1;
  }
  return count > 0 ? (int)count : 0;
}

static int transmit(const void *from, size_t size) {
  if (connection < 0) return (int)size;
  return send(connection, from, size, MSG_NOSIGNAL) == (ssize_t)size ? (int)size : 0;
}

static void would_wait(const char *what) {
  fprintf(stderr, "%s would wait\n", what);
  exit(4);
}

// Into the FIFO, as much as fits; not beside a buffer.
int uart_tx_chars(uart_port_t port, const char *buffer, uint32_t length) {
  if (port != UART_NUM_0 || tx_buffer != 0) abort();
  const uint32_t room = (uint32_t)(FIFO_BYTES - fifo_used);
  const uint32_t count = length < room ? length : room;
  fifo_used += count;
  return transmit(buffer, count);
}

// A ring buffer of items, each with a header of 8 bytes: the driver's note of what comes (16 bytes), and the bytes.
int uart_write_bytes(uart_port_t port, const void *from, size_t size) {
  if (port != UART_NUM_0) abort();
  const size_t taken = 8u + 16u + 8u + (size + 3u) / 4u * 4u;
  if (tx_buffer == 0 ? size > FIFO_BYTES - fifo_used : taken > tx_buffer - tx_used) would_wait("uart_write_bytes");
  if (tx_buffer == 0) fifo_used += size;
  else tx_used += taken;
  return transmit(from, size);
}

esp_err_t uart_get_tx_buffer_free_size(uart_port_t port, size_t *size) {
  *size = port == UART_NUM_0 ? tx_buffer - tx_used : 0;
  return ESP_OK;
}

// In place of pe_run_words, by the linker.
int __real_pe_run_words(void *pe, const int32_t *inputs, int32_t *outputs);
int __wrap_pe_run_words(void *pe, const int32_t *inputs, int32_t *outputs);
int __wrap_pe_run_words(void *pe, const int32_t *inputs, int32_t *outputs) {
  const int result = __real_pe_run_words(pe, inputs, outputs);
  if (result >= 0) evaluations++;
  return result;
}

void vTaskDelay(uint32_t ticks) {
  static unsigned calls;
  (void)ticks;
  tx_used = 0;
  fifo_used = 0;
  if (server < 0) {
    if (++calls < 50u) return;
    printf("evaluated %u times\n", evaluations);
    exit(0);
  }
  if (connection < 0) {
    connection = accept(server, NULL, NULL);
    if (connection >= 0) (void)fcntl(connection, F_SETFL, O_NONBLOCK);
    else (void)usleep(1000);
  }
}

int main(int argc, char **argv) {
  if (argc > 1) missing = argv[1];
  memset(bytes, 0xff, sizeof bytes);
  app_main();
  return 1;
}
