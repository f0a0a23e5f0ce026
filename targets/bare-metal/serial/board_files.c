// The board's console and files by serial lines; inputs.bin is read once, from its beginning to its end.
#include "board.h"
#include "serial.h"

#define HANDLE_INPUTS 1
#define HANDLE_OUTPUTS 2

static uint32_t unread;

void board_print(const char *text) {
  while (*text != '\0') serial_send(SERIAL_CONSOLE, (uint8_t)*text++);
}

int board_open(const char *name, board_mode_t mode) {
  (void)name;
  if (mode == BOARD_WRITE) return HANDLE_OUTPUTS;
  if (!serial_has_file()) return -1;
  unread = 0;
  for (uint8_t i = 0; i < 4u; i++) unread |= (uint32_t)serial_receive() << (8u * i);
  return HANDLE_INPUTS;
}

uint32_t board_read(int file, void *to, uint32_t bytes) {
  if (file != HANDLE_INPUTS) return 0;
  const uint32_t count = bytes < unread ? bytes : unread;
  for (uint32_t i = 0; i < count; i++) ((uint8_t *)to)[i] = serial_receive();
  unread -= count;
  return count;
}

int board_write(int file, const void *from, uint32_t bytes) {
  if (file != HANDLE_OUTPUTS) return -1;
  for (uint32_t i = 0; i < bytes; i++) serial_send(SERIAL_OUTPUTS, ((const uint8_t *)from)[i]);
  return 0;
}

void board_close(int file) { (void)file; }
