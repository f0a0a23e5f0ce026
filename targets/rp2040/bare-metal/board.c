// The board's console, files and counter by the RP2040's UARTs and timer: UART0 is the console; UART1 gets inputs.bin, its
// length in four bytes before it, and sends outputs.bin. The emulator is at the other end of both; where nobody is, no
// file can be opened. Clocks are taken as they are: 125 MHz in rp2040js, which a chip has only after a boot loader's work.
// RP2040 Datasheet, sections 2.14 (resets), 2.19 (GPIO), 4.2 (UART, Arm PrimeCell PL011) and 4.6 (timer).
#include "board.h"
#include "serial.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define RESETS_RESET REGISTER(0x4000c000u)
#define RESETS_DONE REGISTER(0x4000c008u)
#define RESET_IO_BANK0 (1u << 5)
#define RESET_PADS_BANK0 (1u << 8)
#define RESET_TIMER (1u << 21)
#define RESET_UARTS (3u << 22)

#define GPIO0_CTRL REGISTER(0x40014004u)
#define FUNCTION_UART 2u

#define TIMER_RAW_HIGH REGISTER(0x40054024u)
#define TIMER_RAW_LOW REGISTER(0x40054028u)
#define CYCLES_PER_MICROSECOND 125u

typedef struct {
  volatile uint32_t data;
  volatile uint32_t receive_status;
  uint32_t reserved[4];
  volatile uint32_t flags;
  uint32_t reserved_too[2];
  volatile uint32_t divisor;
  volatile uint32_t divisor_64ths;
  volatile uint32_t line;
  volatile uint32_t control;
} uart_t;

#define CONSOLE ((uart_t *)0x40034000u)
#define FILES ((uart_t *)0x40038000u)

#define RECEIVER_EMPTY (1u << 4)
#define TRANSMITTER_FULL (1u << 5)
#define EIGHT_BITS_AND_FIFOS 0x70u
#define ENABLE_BOTH_WAYS 0x301u

void board_counter_start(void);

static void start_uart(uart_t *uart) {
  // 115200 baud: 125 MHz / (16 * 115200) = 67 + 52/64.
  uart->divisor = 67;
  uart->divisor_64ths = 52;
  uart->line = EIGHT_BITS_AND_FIFOS;
  uart->control = ENABLE_BOTH_WAYS;
}

// Called by the start-up code before main.
void board_counter_start(void) {
  const uint32_t needed = RESET_IO_BANK0 | RESET_PADS_BANK0 | RESET_TIMER | RESET_UARTS;
  RESETS_RESET &= ~needed;
  while ((RESETS_DONE & needed) != needed) {
  }
  GPIO0_CTRL = FUNCTION_UART;
  start_uart(CONSOLE);
  start_uart(FILES);
}

void serial_send(serial_kind_t kind, uint8_t byte) {
  uart_t *uart = kind == SERIAL_CONSOLE ? CONSOLE : FILES;
  while (uart->flags & TRANSMITTER_FULL) {
  }
  uart->data = byte;
}

bool serial_has_file(void) { return (FILES->flags & RECEIVER_EMPTY) == 0; }

uint8_t serial_receive(void) {
  while (FILES->flags & RECEIVER_EMPTY) {
  }
  return (uint8_t)FILES->data;
}

// Cycles of the core, in whole microseconds.
uint64_t board_instructions(void) {
  uint32_t high, low;
  do {
    high = TIMER_RAW_HIGH;
    low = TIMER_RAW_LOW;
  } while (high != TIMER_RAW_HIGH);
  return (((uint64_t)high << 32) | low) * CYCLES_PER_MICROSECOND;
}

// Asleep for good: the emulator stops there.
void board_exit(int code) {
  (void)code;
  for (;;) __asm__ volatile("cpsid i\n wfi");
}
