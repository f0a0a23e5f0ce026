// The board's console, files and counter on an ATmega328P: its one USART carries the console and both files, and
// general-purpose register 0 says which of them the next byte belongs to. The emulator (avr8js, as pinn-edge runs it) puts a
// bit there when it has inputs.bin, whose length in four bytes comes before it; another emulator, and a chip, has no file.
// ATmega48A/PA/88A/PA/168A/PA/328/P Datasheet, sections 16 (16-bit timer) and 20 (USART).
#include "board.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>

#include "serial.h"

// What GPIOR0 says: by the emulator before the first instruction, and by this program.
#define HAS_FILE 1u
#define CONSOLE 2u
#define OUTPUTS 4u
#define ENDED 8u

static bool has_file;
static volatile uint16_t overflows;

ISR(TIMER1_OVF_vect) { overflows++; }

// Before main: 2 Mbaud at 16 MHz, 8 data bits and 1 stop bit as after a reset; timer 1 counts every cycle.
__attribute__((constructor)) static void start(void) {
  has_file = (GPIOR0 & HAS_FILE) != 0u;
  UCSR0A = 1u << U2X0;
  UBRR0 = 0;
  UCSR0B = (1u << RXEN0) | (1u << TXEN0);
  TCCR1B = 1u << CS10;
  TIMSK1 = 1u << TOIE1;
  sei();
}

void serial_send(serial_kind_t kind, uint8_t byte) {
  while ((UCSR0A & (1u << UDRE0)) == 0u) {
  }
  GPIOR0 = kind == SERIAL_CONSOLE ? CONSOLE : OUTPUTS;
  UDR0 = byte;
}

bool serial_has_file(void) { return has_file; }

uint8_t serial_receive(void) {
  while ((UCSR0A & (1u << RXC0)) == 0u) {
  }
  return UDR0;
}

// Cycles of the core.
uint64_t board_instructions(void) {
  cli();
  uint16_t high = overflows;
  const uint16_t low = TCNT1;
  // An overflow that its interrupt has not counted yet.
  if ((TIFR1 & (1u << TOV1)) != 0u && low < 0x8000u) high++;
  sei();
  return ((uint32_t)high << 16) | low;
}

// Asleep for good, without interrupts: simavr ends there, and pinn-edge's emulator at ENDED.
void board_exit(int code) {
  (void)code;
  while ((UCSR0A & (1u << UDRE0)) == 0u) {
  }
  cli();
  GPIOR0 = ENDED;
  for (;;) {
    sleep_enable();
    sleep_cpu();
  }
}
