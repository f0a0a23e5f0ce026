#include "ram_flash.h"

#include <string.h>

#define SECTOR_BYTES 4096u
#define PROGRAM_BYTES 8u
#define SLOT_SECTORS 32u
#define AREA_BYTES (SECTOR_BYTES * (2u + 2u * SLOT_SECTORS))

static uint8_t area[AREA_BYTES] __attribute__((aligned(8)));

static bool erase(void *context, uint32_t offset) {
  (void)context;
  memset(area + offset, 0xff, SECTOR_BYTES);
  return true;
}

// Flash only goes from ones to zeros.
static bool program(void *context, uint32_t offset, const uint8_t *bytes) {
  (void)context;
  for (uint32_t i = 0; i < PROGRAM_BYTES; i++) area[offset + i] = (uint8_t)(area[offset + i] & bytes[i]);
  return true;
}

static const pe_flash_t flash = {NULL, area, SECTOR_BYTES, PROGRAM_BYTES, SLOT_SECTORS, erase, program};

const pe_flash_t *ram_flash_start(void) {
  memset(area, 0xff, sizeof area);
  return &flash;
}
