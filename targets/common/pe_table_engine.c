// Models that are block tables: checked where they lie, and run by the kernels in C. No interpreter.
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "pe_format.gen.h"
#include "pe_image.gen.h"
#include "pe_kernels.h"
#include "pe_table.h"
#include "pinn_edge.h"

// Of the arena and, for kernels that read words, of the table.
#define ARENA_ALIGNMENT 8u
#define TABLE_ALIGNMENT 4u

static const pe_header_t *header_of(const pe_model_t *model) {
  return (const pe_header_t *)(const void *)model->payload;
}

// Whether the table's inputs and outputs are those of the descriptor, by which callers convert and index words.
static bool is_described(const pe_model_t *model) {
  const pe_header_t *header = header_of(model);
  const pe_input_t *inputs = (const pe_input_t *)(const void *)(model->payload + PE_HEADER_BYTES);
  if (header->crc != model->identity) return false;
  if (header->input_count != model->input_count || header->output_count != model->output_count) return false;
  const pe_output_t *outputs = (const pe_output_t *)(const void *)(inputs + header->input_count);
  bool is_same = true;
  for (uint32_t i = 0; i < model->input_count; i++) is_same = is_same && inputs[i].exponent == model->inputs[i].exponent;
  for (uint32_t i = 0; i < model->output_count; i++) {
    is_same = is_same && outputs[i].exponent == model->outputs[i].exponent;
  }
  return is_same;
}

static pe_result_t open_table(pe_t *pe, void *memory, size_t bytes) {
  const pe_model_t *model = pe->model;
  if ((uintptr_t)model->payload % TABLE_ALIGNMENT != 0u) return PE_ERROR_ARGUMENT;
  pe->failed_check = pe_table_check(model->payload, model->payload_bytes, model->memory_bytes);
  if (pe->failed_check == PE_CHECK_CRC) return PE_ERROR_CORRUPT;
  if (pe->failed_check != PE_CHECK_OK) return PE_ERROR_TABLE;
  if (!is_described(model)) return PE_ERROR_IDENTITY;
  if (pe_table_steps(model->payload) > PE_MAX_WORK(model->payload_bytes)) {
    pe->detail = PE_TABLE_TOO_LONG;
    return PE_ERROR_TABLE;
  }
  const uint32_t skipped = (uint32_t)((ARENA_ALIGNMENT - (uintptr_t)memory % ARENA_ALIGNMENT) % ARENA_ALIGNMENT);
  const uint32_t arena_bytes = header_of(model)->arena_bytes;
  if (bytes < skipped || bytes - skipped < arena_bytes) {
    pe->detail = "the arena of the block table does not fit";
    return PE_ERROR_MEMORY;
  }
  pe->input_words = (uint8_t *)memory + skipped;
  pe->output_words = pe->input_words + sizeof(int32_t) * model->input_count;
  // A table that reads values before it writes them gives the same integers everywhere.
  memset(pe->input_words, 0, arena_bytes);
  pe->arena_used = skipped + arena_bytes;
  return PE_OK;
}

static pe_result_t run_table(pe_t *pe) {
  return pe_walk(pe->model->payload, pe->input_words) == PE_STATUS_OK ? PE_OK : PE_CLAMPED;
}

const pe_engine_t pe_table_engine = {PE_PAYLOAD_TABLE, open_table, run_table};
