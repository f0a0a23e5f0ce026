// What the application needs of a board: a console, files of the machine that runs the emulator, a count of executed
// instructions, and an end. Every board's own folder implements it; nothing here allocates.
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

// Writes a text to the console.
void board_print(const char *text);

// Files lie in the folder that the emulator was started in.
typedef enum { BOARD_READ, BOARD_WRITE } board_mode_t;

// Opens a file and returns its handle, or -1 when it cannot be opened.
int board_open(const char *name, board_mode_t mode);

// Reads at most `bytes` bytes and returns how many came: fewer only at the end of the file.
uint32_t board_read(int file, void *to, uint32_t bytes);

// Returns 0 when all bytes were written.
int board_write(int file, const void *from, uint32_t bytes);

// Flushes and closes a file.
void board_close(int file);

// Instructions executed since the board started; exact up to BOARD_COUNT_STEP (see the board's counter). Meaningful
// where one instruction takes one unit of the emulator's time (QEMU: -icount shift=0).
uint64_t board_instructions(void);

// Ends the emulation with this exit code.
__attribute__((noreturn)) void board_exit(int code);

// Where the linker script puts things.
extern uint8_t board_stack_low[], board_stack_top[];  // the native stack grows down from top
extern uint8_t board_rest_low[], board_rest_end[];      // RAM that nothing else takes
extern uint8_t board_static_low[], board_static_end[];  // initialised and zeroed variables
extern uint8_t board_flash_low[], board_flash_end[];  // everything that a chip would keep in flash

#endif
