// The partition `models` of partitions.csv as the flash of pe_slots.h.
#ifndef MODEL_FLASH_H
#define MODEL_FLASH_H

#include "pe_slots.h"

// Finds and maps the partition. Returns null when there is none, or no room to map it.
const pe_flash_t *model_flash_start(void);

#endif
