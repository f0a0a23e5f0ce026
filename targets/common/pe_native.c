#include "pe_native.h"

#include <stddef.h>
#include <string.h>

#include "pe_kernels.h"
#include "pe_table.h"
#include "pe_wasm3.h"

#define SECTION_NAME "pinn-edge"
#define WASM_HEADER_BYTES 8u

enum { OP_END = 0x0b, OP_CALL = 0x10, OP_GLOBAL_GET = 0x23, OP_GLOBAL_SET = 0x24, OP_I32_CONST = 0x41 };

static const char too_often[] = "the module had its block table evaluated more often than it may";

// A place in the module's bytes.
typedef struct {
  const uint8_t *at;
  const uint8_t *end;
} reader_t;

// LEB128 of at most 32 bits; false where there is none.
static bool read_number(reader_t *reader, uint32_t *number) {
  *number = 0;
  for (unsigned shift = 0; shift < 35u; shift += 7u) {
    if (reader->at == reader->end) return false;
    const uint32_t byte = *reader->at++;
    *number |= (byte & 0x7fu) << shift;
    if (byte < 0x80u) return true;
  }
  return false;
}

// The bytes of the next `count`, or false when there are fewer.
static bool read_part(reader_t *reader, uint32_t count, reader_t *part) {
  if (count > (size_t)(reader->end - reader->at)) return false;
  part->at = reader->at;
  part->end = reader->at + count;
  reader->at = part->end;
  return true;
}

static bool is_table_section(uint32_t id, reader_t *section) {
  uint32_t length;
  reader_t name;
  return id == 0u && read_number(section, &length) && read_part(section, length, &name) &&
         length == sizeof SECTION_NAME - 1u && memcmp(name.at, SECTION_NAME, length) == 0;
}

static void find_table(pe_native_t *native, const uint8_t *wasm, uint32_t wasm_bytes) {
  if (wasm_bytes < WASM_HEADER_BYTES) return;
  reader_t module = {wasm + WASM_HEADER_BYTES, wasm + wasm_bytes};
  reader_t section;
  uint32_t id, bytes;
  while (read_number(&module, &id) && read_number(&module, &bytes) && read_part(&module, bytes, &section)) {
    if (!is_table_section(id, &section)) continue;
    native->table = section.at;
    native->table_bytes = (uint32_t)(section.end - section.at);
    return;
  }
}

// Once, for an arena of so many bytes.
static void check(pe_native_t *native, uint32_t bytes) {
  if (native->is_checked != 0u) return;
  native->is_checked = 1u;
  native->failed_check = native->is_intact != 0u
                             ? pe_table_check_intact(native->table, native->table_bytes, bytes)
                             : pe_table_check(native->table, native->table_bytes, bytes);
  if (native->failed_check != PE_CHECK_OK) return;
  native->is_long = pe_table_steps(native->table) > PE_MAX_WORK(native->table_bytes) ? 1u : 0u;
}

// Status of a run: PE_STATUS_OK, PE_STATUS_CLAMPED, or PE_STATUS_REFUSED + the number of the failed check.
static uint32_t walk(const pe_native_t *native, void *arena, uint32_t bytes) {
  if (native->failed_check != PE_CHECK_OK) return PE_STATUS_REFUSED + native->failed_check;
  // The module may give another arena than the one that was checked.
  const pe_header_t *header = (const pe_header_t *)(const void *)native->table;
  if (header->arena_bytes > bytes) return PE_STATUS_REFUSED + PE_CHECK_ARENA;
  return pe_walk(native->table, arena);
}

// i32 pe.walk(i32 arena, i32 bytes)
static m3ApiRawFunction(call_walk) {
  pe_native_t *native = (pe_native_t *)_ctx->userdata;
  m3ApiReturnType(uint32_t);
  m3ApiGetArg(uint32_t, address);
  m3ApiGetArg(uint32_t, bytes);
  const uint32_t memory_bytes = m3_GetMemorySize(runtime);
  uint8_t *memory = (uint8_t *)_mem;
  if (address > memory_bytes || bytes > memory_bytes - address) m3ApiTrap(m3Err_trapOutOfBoundsMemoryAccess);
  if ((uintptr_t)(memory + address) % sizeof(uint32_t) != 0u) m3ApiTrap(m3Err_trapOutOfBoundsMemoryAccess);
  if (native->max_walks != 0u && native->walks++ == native->max_walks) m3ApiTrap(too_often);
  check(native, bytes);
  if (native->is_long != 0u) m3ApiTrap(PE_TABLE_TOO_LONG);
  native->arena = memory + address;
  m3ApiReturn(walk(native, native->arena, bytes));
}

// One of the two constants.
static bool is_constant(reader_t *code) {
  uint32_t number;
  return read_number(code, &number) && number == OP_I32_CONST && read_number(code, &number);
}

bool pe_native_is_walk(const uint8_t *code, const uint8_t *end) {
  reader_t body = {code, end};
  uint32_t number;
  if (!read_number(&body, &number) || number != (size_t)(end - body.at)) return false;
  if (!read_number(&body, &number) || number != 0u) return false;  // no locals
  if (!is_constant(&body) || !is_constant(&body) || end - body.at != 7) return false;
  const uint8_t *at = body.at;
  const bool is_called = at[0] == OP_CALL && at[1] == 0u;
  return is_called && at[2] == OP_GLOBAL_SET && at[4] == OP_GLOBAL_GET && at[3] == at[5] && at[6] == OP_END;
}

const char *pe_native_link(pe_native_t *native, struct M3Module *module, const uint8_t *wasm, uint32_t wasm_bytes) {
  memset(native, 0, sizeof *native);
  find_table(native, wasm, wasm_bytes);
  if (native->table == NULL) return NULL;
  if ((uintptr_t)native->table % sizeof(uint32_t) != 0u) return "the module's block table is not on a 4-byte boundary";
  return m3_LinkRawFunctionEx(module, "pe", "walk", "i(ii)", call_walk, native);
}
