#include "pe_validate.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

// Types as WebAssembly writes them. The low bit of their complement says whether a value has 64 bits.
#define I32 0x7fu
#define I64 0x7eu
#define NOTHING 0x40u

#define PAGE_BYTES 65536u

enum { SECTION_CUSTOM, SECTION_TYPE, SECTION_IMPORT, SECTION_FUNCTION };
enum { SECTION_MEMORY = 5, SECTION_GLOBAL, SECTION_EXPORT, SECTION_CODE = 10, SECTION_DATA };

enum {
  OP_UNREACHABLE = 0x00,
  OP_NOP = 0x01,
  OP_BLOCK = 0x02,
  OP_LOOP = 0x03,
  OP_IF = 0x04,
  OP_ELSE = 0x05,
  OP_END = 0x0b,
  OP_BR = 0x0c,
  OP_BR_IF = 0x0d,
  OP_BR_TABLE = 0x0e,
  OP_RETURN = 0x0f,
  OP_CALL = 0x10,
  OP_DROP = 0x1a,
  OP_SELECT = 0x1b,
  OP_LOCAL_GET = 0x20,
  OP_LOCAL_SET = 0x21,
  OP_LOCAL_TEE = 0x22,
  OP_GLOBAL_GET = 0x23,
  OP_GLOBAL_SET = 0x24,
  OP_FIRST_ACCESS = 0x28,
  OP_LAST_ACCESS = 0x3e,
  OP_I32_CONST = 0x41,
  OP_I64_CONST = 0x42
};

// A block that is open. The outermost is the function's body.
typedef struct {
  uint8_t opcode;  // OP_BLOCK, OP_LOOP, OP_IF or OP_ELSE
  uint8_t type;    // of its result: I32, I64 or NOTHING
  uint8_t height;  // of the operand stack where it starts
} block_t;

typedef struct {
  uint32_t operations;  // of the function itself, then with the longest of its callees
  uint32_t work;        // the same with all of its callees, as often as they are called
  uint16_t first_call;  // in `callees`
  uint8_t type;
  bool is_summed;
} function_t;

typedef struct {
  const char *refusal;  // NULL so far; afterwards nothing is read any more
  const uint8_t *at;
  const uint8_t *end;  // of the section or body that is read
  uint32_t memory_bytes;
  uint32_t type_count;
  uint32_t table_count;     // block tables in sections of their own: 0 or 1
  uint32_t import_count;    // functions that the firmware brings: as many
  uint32_t function_count;  // imports included, which come first
  uint32_t global_count;
  uint32_t call_count;
  uint32_t loop_count;
  uint32_t local_count;  // parameters included
  uint32_t height;       // of the operand stack
  uint32_t depth;        // of the innermost block
  uint32_t operations;   // of the body so far
  uint32_t entry;  // index of the function that evaluates: `evaluate`, or `run` where there is none
  bool has_evaluate;
  bool is_reachable;
  bool is_open;  // the body has not ended
  const uint8_t *types[PE_MODULE_MAX_TYPES];  // where their parameters are counted
  function_t functions[PE_MODULE_MAX_FUNCTIONS];
  uint8_t globals[PE_MODULE_MAX_GLOBALS];  // type, and 1 << 7 when it can be set
  block_t blocks[PE_MODULE_MAX_NESTING];
  uint8_t callees[PE_MODULE_MAX_CALLS];
  uint32_t wide[PE_MODULE_MAX_VALUES / 32u];  // one bit per local and, behind them, per operand: whether it has 64 bits
} checker_t;

static const char malformed[] = "the module is malformed";
static const char ends_early[] = "the module ends early";
static const char no_model[] = "the module is not a pinn-edge model";
static const char too_much[] = "the module exceeds a limit";
static const char wrong_type[] = "the module has a type error";
static const char no_such_index[] = "the module has an index out of range";

// Ends the check: with nothing left to read, every loop below stops.
static void refuse(checker_t *c, const char *why) {
  if (c->refusal == NULL) c->refusal = why;
  c->at = c->end;
}

// --- reading ---------------------------------------------------------------------------------------------------------

static uint8_t read_byte(checker_t *c) {
  if (c->at == c->end) {
    refuse(c, ends_early);
    return 0;
  }
  return *c->at++;
}

// A LEB128 integer of at most `most` bytes; `sign` are the bits of the last of these that repeat the sign, and stay zero
// when the number has none. Only the low 32 bits are kept.
static uint32_t read_leb(checker_t *c, uint32_t most, uint32_t sign, bool is_signed) {
  uint32_t value = 0;
  uint32_t i = 0;
  uint32_t byte;
  do {
    byte = read_byte(c);
    if (i < 5u) value |= (byte & 0x7fu) << (7u * i);
    i++;
  } while (byte >= 0x80u && i < most);
  const uint32_t rest = i == most ? byte & (sign | 0x80u) : 0u;
  if (rest != 0u && !(is_signed && rest == sign)) refuse(c, malformed);
  if (is_signed && i < 5u && (byte & 0x40u) != 0u) value |= ~0u << (7u * i);
  return value;
}

static uint32_t read_u32(checker_t *c) { return read_leb(c, 5, 0x70, false); }

// A number of things, or of which of them, below `limit`.
static uint32_t read_below(checker_t *c, uint32_t limit, const char *why) {
  const uint32_t value = read_u32(c);
  if (value < limit) return value;
  refuse(c, why);
  return 0;
}

static uint32_t read_count(checker_t *c, uint32_t most) { return read_below(c, most + 1u, too_much); }

// A count that is written as one byte.
static uint32_t read_small(checker_t *c, uint32_t most) {
  const uint8_t count = read_byte(c);
  if (count <= most) return count;
  refuse(c, too_much);
  return 0;
}

static uint8_t read_type(checker_t *c) {
  const uint8_t type = read_byte(c);
  if (type != I32 && type != I64) refuse(c, no_model);
  return type;
}

static const uint8_t *skip(checker_t *c, uint32_t count) {
  const uint8_t *start = c->at;
  if (count > (size_t)(c->end - c->at)) {
    refuse(c, ends_early);
  } else {
    c->at += count;
  }
  return start;
}

// A constant of `type`; of an i64 only that it is one.
static uint32_t read_constant(checker_t *c, uint32_t type) {
  return type == I32 ? read_leb(c, 5, 0x78, true) : read_leb(c, 10, 0x7f, true);
}

// An initial value: a constant of `type` and the end.
static uint32_t read_initial(checker_t *c, uint32_t type) {
  const bool is_constant = read_byte(c) == (type == I32 ? OP_I32_CONST : OP_I64_CONST);
  const uint32_t value = read_constant(c, type);
  if (!is_constant || read_byte(c) != OP_END) refuse(c, malformed);
  return value;
}

// --- sections but code -----------------------------------------------------------------------------------------------

static void check_types(checker_t *c) {
  c->type_count = read_count(c, PE_MODULE_MAX_TYPES);
  for (uint32_t i = 0; i < c->type_count; i++) {
    if (read_byte(c) != 0x60u) refuse(c, malformed);
    c->types[i] = c->at;
    for (uint32_t n = read_small(c, PE_MODULE_MAX_PARAMETERS); n > 0u; n--) read_type(c);
    for (uint32_t n = read_small(c, 1); n > 0u; n--) read_type(c);
  }
}

// Whether the next bytes are `expected`, which are taken.
static bool read_exactly(checker_t *c, const char *expected, uint32_t count) {
  const uint8_t *bytes = skip(c, count);
  return c->refusal == NULL && memcmp(bytes, expected, count) == 0;
}

// The block table of a module whose kernels the firmware brings (pe_native.h), which checks it.
static void check_custom(checker_t *c) {
  if (!read_exactly(c, "\x09pinn-edge", 10)) refuse(c, no_model);
  c->table_count = 1;
  c->at = c->end;
}

// The result of a function type, or NOTHING.
static uint8_t result_of(const checker_t *c, uint32_t type) {
  const uint8_t *results = c->types[type] + 1u + c->types[type][0];
  return results[0] == 0u ? NOTHING : results[1];
}

// The one function that is not the module's own: pe.walk (i32, i32) -> i32.
static void check_imports(checker_t *c) {
  if (!read_exactly(c, "\x01\x02pe\x04walk\x00", 10)) refuse(c, no_model);
  const uint32_t type = read_below(c, c->type_count, no_such_index);
  if (c->refusal != NULL) return;
  const uint8_t *types = c->types[type];
  if (types[0] != 2u || types[1] != I32 || types[2] != I32 || result_of(c, type) != I32) refuse(c, no_model);
  c->functions[0].type = (uint8_t)type;
  c->functions[0].operations = 1;
  c->functions[0].work = 1;
  c->functions[0].is_summed = true;
  c->import_count = 1;
}

static void check_functions(checker_t *c) {
  c->function_count = c->import_count + read_count(c, PE_MODULE_MAX_FUNCTIONS - 1u);
  for (uint32_t i = c->import_count; i < c->function_count; i++) {
    c->functions[i].type = (uint8_t)read_below(c, c->type_count, no_such_index);
  }
}

static void check_memory(checker_t *c) {
  const bool is_one = read_u32(c) == 1u;
  const bool has_most = read_count(c, 1) == 1u;
  const uint32_t pages = read_u32(c);
  // No more pages than are needed, but what the compiler leaves behind the last byte may begin another.
  const uint32_t needed = c->memory_bytes / PAGE_BYTES + (c->memory_bytes % PAGE_BYTES != 0u ? 1u : 0u);
  const bool fits = pages == needed || pages == needed + 1u;
  if (!is_one || !fits || (has_most && read_below(c, PAGE_BYTES + 1u, too_much) < pages)) {
    refuse(c, "the module has not the memory of its descriptor");
  }
}

static void check_globals(checker_t *c) {
  c->global_count = read_count(c, PE_MODULE_MAX_GLOBALS);
  for (uint32_t i = 0; i < c->global_count; i++) {
    const uint8_t type = read_type(c);
    const uint32_t is_variable = read_count(c, 1);
    c->globals[i] = (uint8_t)(type | is_variable << 7);
    read_initial(c, type);
  }
}

// Exports by name: the memory first, then functions without parameters that return an i32.
static const char export_names[] = PE_MODULE_EXPORTS;

// Place of a name in export_names.
static uint32_t find_export(checker_t *c, const uint8_t *name, uint32_t length) {
  uint32_t place = 0;
  for (const char *known = export_names; known[0] != '\0'; known += strlen(known) + 1u, place++) {
    if (strlen(known) == length && memcmp(known, name, length) == 0) return place;
  }
  refuse(c, no_model);
  return 0;
}

static void check_exports(checker_t *c) {
  uint32_t seen = 0;
  const uint32_t count = read_count(c, PE_MODULE_EXPORT_COUNT);
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t length = read_u32(c);
    const uint8_t *name = skip(c, length);
    if (c->refusal != NULL) return;
    const uint32_t place = find_export(c, name, length);
    const bool is_memory = place == 0u;
    const bool is_expected = read_byte(c) == (is_memory ? 2u : 0u);
    const uint32_t index = read_below(c, is_memory ? 1u : c->function_count, no_such_index);
    if (c->refusal != NULL) return;
    if ((seen & 1u << place) != 0u) refuse(c, malformed);
    seen |= 1u << place;
    if (place == PE_MODULE_EXPORT_EVALUATE || (place == PE_MODULE_EXPORT_RUN && (seen >> PE_MODULE_EXPORT_EVALUATE) == 0u)) {
      c->entry = index;
    }
    const uint32_t type = c->functions[index].type;
    if (!is_expected || (!is_memory && (c->types[type][0] != 0u || result_of(c, type) != I32))) {
      refuse(c, no_model);
    }
  }
  c->has_evaluate = (seen >> PE_MODULE_EXPORT_EVALUATE) != 0u;
  const uint32_t required = (1u << PE_MODULE_REQUIRED_EXPORT_COUNT) - 1u;
  if ((seen & required) != required) refuse(c, no_model);
}

static void check_data(checker_t *c) {
  for (uint32_t n = read_u32(c); n > 0u && c->refusal == NULL; n--) {
    if (read_byte(c) != 0u) refuse(c, malformed);
    const uint32_t offset = read_initial(c, I32);
    const uint32_t length = read_u32(c);
    if (offset > c->memory_bytes || length > c->memory_bytes - offset) refuse(c, "the module has data outside its memory");
    skip(c, length);
  }
}

// --- code ------------------------------------------------------------------------------------------------------------

static uint8_t type_at(const checker_t *c, uint32_t index) {
  return (uint8_t)(I32 - ((c->wide[index / 32u] >> (index % 32u)) & 1u));
}

static void set_type(checker_t *c, uint32_t index, uint32_t type) {
  const uint32_t bit = (uint32_t)1 << (index % 32u);
  c->wide[index / 32u] = type == I64 ? c->wide[index / 32u] | bit : c->wide[index / 32u] & ~bit;
}

static block_t *innermost(checker_t *c) { return &c->blocks[c->depth]; }

// Whether there is room for one more operand or block. wasm3 keeps a place per open block as well, for its result.
static bool has_room(checker_t *c) {
  if (c->local_count + c->height + c->depth + 1u < PE_MODULE_MAX_VALUES) return true;
  refuse(c, too_much);
  return false;
}

static void push(checker_t *c, uint32_t type) {
  if (type == NOTHING || !has_room(c)) return;
  set_type(c, c->local_count + c->height++, type);
}

static uint8_t pop_any(checker_t *c) {
  if (c->height == innermost(c)->height) {
    refuse(c, wrong_type);
    return I32;
  }
  c->height--;
  return type_at(c, c->local_count + c->height);
}

static void pop(checker_t *c, uint32_t type) {
  if (type != NOTHING && pop_any(c) != type) refuse(c, wrong_type);
}

static void open_block(checker_t *c, uint8_t opcode, uint8_t type) {
  if (!has_room(c)) return;
  if (c->depth + 1u == PE_MODULE_MAX_NESTING) {
    refuse(c, too_much);
    return;
  }
  c->depth++;
  innermost(c)->opcode = opcode;
  innermost(c)->type = type;
  innermost(c)->height = (uint8_t)c->height;
}

// The operands at the end of a block are its result, unless the end cannot be reached.
static void check_block_end(checker_t *c) {
  if (c->is_reachable) pop(c, innermost(c)->type);
  else c->height = innermost(c)->height;
  if (c->height != innermost(c)->height) refuse(c, wrong_type);
  c->is_reachable = true;
}

static void check_else(checker_t *c) {
  if (innermost(c)->opcode != OP_IF) refuse(c, malformed);
  check_block_end(c);
  innermost(c)->opcode = OP_ELSE;
}

static void check_end(checker_t *c) {
  const block_t ended = *innermost(c);
  check_block_end(c);
  if (ended.opcode == OP_IF && ended.type != NOTHING) refuse(c, wrong_type);
  c->is_open = c->depth != 0u;
  if (!c->is_open) return;
  c->depth--;
  push(c, ended.type);
}

// Operands of a branch to the block that `label` names: those of a loop's start, of which there are none, or results.
static uint32_t read_label_type(checker_t *c) {
  const uint32_t label = read_below(c, c->depth + 1u, no_such_index);
  const block_t *target = &c->blocks[c->depth - label];
  return target->opcode == OP_LOOP ? NOTHING : target->type;
}

static void check_branch(checker_t *c, uint8_t opcode) {
  if (opcode != OP_BR) pop(c, I32);
  uint32_t targets = 1;
  if (opcode == OP_BR_TABLE) targets += read_count(c, PE_MODULE_MAX_TARGETS);
  const uint32_t type = read_label_type(c);
  while (--targets > 0u) {
    if (read_label_type(c) != type) refuse(c, wrong_type);
  }
  pop(c, type);
  if (opcode == OP_BR_IF) push(c, type);
  else c->is_reachable = false;
}

static void check_call(checker_t *c) {
  const uint32_t callee = read_below(c, c->function_count, no_such_index);
  if (c->call_count == PE_MODULE_MAX_CALLS) refuse(c, too_much);
  if (c->refusal != NULL) return;
  c->callees[c->call_count++] = (uint8_t)callee;
  const uint8_t *type = c->types[c->functions[callee].type];
  for (uint32_t i = type[0]; i > 0u; i--) pop(c, type[i]);
  push(c, result_of(c, c->functions[callee].type));
}

static void check_local(checker_t *c, uint8_t opcode) {
  const uint32_t type = type_at(c, read_below(c, c->local_count, no_such_index));
  if (opcode != OP_LOCAL_GET) pop(c, type);
  if (opcode != OP_LOCAL_SET) push(c, type);
}

static void check_global(checker_t *c, uint8_t opcode) {
  const uint32_t index = read_below(c, c->global_count, no_such_index);
  if (c->refusal != NULL) return;
  const uint32_t type = c->globals[index] & 0x7fu;
  if (opcode == OP_GLOBAL_GET) {
    push(c, type);
  } else {
    if (c->globals[index] < 0x80u) refuse(c, wrong_type);
    pop(c, type);
  }
}

// Loads and stores from OP_FIRST_ACCESS on: log2 of the bytes, 4 for 64-bit values, 8 for stores; 16 for floats.
static const uint8_t accesses[] = {2, 7, 16, 16, 0, 0, 1, 1, 4, 4, 5, 5, 6, 6, 10, 15, 16, 16, 8, 9, 12, 13, 14};

static void check_access(checker_t *c, uint8_t opcode) {
  const uint32_t access = accesses[opcode - OP_FIRST_ACCESS];
  const uint32_t type = (access & 4u) != 0u ? I64 : I32;
  if (access == 16u || read_u32(c) > (access & 3u)) refuse(c, malformed);
  read_u32(c);
  if ((access & 8u) != 0u) pop(c, type);
  pop(c, I32);
  if ((access & 8u) == 0u) push(c, type);
}

// What is computed from values of one type: opcodes up to `last`, and whether they take one value, of 64 bits, to one of
// 64 bits. Opcodes that models do not use take more.
typedef struct {
  uint8_t last;
  uint8_t takes;
  uint8_t from;
  uint8_t to;
} numeric_t;

static const numeric_t numerics[] = {
    {0x44, 3, I32, I32}, {0x45, 1, I32, I32}, {0x4f, 2, I32, I32}, {0x50, 1, I64, I32}, {0x5a, 2, I64, I32},
    {0x66, 3, I32, I32}, {0x69, 1, I32, I32}, {0x78, 2, I32, I32}, {0x7b, 1, I64, I64}, {0x8a, 2, I64, I64},
    {0xa6, 3, I32, I32}, {0xa7, 1, I64, I32}, {0xab, 3, I32, I32}, {0xad, 1, I32, I64}, {0xff, 3, I32, I32},
};

static void check_numeric(checker_t *c, uint8_t opcode) {
  const numeric_t *numeric = numerics;
  while (numeric->last < opcode) numeric++;
  if (numeric->takes == 3u) refuse(c, no_model);
  pop(c, numeric->from);
  if (numeric->takes == 2u) pop(c, numeric->from);
  push(c, numeric->to);
}

static void check_start_of_block(checker_t *c, uint8_t opcode) {
  if (opcode == OP_IF) pop(c, I32);
  if (opcode == OP_LOOP) c->loop_count++;
  const uint8_t type = read_byte(c);
  if (type != I32 && type != I64 && type != NOTHING) refuse(c, malformed);
  open_block(c, opcode, type);
}

static void check_select(checker_t *c) {
  pop(c, I32);
  const uint32_t type = pop_any(c);
  pop(c, type);
  push(c, type);
}

// Constants, reads of locals and ends of blocks take no operation of their own in wasm3.
static bool is_operation(uint8_t opcode) {
  return opcode != OP_LOCAL_GET && opcode != OP_I32_CONST && opcode != OP_I64_CONST && opcode != OP_END &&
         opcode != OP_BLOCK && opcode != OP_DROP && opcode != OP_NOP;
}

static void check_instruction(checker_t *c) {
  const uint8_t opcode = read_byte(c);
  if (is_operation(opcode)) c->operations++;
  if (!c->is_reachable && opcode != OP_END && opcode != OP_ELSE) refuse(c, "the module has code that cannot be reached");
  if (c->refusal != NULL) return;
  switch (opcode) {
    case OP_UNREACHABLE:
      c->is_reachable = false;
      break;
    case OP_NOP:
      break;
    case OP_BLOCK:
    case OP_LOOP:
    case OP_IF:
      check_start_of_block(c, opcode);
      break;
    case OP_ELSE:
      check_else(c);
      break;
    case OP_END:
      check_end(c);
      break;
    case OP_BR:
    case OP_BR_IF:
    case OP_BR_TABLE:
      check_branch(c, opcode);
      break;
    case OP_RETURN:
      pop(c, c->blocks[0].type);
      c->is_reachable = false;
      break;
    case OP_CALL:
      check_call(c);
      break;
    case OP_DROP:
      pop_any(c);
      break;
    case OP_SELECT:
      check_select(c);
      break;
    case OP_LOCAL_GET:
    case OP_LOCAL_SET:
    case OP_LOCAL_TEE:
      check_local(c, opcode);
      break;
    case OP_GLOBAL_GET:
    case OP_GLOBAL_SET:
      check_global(c, opcode);
      break;
    case OP_I32_CONST:
    case OP_I64_CONST:
      read_constant(c, opcode == OP_I32_CONST ? I32 : I64);
      push(c, opcode == OP_I32_CONST ? I32 : I64);
      break;
    default:
      if (opcode >= OP_FIRST_ACCESS && opcode <= OP_LAST_ACCESS) check_access(c, opcode);
      else check_numeric(c, opcode);
  }
}

static void read_locals(checker_t *c, const uint8_t *type) {
  c->local_count = type[0];
  for (uint32_t i = 0; i < c->local_count; i++) set_type(c, i, type[1u + i]);
  for (uint32_t groups = read_count(c, PE_MODULE_MAX_VALUES); groups > 0u && c->refusal == NULL; groups--) {
    uint32_t count = read_count(c, PE_MODULE_MAX_VALUES - 1u - c->local_count);
    const uint8_t local = read_type(c);
    for (; count > 0u; count--) set_type(c, c->local_count++, local);
  }
}

static void check_body(checker_t *c, function_t *function) {
  read_locals(c, c->types[function->type]);
  c->height = 0;
  c->depth = 0;
  c->is_reachable = true;
  c->blocks[0].opcode = OP_BLOCK;
  c->blocks[0].type = result_of(c, function->type);
  c->blocks[0].height = 0;
  c->operations = 1;
  c->is_open = true;
  function->first_call = (uint16_t)c->call_count;
  while (c->is_open && c->refusal == NULL) check_instruction(c);
  function->operations = c->operations;
  if (c->at != c->end) refuse(c, malformed);
}

static void check_code(checker_t *c) {
  if (read_u32(c) != c->function_count - c->import_count) refuse(c, malformed);
  const uint8_t *section_end = c->end;
  for (uint32_t i = c->import_count; i < c->function_count && c->refusal == NULL; i++) {
    const uint32_t bytes = read_u32(c);
    const uint8_t *body = skip(c, bytes);
    if (c->refusal != NULL) return;
    c->at = body;
    c->end = body + bytes;
    check_body(c, &c->functions[i]);
    c->end = section_end;
  }
}

// Where in `callees` those of a function end.
static uint32_t calls_end(const checker_t *c, uint32_t index) {
  return index + 1u < c->function_count ? c->functions[index + 1u].first_call : c->call_count;
}

// Adds to a function what its callees take; false while one of them is not known.
static bool sum_calls(checker_t *c, uint32_t index) {
  function_t *function = &c->functions[index];
  const uint32_t end = calls_end(c, index);
  uint32_t longest = 0;
  uint32_t work = function->operations;
  for (uint32_t i = function->first_call; i < end; i++) {
    const function_t *callee = &c->functions[c->callees[i]];
    if (!callee->is_summed) return false;
    if (callee->operations > longest) longest = callee->operations;
    work += callee->work;
    if (work > PE_MODULE_MAX_WORK) work = PE_MODULE_MAX_WORK + 1u;
  }
  function->work = work;
  function->operations += longest;
  function->is_summed = true;
  return true;
}

// Functions are summed from the leaves upwards, so that what remains calls itself.
static uint32_t longest_chain(checker_t *c) {
  uint32_t chain = 0;
  uint32_t left = c->function_count - c->import_count;
  for (uint32_t before = 0; left > 0u && left != before;) {
    before = left;
    for (uint32_t i = 0; i < c->function_count; i++) {
      function_t *function = &c->functions[i];
      if (function->is_summed || !sum_calls(c, i)) continue;
      left--;
      if (function->operations > chain) chain = function->operations;
      if (function->work > PE_MODULE_MAX_WORK) refuse(c, too_much);
    }
  }
  if (left > 0u) refuse(c, "the module calls itself");
  if (chain > PE_MAX_CHAIN) refuse(c, "the module needs too much native stack");
  return chain;
}

// Marks the functions that one function can come to, itself included.
static void mark_needed(const checker_t *c, uint32_t from, uint8_t *needed) {
  needed[from] = 1;
  for (bool is_growing = true; is_growing;) {
    is_growing = false;
    for (uint32_t i = 0; i < c->function_count; i++) {
      if (needed[i] == 0u) continue;
      for (uint32_t k = c->functions[i].first_call; k < calls_end(c, i); k++) {
        is_growing = is_growing || needed[c->callees[k]] == 0u;
        needed[c->callees[k]] = 1;
      }
    }
  }
}

// --- the module ------------------------------------------------------------------------------------------------------

static void check_section(checker_t *c, uint8_t id) {
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
      check_code(c);
      break;
    default:
      check_data(c);
  }
}

// Sections in their order, each at most once.
static void check_sections(checker_t *c, const uint8_t *module_end) {
  static const uint8_t order[] = {SECTION_CUSTOM, SECTION_TYPE,   SECTION_IMPORT, SECTION_FUNCTION, SECTION_MEMORY,
                                  SECTION_GLOBAL, SECTION_EXPORT, SECTION_CODE,   SECTION_DATA};
  for (uint32_t i = 0; i < sizeof order && c->refusal == NULL; i++) {
    const uint8_t id = order[i];
    if (c->at == module_end || *c->at != id) {
      const bool may_miss = id == SECTION_CUSTOM || id == SECTION_IMPORT || id == SECTION_GLOBAL || id == SECTION_DATA;
      if (!may_miss) refuse(c, no_model);
      continue;
    }
    c->at++;
    const uint32_t bytes = read_u32(c);
    const uint8_t *section = skip(c, bytes);
    if (c->refusal != NULL) return;
    c->at = section;
    c->end = section + bytes;
    check_section(c, id);
    if (c->at != c->end) refuse(c, malformed);
    c->end = module_end;
  }
  if (c->at != module_end || c->table_count != c->import_count) refuse(c, no_model);
}

const char *pe_validate(const uint8_t *module, uint32_t bytes, uint32_t memory_bytes, pe_module_facts_t *facts) {
  static const uint8_t header[8] = {0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00};
  if (bytes < sizeof header || memcmp(module, header, sizeof header) != 0) return no_model;
  checker_t checker;
  checker_t *c = &checker;
  memset(c, 0, sizeof *c);
  c->at = module + sizeof header;
  c->end = module + bytes;
  c->memory_bytes = memory_bytes;
  check_sections(c, c->end);
  if (c->refusal != NULL) return c->refusal;
  const uint32_t chain = longest_chain(c);
  if (c->refusal == NULL && facts != NULL) {
    facts->chain = chain;
    facts->loops = c->loop_count;
    facts->has_evaluate = c->has_evaluate;
    memset(facts->needed, 0, sizeof facts->needed);
    mark_needed(c, c->entry, facts->needed);
  }
  return c->refusal;
}
