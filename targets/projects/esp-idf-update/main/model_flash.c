#include "model_flash.h"

#include <stddef.h>

#include "esp_partition.h"

#define SECTOR_BYTES 4096u
// Flash takes single bytes, and encrypted flash units of 16 (ESP-IDF Programming Guide, Flash Encryption).
#define PROGRAM_BYTES 16u

static const esp_partition_t *partition;

static bool erase(void *context, uint32_t offset) {
  (void)context;
  return esp_partition_erase_range(partition, offset, SECTOR_BYTES) == ESP_OK;
}

static bool program(void *context, uint32_t offset, const uint8_t *bytes) {
  (void)context;
  return esp_partition_write(partition, offset, bytes, PROGRAM_BYTES) == ESP_OK;
}

const pe_flash_t *model_flash_start(void) {
  static pe_flash_t flash;
  const void *memory = NULL;
  esp_partition_mmap_handle_t handle;
  partition = esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, "models");
  if (partition == NULL) return NULL;
  // The flash driver drops cached bytes of what it erases and writes, so the mapping shows them.
  if (esp_partition_mmap(partition, 0, partition->size, ESP_PARTITION_MMAP_DATA, &memory, &handle) != ESP_OK) return NULL;
  flash.memory = (const uint8_t *)memory;
  flash.sector_bytes = SECTOR_BYTES;
  flash.program_bytes = PROGRAM_BYTES;
  flash.slot_sectors = (partition->size / SECTOR_BYTES - 2u) / 2u;
  flash.erase = erase;
  flash.program = program;
  return &flash;
}
