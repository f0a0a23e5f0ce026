#include "pe_once.h"

#include "pe_values.h"
#include "pe_wasm3.h"

// What the word behind the output words says of the next run (compiler/code/entry.ts).
#define PART_BOTH 0
#define PART_ONCE 1
#define PART_EACH 2

static pe_result_t check_call(const pe_t *pe, const pe_once_parts_t *parts, const void *inputs) {
  if (pe == NULL || parts == NULL || inputs == NULL) return PE_ERROR_ARGUMENT;
  if (pe->model == NULL) return PE_ERROR_CLOSED;
  const pe_model_t *model = pe->model;
  if (model->engine != &pe_module_engine || model->identity != parts->identity) return PE_ERROR_IDENTITY;
  if ((uint32_t)parts->once_count + parts->each_count != model->input_count) return PE_ERROR_ARGUMENT;
  // The word must lie in the module's memory, whatever the module says of its outputs.
  uint32_t bytes = 0;
  const uint8_t *memory = m3_GetMemory(pe->runtime, &bytes, 0);
  const size_t end = (size_t)(pe->output_words - memory) + PE_WORD_BYTES * ((size_t)model->output_count + 1u);
  return end <= bytes ? PE_OK : PE_ERROR_EXPORT;
}

// One part, by itself: all other evaluations run both.
static pe_result_t run_part(pe_t *pe, int32_t part) {
  uint8_t *word = pe->output_words + PE_WORD_BYTES * pe->model->output_count;
  pe_store_word(word, part);
  const pe_result_t result = pe_run_in_place(pe);
  pe_store_word(word, PART_BOTH);
  return result;
}

pe_result_t pe_once_words(pe_t *pe, const pe_once_parts_t *parts, const int32_t *inputs) {
  const pe_result_t result = check_call(pe, parts, inputs);
  if (result != PE_OK) return result;
  for (uint32_t k = 0; k < parts->once_count; k++) pe_put_input(pe, parts->once[k], inputs[k]);
  return run_part(pe, PART_ONCE);
}

pe_result_t pe_each_words(pe_t *pe, const pe_once_parts_t *parts, const int32_t *inputs, int32_t *outputs) {
  pe_result_t result = outputs == NULL ? PE_ERROR_ARGUMENT : check_call(pe, parts, inputs);
  if (result != PE_OK) return result;
  for (uint32_t k = 0; k < parts->each_count; k++) pe_put_input(pe, parts->each[k], inputs[k]);
  result = run_part(pe, PART_EACH);
  if (result < 0) return result;
  for (uint32_t i = 0; i < pe->model->output_count; i++) outputs[i] = pe_get_output(pe, i);
  return result;
}

// Puts values in their places; nothing of them where one is not a number.
static pe_result_t put_values(pe_t *pe, const uint16_t *places, uint32_t count, const double *values) {
  pe_result_t result = PE_OK;
  for (uint32_t k = 0; k < count; k++) {
    if (pe_is_not_a_number(values[k])) return PE_ERROR_NAN;
  }
  for (uint32_t k = 0; k < count; k++) {
    if (pe_put_value(pe, places[k], values[k]) != PE_OK) result = PE_CLAMPED;
  }
  return result;
}

pe_result_t pe_once(pe_t *pe, const pe_once_parts_t *parts, const double *inputs) {
  pe_result_t put = check_call(pe, parts, inputs);
  if (put == PE_OK) put = put_values(pe, parts->once, parts->once_count, inputs);
  if (put < 0) return put;
  const pe_result_t result = run_part(pe, PART_ONCE);
  return result == PE_OK ? put : result;
}

pe_result_t pe_each(pe_t *pe, const pe_once_parts_t *parts, const double *inputs, double *outputs) {
  pe_result_t put = outputs == NULL ? PE_ERROR_ARGUMENT : check_call(pe, parts, inputs);
  if (put == PE_OK) put = put_values(pe, parts->each, parts->each_count, inputs);
  if (put < 0) return put;
  pe_result_t result = run_part(pe, PART_EACH);
  if (result == PE_OK) result = put;
  if (result < 0) return result;
  for (uint32_t i = 0; i < pe->model->output_count; i++) {
    outputs[i] = pe_get_value(pe, i);
    result = pe_hold_to_limit(pe, i, outputs[i], result);
  }
  return result;
}
