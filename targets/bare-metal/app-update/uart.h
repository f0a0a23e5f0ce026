// The board's first UART, without interrupts and without waiting.
#ifndef UART_H
#define UART_H

#include <stdbool.h>
#include <stdint.h>

void uart_start(void);

// The next byte received; false when there is none.
bool uart_get(void *context, uint8_t *byte);

// Sends a byte; false when there is no room for it now.
bool uart_put(void *context, uint8_t byte);

#endif
