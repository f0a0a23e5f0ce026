#include "pe_check.h"

#include <string.h>

#define PAGE_BYTES 65536u

enum { SECTION_CUSTOM, SECTION_TYPE, SECTION_IMPORT, SECTION_FUNCTION };
enum { SECTION_MEMORY = 5, SECTION_GLOBAL, SECTION_EXPORT, SECTION_CODE = 10, SECTION_DATA };
static void check_types(pe_checker_t *c) {
  c->type_count = pe_read_count(c, PE_MODULE_MAX_TYPES);
  for (uint32_t i = 0; i < c->type_count; i++) {
    if (pe_read_byte(c) != 0x60u) pe_refuse(c, pe_malformed);
    c->types[i] = c->at;
    for (uint32_t n = pe_read_small(c, PE_MODULE_MAX_PARAMETERS); n > 0u; n--) pe_read_type(c);
    for (uint32_t n = pe_read_small(c, 1); n > 0u; n--) pe_read_type(c);
  }
}

// Whether the next bytes are `expected`, which are taken.
static bool read_exactly(pe_checker_t *c, const char *expected, uint32_t count) {
  const uint8_t *bytes = pe_skip(c, count);
  return c->refusal == NULL && memcmp(bytes, expected, count) == 0;
}

// The block table of a module whose kernels the firmware brings (pe_native.h), which checks it.
static void check_custom(pe_checker_t *c) {
  if (!read_exactly(c, "\x09pinn-edge", 10)) pe_refuse(c, pe_no_model);
  c->table_count = 1;
  c->at = c->end;
}

uint8_t pe_result_of(const pe_checker_t *c, uint32_t type) {
  const uint8_t *results = c->types[type] + 1u + c->types[type][0];
  return results[0] == 0u ? PE_NOTHING : results[1];
}

// The one function that is not the module's own: pe.walk (i32, i32) -> i32.
static void check_imports(pe_checker_t *c) {
  if (!read_exactly(c, "\x01\x02pe\x04walk\x00", 10)) pe_refuse(c, pe_no_model);
  const uint32_t type = pe_read_index(c, c->type_count);
  if (c->refusal != NULL) return;
  const uint8_t *types = c->types[type];
  if (types[0] != 2u || types[1] != PE_I32 || types[2] != PE_I32 || pe_result_of(c, type) != PE_I32) pe_refuse(c, pe_no_model);
  c->functions[0].type = (uint8_t)type;
  c->functions[0].chain = PE_IMPORT_STACK_BYTES / PE_FRAME_UNIT_BYTES;
  c->functions[0].work = 1;
  c->functions[0].is_summed = true;
  c->import_count = 1;
}

static void check_functions(pe_checker_t *c) {
  c->function_count = c->import_count + pe_read_count(c, PE_MODULE_MAX_FUNCTIONS - 1u);
  for (uint32_t i = c->import_count; i < c->function_count; i++) {
    c->functions[i].type = (uint8_t)pe_read_index(c, c->type_count);
  }
}

static void check_memory(pe_checker_t *c) {
  const bool is_one = pe_read_u32(c) == 1u;
  const bool has_most = pe_read_count(c, 1) == 1u;
  const uint32_t pages = pe_read_u32(c);
  // No more pages than are needed, but what the compiler leaves behind the last byte may begin another.
  const uint32_t needed = c->memory_bytes / PAGE_BYTES + (c->memory_bytes % PAGE_BYTES != 0u ? 1u : 0u);
  const bool fits = pages == needed || pages == needed + 1u;
  if (!is_one || !fits || (has_most && pe_read_below(c, PAGE_BYTES + 1u, pe_too_much) < pages)) {
    pe_refuse(c, "the module has not the memory of its descriptor");
  }
}

static void check_globals(pe_checker_t *c) {
  c->global_count = pe_read_count(c, PE_MODULE_MAX_GLOBALS);
  for (uint32_t i = 0; i < c->global_count; i++) {
    const uint8_t type = pe_read_type(c);
    const uint32_t is_variable = pe_read_count(c, 1);
    c->globals[i] = (uint8_t)(type | is_variable << 7);
    pe_read_initial(c, type);
  }
}

// Exports by name: the memory first, then functions without parameters that return an i32.
static const char export_names[] = PE_MODULE_EXPORTS;

// Place of a name in export_names.
static uint32_t find_export(pe_checker_t *c, const uint8_t *name, uint32_t length) {
  uint32_t place = 0;
  for (const char *known = export_names; known[0] != '\0'; known += strlen(known) + 1u, place++) {
    if (strlen(known) == length && memcmp(known, name, length) == 0) return place;
  }
  pe_refuse(c, pe_no_model);
  return 0;
}

static void check_exports(pe_checker_t *c) {
  uint32_t seen = 0;
  const uint32_t count = pe_read_count(c, PE_MODULE_EXPORT_COUNT);
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t length = pe_read_u32(c);
    const uint8_t *name = pe_skip(c, length);
    if (c->refusal != NULL) return;
    const uint32_t place = find_export(c, name, length);
    const bool is_memory = place == 0u;
    const bool is_expected = pe_read_byte(c) == (is_memory ? 2u : 0u);
    const uint32_t index = pe_read_index(c, is_memory ? 1u : c->function_count);
    if (c->refusal != NULL) return;
    if ((seen & 1u << place) != 0u) pe_refuse(c, pe_malformed);
    seen |= 1u << place;
    c->entries[place] = (uint8_t)(index + 1u);
    const uint32_t type = c->functions[index].type;
    if (!is_expected || (!is_memory && (c->types[type][0] != 0u || pe_result_of(c, type) != PE_I32))) {
      pe_refuse(c, pe_no_model);
    }
  }
  const uint32_t required = (1u << PE_MODULE_REQUIRED_EXPORT_COUNT) - 1u;
  if ((seen & required) != required) pe_refuse(c, pe_no_model);
}

static void check_data(pe_checker_t *c) {
  for (uint32_t n = pe_read_u32(c); n > 0u && c->refusal == NULL; n--) {
    if (pe_read_byte(c) != 0u) pe_refuse(c, pe_malformed);
    const uint32_t offset = pe_read_initial(c, PE_I32);
    const uint32_t length = pe_read_u32(c);
    if (offset > c->memory_bytes || length > c->memory_bytes - offset) pe_refuse(c, "the module has data outside its memory");
    pe_skip(c, length);
  }
}

static void check_section(pe_checker_t *c, uint8_t id) {
  switch (id) {
    case SECTION_CUSTOM:
      check_custom(c);
      break;
    case SECTION_TYPE:
      check_types(c);
      break;
    case SECTION_IMPORT:
      check_imports(c);
      break;
    case SECTION_FUNCTION:
      check_functions(c);
      break;
    case SECTION_MEMORY:
      check_memory(c);
      break;
    case SECTION_GLOBAL:
      check_globals(c);
      break;
    case SECTION_EXPORT:
      check_exports(c);
      break;
    case SECTION_CODE:
      pe_check_code(c);
      break;
    default:
      check_data(c);
  }
}

// Sections in their order, each at most once.
void pe_check_sections(pe_checker_t *c) {
  const uint8_t *module_end = c->end;
  static const uint8_t order[] = {SECTION_CUSTOM, SECTION_TYPE,   SECTION_IMPORT, SECTION_FUNCTION, SECTION_MEMORY,
                                  SECTION_GLOBAL, SECTION_EXPORT, SECTION_CODE,   SECTION_DATA};
  for (uint32_t i = 0; i < sizeof order && c->refusal == NULL; i++) {
    const uint8_t id = order[i];
    if (c->at == module_end || *c->at != id) {
      const bool may_miss = id == SECTION_CUSTOM || id == SECTION_IMPORT || id == SECTION_GLOBAL || id == SECTION_DATA;
      if (!may_miss) pe_refuse(c, pe_no_model);
      continue;
    }
    c->at++;
    const uint32_t bytes = pe_read_u32(c);
    const uint8_t *section = pe_skip(c, bytes);
    if (c->refusal != NULL) return;
    c->at = section;
    c->end = section + bytes;
    check_section(c, id);
    if (c->at != c->end) pe_refuse(c, pe_malformed);
    c->end = module_end;
  }
  if (c->at != module_end || c->table_count != c->import_count) pe_refuse(c, pe_no_model);
}
