// Stands for a chip's flash on boards that have none that could be written: RAM that behaves like it. Its contents are
// lost at a reset. On a chip, write erase and program for its flash controller (see pe_flash_t in pe_slots.h).
#ifndef RAM_FLASH_H
#define RAM_FLASH_H

#include "pe_slots.h"

// The flash area, erased.
const pe_flash_t *ram_flash_start(void);

#endif
