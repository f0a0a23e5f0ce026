// The table checker and the kernels in C: any bytes as a block table. What passes may be read and written only inside
// itself and its arena, which lie in blocks of exactly their size here.
//
//     0 input words (4 bytes, repeated) | 4 table
#include "fuzz.h"
#include "pe_kernels.h"
#include "pe_table.h"

#define MAX_ARENA_BYTES (1u << 17)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 4u) return 0;
  const uint32_t bytes = (uint32_t)(size - 4u);
  uint8_t *table = (uint8_t *)malloc(bytes > 0u ? bytes : 1u);
  if (table == NULL) abort();
  memcpy(table, data + 4, bytes);
  if (bytes >= PE_HEADER_BYTES) {
    fuzz_put_u32(table + PE_HEADER_TOTAL_BYTES, bytes);
    fuzz_put_u32(table + PE_HEADER_CRC, fuzz_crc32(table + PE_HEADER_CRC + 4u, bytes - PE_HEADER_CRC - 4u));
  }
  if (pe_table_check(table, bytes, MAX_ARENA_BYTES) == PE_CHECK_OK) {
    const pe_header_t *header = (const pe_header_t *)(const void *)table;
    MUST(header->arena_bytes <= MAX_ARENA_BYTES);
    uint8_t *arena = (uint8_t *)calloc(1, header->arena_bytes);
    if (arena == NULL) abort();
    for (uint32_t i = 0; i < header->input_count; i++) memcpy(arena + 4u * i, data, 4);
    const uint32_t status = pe_walk(table, arena);
    MUST(status == PE_STATUS_OK || status == PE_STATUS_CLAMPED);
    const pe_input_t *inputs = (const pe_input_t *)(const void *)(table + PE_HEADER_BYTES);
    for (uint32_t i = 0; i < header->input_count; i++) {
      int32_t word;
      memcpy(&word, arena + 4u * i, sizeof word);
      MUST(word >= inputs[i].min && word <= inputs[i].max);
    }
    free(arena);
  }
  free(table);
  return 0;
}
