// The board's console, files and counter on an ATmega328P: its one USART carries the console and both files, and
// general-purpose register 0 says which of them the next byte belongs to. The emulator (avr8js, as pinn-edge runs it) puts a
// bit there when it has inputs.bin, whose length in four bytes comes before it; another emulator, and a chip, has no file.
// ATmega48A/PA/88A/PA/168A/PA/328/P Datasheet, sections 16 (16-bit timer) and 20 (USART).
#include "board.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <stdbool.h>

#define HANDLE_INPUTS 1
#define HANDLE_OUTPUTS 2

// What GPIOR0 says: by the emulator before the first instruction, and by this program.
#define HAS_FILE 1u
#define CONSOLE 2u
#define OUTPUTS 4u
#define ENDED 8u

static bool has_file;
static uint32_t unread;
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

static void send(uint8_t kind, uint8_t byte) {
  while ((UCSR0A & (1u << UDRE0)) == 0u) {
  }
  GPIOR0 = kind;
  UDR0 = byte;
}

static uint8_t receive(void) {
  while ((UCSR0A & (1u << RXC0)) == 0u) {
  }
  return UDR0;
}

void board_print(const char *text) {
  while (*text != '\0') send(CONSOLE, (uint8_t)*text++);
}

int board_open(const char *name, board_mode_t mode) {
  (void)name;
  if (mode == BOARD_WRITE) return HANDLE_OUTPUTS;
  if (!has_file) return -1;
  unread = 0;
  for (uint8_t i = 0; i < 4u; i++) unread |= (uint32_t)receive() << (8u * i);
  return HANDLE_INPUTS;
}

uint32_t board_read(int file, void *to, uint32_t bytes) {
  if (file != HANDLE_INPUTS) return 0;
  const uint32_t count = bytes < unread ? bytes : unread;
  for (uint32_t i = 0; i < count; i++) ((uint8_t *)to)[i] = receive();
  unread -= count;
  return count;
}

int board_write(int file, const void *from, uint32_t bytes) {
  if (file != HANDLE_OUTPUTS) return -1;
  for (uint32_t i = 0; i < bytes; i++) send(OUTPUTS, ((const uint8_t *)from)[i]);
  return 0;
}

void board_close(int file) { (void)file; }

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
