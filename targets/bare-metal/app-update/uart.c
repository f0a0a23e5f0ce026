#include "uart.h"

#if defined(__riscv)

// 16550 of QEMU's virt machine (hw/riscv/virt.c). National Semiconductor, PC16550D, table II.
#define UART ((volatile uint8_t *)0x10000000u)
#define DATA 0
#define LINE_STATUS 5
#define HAS_BYTE 0x01u
#define HAS_ROOM 0x20u

void uart_start(void) {}

bool uart_get(void *context, uint8_t *byte) {
  (void)context;
  if ((UART[LINE_STATUS] & HAS_BYTE) == 0u) return false;
  *byte = UART[DATA];
  return true;
}

bool uart_put(void *context, uint8_t byte) {
  (void)context;
  if ((UART[LINE_STATUS] & HAS_ROOM) == 0u) return false;
  UART[DATA] = byte;
  return true;
}

#else

#include "devices.h"

// UART 0 of Arm's MPS2 boards. Arm Cortex-M System Design Kit Technical Reference Manual (DDI 0479), section APB UART.
typedef struct {
  volatile uint32_t data;
  volatile uint32_t state;
  volatile uint32_t control;
  volatile uint32_t interrupt;
  volatile uint32_t divider;
} cmsdk_uart_t;

#define UART ((cmsdk_uart_t *)UART_ADDRESS)
#define TRANSMIT_FULL 1u
#define RECEIVE_FULL 2u
#define ENABLE 3u
#define DIVIDER 217u  // 115200 baud from 25 MHz; emulated ones take any

void uart_start(void) {
  UART->divider = DIVIDER;
  UART->control = ENABLE;
}

bool uart_get(void *context, uint8_t *byte) {
  (void)context;
  if ((UART->state & RECEIVE_FULL) == 0u) return false;
  *byte = (uint8_t)UART->data;
  return true;
}

bool uart_put(void *context, uint8_t byte) {
  (void)context;
  if ((UART->state & TRANSMIT_FULL) != 0u) return false;
  UART->data = byte;
  return true;
}

#endif
