// UART0, at 115200 baud, as the byte stream of pe_agent.h.
#ifndef AGENT_UART_H
#define AGENT_UART_H

#include "pe_agent.h"

// Returns null when the driver cannot be installed.
const pe_stream_t *agent_uart_start(void);

#endif
