#include "pe_module.h"

#include <stdbool.h>
#include <string.h>

#include "pe_arena.h"
#include "pe_crc32.h"
#include "pe_format.gen.h"
#include "pe_image.gen.h"
#include "pe_module.gen.h"
#include "pe_validate.h"
#include "pe_wasm3.h"

#define WORD_BYTES 4u

// Far more than a device has; sums of it do not overflow.
#define MOST_BYTES ((uint32_t)1 << 26)

// wasm3 checks that a function's frame fits its stack after the arguments have been put there.
#define ARGUMENT_BYTES (8u * (PE_MODULE_MAX_PARAMETERS + 2u))

// Modules that import the kernels run their table once in an evaluation.
#define MAX_WALKS 4u

static bool is_memory_error(M3Result reason) {
  return reason == m3Err_mallocFailed || reason == m3Err_mallocFailedCodePage;
}

static pe_result_t fail(pe_t *pe, pe_result_t result, M3Result reason) {
  pe->detail = reason;
  return is_memory_error(reason) ? PE_ERROR_MEMORY : result;
}

static bool are_words_inside(const pe_t *pe, uint32_t address, uint32_t count) {
  uint32_t memory_bytes = 0;
  m3_GetMemory(pe->runtime, &memory_bytes, 0);
  return address <= memory_bytes && count <= (memory_bytes - address) / WORD_BYTES;
}

pe_result_t pe_module_run(pe_t *pe) {
  pe->steps_left = PE_MAX_STEPS(pe->model->memory_bytes);
  pe->runtime->userdata = &pe->steps_left;
  pe->native.walks = 0;
  uint32_t status;
  const void *results[1];
  results[0] = &status;
  M3Result reason = m3_Call(pe->run, 0, NULL);
  if (reason == m3Err_none) reason = m3_GetResults(pe->run, 1, results);
  if (reason != m3Err_none) return fail(pe, PE_ERROR_TRAP, reason);
  if (status == PE_STATUS_OK) return PE_OK;
  if (status == PE_STATUS_CLAMPED) return PE_CLAMPED;
  pe->failed_check = status < PE_STATUS_REFUSED ? PE_CHECK_OK : status - PE_STATUS_REFUSED;
  return PE_ERROR_TABLE;
}

// Translates the functions that are ever called. Left alone, wasm3 would do so when they are first called, and allocate
// and recurse then; and the rest, a check of the block table for other hosts, would take memory and time for nothing.
static M3Result compile(IM3Module module, const pe_module_facts_t *facts) {
  M3Result reason = m3Err_none;
  for (uint32_t i = 0; i < module->numFunctions && reason == m3Err_none; i++) {
    IM3Function function = &module->functions[i];
    if (facts->needed[i] && function->wasm != NULL && function->compiled == NULL) reason = CompileFunction(function);
  }
  return reason;
}

static pe_result_t load_module(pe_t *pe, pe_link_kernels_t link, const pe_module_facts_t *facts) {
  const pe_model_t *model = pe->model;
  // An allocation that fails does not come back here, and the environment goes away with the arena.
  const IM3Environment environment = m3_NewEnvironment();
  pe->runtime = m3_NewRuntime(environment, model->stack_bytes + ARGUMENT_BYTES, NULL);
  // wasm3 has no functions to set these.
  pe->runtime->numStackSlots -= ARGUMENT_BYTES / (uint32_t)sizeof(m3slot_t);
  pe->runtime->memoryLimit = model->memory_bytes;
  IM3Module module;
  M3Result reason = m3_ParseModule(environment, &module, model->payload, model->payload_bytes);
  if (reason == m3Err_none) reason = m3_LoadModule(pe->runtime, module);
  if (reason == m3Err_none && link != NULL) {
    reason = link(&pe->native, module, model->payload, model->payload_bytes);
    pe->native.max_walks = MAX_WALKS;
    pe->native.is_intact = 1;
  }
  if (reason == m3Err_none) reason = compile(module, facts);
  if (reason != m3Err_none) return fail(pe, PE_ERROR_MODULE, reason);
  return PE_OK;
}

// The bytes of the block table are among those of which the CRC-32 was compared, so its own need only be the one that the
// model names.
static uint32_t check_identity(const pe_t *pe, const uint8_t *table, uint32_t bytes) {
  uint32_t crc;
  if (bytes < PE_HEADER_BYTES) return PE_CHECK_SIZE;
  memcpy(&crc, table + PE_HEADER_CRC, sizeof crc);
  return crc == pe->model->identity ? PE_CHECK_OK : PE_CHECK_FORMAT;
}

// What is left of the checks that the module's `run` makes before its first evaluation (runtime/check.ts), or of those of
// a table for kernels in C (pe_native.c).
static uint32_t check_table(const pe_t *pe, const pe_module_facts_t *facts) {
  if (pe->native.table != NULL) return check_identity(pe, pe->native.table, pe->native.table_bytes);
  // A module that has `evaluate` does so without a look at its block table: then the library looks.
  if (!facts->has_evaluate) return PE_CHECK_OK;
  // The memory of a module that passed the check is as large as its descriptor says.
  const uint32_t memory_bytes = pe->model->memory_bytes;
  if (memory_bytes < PE_MODULE_TABLE_ADDRESS) return PE_CHECK_SIZE;
  const uint8_t *memory = m3_GetMemory(pe->runtime, NULL, 0);
  return check_identity(pe, memory + PE_MODULE_TABLE_ADDRESS, memory_bytes - PE_MODULE_TABLE_ADDRESS);
}

static pe_result_t find_exports(pe_t *pe, const pe_module_facts_t *facts) {
  const uint32_t input = facts->constants[0], output = facts->constants[1];
  if (facts->constants[2] != pe->model->identity) return PE_ERROR_IDENTITY;
  // The check has seen that it has no parameters and returns an i32; it is translated.
  pe->run = &pe->runtime->modules->functions[facts->run];
  pe->failed_check = check_table(pe, facts);
  if (pe->failed_check != PE_CHECK_OK) return PE_ERROR_TABLE;
  if (!are_words_inside(pe, input, pe->model->input_count) || !are_words_inside(pe, output, pe->model->output_count)) {
    return fail(pe, PE_ERROR_EXPORT, m3Err_trapOutOfBoundsMemoryAccess);
  }
  // Linear memory stays where it is: no module that passes the check grows it.
  uint8_t *memory = m3_GetMemory(pe->runtime, NULL, 0);
  pe->input_words = memory + input;
  pe->output_words = memory + output;
  return PE_OK;
}

static pe_result_t open_in(pe_arena_t *arena, pe_t *pe, pe_link_kernels_t link, const pe_module_facts_t *facts) {
  if (setjmp(arena->no_room) != 0) return fail(pe, PE_ERROR_MEMORY, m3Err_mallocFailed);
  pe_result_t result = load_module(pe, link, facts);
  if (result == PE_OK) result = find_exports(pe, facts);
  if (result == PE_OK) result = pe_module_run(pe);
  return result == PE_CLAMPED ? PE_OK : result;
}

pe_result_t pe_module_open(pe_t *pe, void *memory, size_t bytes, pe_link_kernels_t link) {
  const pe_model_t *model = pe->model;
  if (model->stack_bytes == 0u || model->stack_bytes > MOST_BYTES) return PE_ERROR_ARGUMENT;
  pe_arena_t arena;
  pe_arena_init(&arena, memory, bytes);
  if ((size_t)(arena.end - arena.start) < sizeof(uint32_t) * PE_CRC32_SCRATCH_WORDS) {
    return fail(pe, PE_ERROR_MEMORY, m3Err_mallocFailed);
  }
  // wasm3 0.5.0 does not validate and can be led out of its memory by a damaged module, so it never sees one. It does
  // not have the arena yet.
  uint32_t *scratch = (uint32_t *)(void *)arena.start;
  if (pe_crc32_in(model->payload, model->payload_bytes, scratch) != model->payload_crc) return PE_ERROR_CORRUPT;
  pe_module_facts_t facts;
  pe->detail = pe_validate(model->payload, model->payload_bytes, model->memory_bytes, &facts);
  if (pe->detail != NULL) return pe->detail == pe_stack_exceeded ? PE_ERROR_STACK : PE_ERROR_MODULE;
  pe_arena_select(&arena);
  const pe_result_t result = open_in(&arena, pe, link, &facts);
  pe_arena_select(NULL);
  pe->arena_used = (uint32_t)(arena.top - (uint8_t *)memory);
  return result;
}

static pe_result_t open_module(pe_t *pe, void *memory, size_t bytes) { return pe_module_open(pe, memory, bytes, NULL); }

const pe_engine_t pe_module_engine = {PE_PAYLOAD_MODULE, open_module, pe_module_run};
