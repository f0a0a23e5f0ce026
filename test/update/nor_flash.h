// NOR flash in memory: erased to ones by the sector, programmed once by the unit from ones to zeros, and a power supply
// that fails in the middle of a chosen operation.
#ifndef NOR_FLASH_H
#define NOR_FLASH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pe_slots.h"

// What the operation in which the power fails leaves behind.
typedef enum { CUT_NOTHING, CUT_TORN, CUT_DONE, CUT_KINDS } cut_t;

typedef struct {
  pe_flash_t port;
  uint8_t *bytes;
  uint32_t size;
  bool powered;
  uint32_t operations;  // writes and erases so far
  uint32_t cut_at;      // the operation, from 1, in which the power fails; 0: never
  cut_t cut;
  uint32_t random;
} nor_t;

static inline uint32_t nor_random(nor_t *nor) {
  nor->random ^= nor->random << 13;
  nor->random ^= nor->random >> 17;
  nor->random ^= nor->random << 5;
  return nor->random;
}

// Whether the operation is done to its end; without power nothing is done any more.
static inline bool nor_operate(nor_t *nor, uint8_t *at, const uint8_t *after, uint32_t count) {
  if (!nor->powered) return false;
  nor->operations++;
  const bool fails = nor->operations == nor->cut_at;
  if (fails) nor->powered = false;
  if (fails && nor->cut == CUT_NOTHING) return false;
  for (uint32_t i = 0; i < count; i++) {
    // Torn: of the bits that change, any did.
    const uint8_t changes = (uint8_t)(at[i] ^ after[i]);
    const uint8_t done = fails && nor->cut == CUT_TORN ? (uint8_t)(changes & nor_random(nor)) : changes;
    at[i] = (uint8_t)(at[i] ^ done);
  }
  return !fails;
}

static inline bool nor_erase(void *context, uint32_t offset) {
  nor_t *nor = (nor_t *)context;
  const uint32_t sector = nor->port.sector_bytes;
  if (offset % sector != 0 || offset >= nor->size) abort();
  uint8_t *ones = (uint8_t *)malloc(sector);
  if (ones == NULL) abort();
  memset(ones, 0xff, sector);
  const bool done = nor_operate(nor, nor->bytes + offset, ones, sector);
  free(ones);
  return done;
}

static inline bool nor_program(void *context, uint32_t offset, const uint8_t *bytes) {
  nor_t *nor = (nor_t *)context;
  const uint32_t unit = nor->port.program_bytes;
  if (offset % unit != 0 || offset + unit > nor->size) abort();
  for (uint32_t i = 0; nor->powered && i < unit; i++) {
    if (nor->bytes[offset + i] == 0xff) continue;
    fprintf(stderr, "programmed twice at %u\n", (unsigned)offset);
    abort();
  }
  return nor_operate(nor, nor->bytes + offset, bytes, unit);
}

static inline void nor_create(nor_t *nor, uint32_t sector_bytes, uint32_t program_bytes, uint32_t slot_sectors) {
  memset(nor, 0, sizeof *nor);
  nor->size = sector_bytes * (2u + 2u * slot_sectors);
  nor->bytes = (uint8_t *)malloc(nor->size);
  if (nor->bytes == NULL) abort();
  memset(nor->bytes, 0xff, nor->size);
  nor->powered = true;
  nor->random = 1;
  nor->port.context = nor;
  nor->port.memory = nor->bytes;
  nor->port.sector_bytes = sector_bytes;
  nor->port.program_bytes = program_bytes;
  nor->port.slot_sectors = slot_sectors;
  nor->port.erase = nor_erase;
  nor->port.program = nor_program;
}

#endif
