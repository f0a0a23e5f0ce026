// Runs block tables with the C kernels: cases on standard input, answers on standard output, until the input ends.
//
//   case:    u32 table bytes, u32 arena capacity, u32 points, the table, points x input words
//   answer:  u32 check; when it is 0, per point u32 status and the output words
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pe_kernels.h"
#include "pe_table.h"

static void *read_bytes(size_t count) {
  // Exactly as large as the case says, so that a sanitizer sees every step outside.
  void *bytes = malloc(count == 0 ? 1 : count);
  if (bytes == NULL || fread(bytes, 1, count, stdin) != count) exit(2);
  return bytes;
}

static void put(const void *words, size_t count) {
  if (fwrite(words, 4, count, stdout) != count) exit(2);
}

static void run(const uint8_t *table, const int32_t *inputs, uint32_t points) {
  const pe_header_t *header = (const pe_header_t *)(const void *)table;
  int32_t *arena = (int32_t *)calloc(1, header->arena_bytes);
  if (arena == NULL) exit(2);
  for (uint32_t p = 0; p < points; p++) {
    memcpy(arena, inputs + p * header->input_count, 4u * header->input_count);
    const uint32_t status = pe_walk(table, arena);
    put(&status, 1);
    put(arena + header->input_count, header->output_count);
  }
  free(arena);
}

int main(void) {
  uint32_t head[3];
  while (fread(head, 4, 3, stdin) == 3) {
    uint8_t *table = (uint8_t *)read_bytes(head[0]);
    const uint32_t check = pe_table_check(table, head[0], head[1]);
    put(&check, 1);
    const uint32_t words = head[0] >= PE_HEADER_BYTES ? ((const pe_header_t *)(const void *)table)->input_count : 0;
    int32_t *inputs = (int32_t *)read_bytes(4u * words * head[2]);
    if (check == PE_CHECK_OK) run(table, inputs, head[2]);
    free(inputs);
    free(table);
  }
  return 0;
}
