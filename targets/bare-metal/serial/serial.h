// A board's lines to whoever runs it, byte by byte: what such a board has in place of semihosting.
#ifndef SERIAL_H
#define SERIAL_H

#include <stdbool.h>
#include <stdint.h>

typedef enum { SERIAL_CONSOLE, SERIAL_OUTPUTS } serial_kind_t;

// Whether the other end has inputs.bin to give: its length in four bytes, the lowest first, then its bytes.
bool serial_has_file(void);

// Both wait until the line is ready.
void serial_send(serial_kind_t kind, uint8_t byte);
uint8_t serial_receive(void);

#endif
