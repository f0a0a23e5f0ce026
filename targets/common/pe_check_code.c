#include "pe_check.h"

enum {
  OP_UNREACHABLE = 0x00,
  OP_NOP = 0x01,
  OP_BLOCK = 0x02,
  OP_LOOP = 0x03,
  OP_IF = 0x04,
  OP_ELSE = 0x05,
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
  OP_LAST_ACCESS = 0x3e
};

static const char wrong_type[] = "the module has a type error";

// Whether there is room for one more operand or block. wasm3 keeps a place per open block as well, for its result.
static bool has_room(pe_checker_t *c) {
  if (c->local_count + c->height + c->depth + 1u < PE_MODULE_MAX_VALUES) return true;
  pe_refuse(c, pe_too_much);
  return false;
}

static void push(pe_checker_t *c, uint32_t type) {
  if (type == PE_NOTHING || !has_room(c)) return;
  c->values[c->local_count + c->height++] = (uint8_t)type;
}

static uint8_t pop_any(pe_checker_t *c) {
  if (c->height == c->innermost->height) {
    pe_refuse(c, wrong_type);
    return PE_I32;
  }
  c->height--;
  if (c->in_register > c->height) c->in_register = 0;
  return c->values[c->local_count + c->height];
}

static void pop(pe_checker_t *c, uint32_t type) {
  if (type != PE_NOTHING && pop_any(c) != type) pe_refuse(c, wrong_type);
}

// An operation whose operands have been taken, which leaves a result of `type` in wasm3's register.
static void operate(pe_checker_t *c, uint32_t frame, uint32_t type) {
  pe_stack_spill(c);
  pe_stack_add(c, frame, 1);
  if (type == PE_NOTHING) return;
  push(c, type);
  c->in_register = c->height;
}

static void open_block(pe_checker_t *c, uint8_t opcode, uint8_t type) {
  if (!has_room(c)) return;
  if (c->depth + 1u == PE_MODULE_MAX_NESTING) {
    pe_refuse(c, pe_too_much);
    return;
  }
  c->depth++;
  c->innermost++;
  c->innermost->opcode = opcode;
  c->innermost->type = type;
  c->innermost->height = (uint8_t)c->height;
  pe_stack_start_block(c, c->innermost);
}

// The operands at the end of a block are its result, unless the end cannot be reached. Returns the chain on which the
// end was reached before.
static uint32_t check_block_end(pe_checker_t *c) {
  pe_block_t *block = c->innermost;
  const uint32_t chain = block->chain;
  if (c->is_reachable) {
    pop(c, block->type);
    if (block->type != PE_NOTHING) pe_stack_add(c, PE_FRAME_MOVE, 1);
    pe_stack_reach(c, block);
  } else {
    c->height = block->height;
    c->in_register = 0;
  }
  if (c->height != block->height) pe_refuse(c, wrong_type);
  c->is_reachable = true;
  return chain;
}

static void check_else(pe_checker_t *c) {
  if (c->innermost->opcode != OP_IF) pe_refuse(c, pe_malformed);
  c->chain = check_block_end(c);
  c->innermost->opcode = OP_ELSE;
  // It stands on a page of its own, from which a jump leads back.
  pe_stack_add(c, PE_FRAME_BRANCH, 2);
}

static void check_end(pe_checker_t *c) {
  check_block_end(c);
  c->chain = c->innermost->chain;
  const pe_block_t ended = *c->innermost;
  if (ended.opcode == OP_IF && ended.type != PE_NOTHING) pe_refuse(c, wrong_type);
  c->is_open = c->depth != 0u;
  if (!c->is_open) return;
  c->depth--;
  c->innermost--;
  push(c, ended.type);
}

// The block that a label names.
static pe_block_t *read_label(pe_checker_t *c) { return c->innermost - pe_read_index(c, c->depth + 1u); }

// Operands of a branch there: those of a loop's start, of which there are none, or results.
static uint32_t label_type(const pe_block_t *target) { return target->opcode == OP_LOOP ? PE_NOTHING : target->type; }

static void check_branch(pe_checker_t *c) {
  pe_block_t *target = read_label(c);
  const uint32_t type = label_type(target);
  pop(c, type);
  pe_stack_jump(c, type);
  pe_stack_reach(c, target);
  c->is_reachable = false;
}

static void check_branch_if(pe_checker_t *c) {
  const bool is_in_register = c->in_register == c->height;
  pop(c, PE_I32);
  pe_block_t *target = read_label(c);
  const uint32_t type = label_type(target);
  // The operands of the branch stay where they are when it is not taken.
  const uint32_t in_register = c->in_register;
  pop(c, type);
  push(c, type);
  c->in_register = in_register;
  if (target->opcode == OP_LOOP && !is_in_register) {
    pe_stack_spill(c);
    pe_stack_add(c, PE_FRAME_MOVE, 1);
  }
  pe_stack_add(c, PE_FRAME_BRANCH, 1);
  if (type != PE_NOTHING || target == &c->blocks[0]) pe_stack_jump(c, type);
  pe_stack_reach(c, target);
}

static void check_branch_table(pe_checker_t *c) {
  pe_stack_spill(c);
  pop(c, PE_I32);
  uint32_t targets = 1u + pe_read_count(c, PE_MODULE_MAX_TARGETS);
  pe_stack_branch_table(c, targets);
  pe_block_t *target = read_label(c);
  const uint32_t type = label_type(target);
  pe_stack_jump(c, type);
  pe_stack_reach(c, target);
  while (--targets > 0u) {
    target = read_label(c);
    if (label_type(target) != type) pe_refuse(c, wrong_type);
    pe_stack_reach(c, target);
  }
  pop(c, type);
  c->is_reachable = false;
}

static void check_call(pe_checker_t *c) {
  const uint32_t callee = pe_read_index(c, c->function_count);
  if (c->call_count == PE_MODULE_MAX_CALLS) pe_refuse(c, pe_too_much);
  if (c->refusal != NULL) return;
  const uint8_t *type = c->types[c->functions[callee].type];
  pe_stack_add(c, PE_FRAME_MOVE, type[0]);
  pe_stack_call(c, callee);
  for (uint32_t i = type[0]; i > 0u; i--) pop(c, type[i]);
  push(c, pe_result_of(c, c->functions[callee].type));
}

static void check_local(pe_checker_t *c, uint8_t opcode) {
  const uint32_t type = c->values[pe_read_index(c, c->local_count)];
  const uint32_t in_register = c->in_register;
  if (opcode != OP_LOCAL_GET) {
    pop(c, type);
    pe_stack_add(c, PE_FRAME_MOVE, 1);
  }
  if (opcode != OP_LOCAL_SET) push(c, type);
  // What is written to a local with local.tee stays where it was as well.
  if (opcode == OP_LOCAL_TEE) c->in_register = in_register;
}

static void check_global(pe_checker_t *c, uint8_t opcode) {
  const uint32_t index = pe_read_index(c, c->global_count);
  if (c->refusal != NULL) return;
  const uint32_t type = c->globals[index] & 0x7fu;
  pe_stack_add(c, PE_FRAME_MOVE, 1);
  if (opcode == OP_GLOBAL_GET) {
    push(c, type);
  } else {
    if (c->globals[index] < 0x80u) pe_refuse(c, wrong_type);
    pop(c, type);
  }
}

// Loads and stores from OP_FIRST_ACCESS on: log2 of the bytes, 4 for 64-bit values, 8 for stores; 16 for floats.
static const uint8_t accesses[] = {2, 7, 16, 16, 0, 0, 1, 1, 4, 4, 5, 5, 6, 6, 10, 15, 16, 16, 8, 9, 12, 13, 14};

static void check_access(pe_checker_t *c, uint8_t opcode) {
  const uint32_t access = accesses[opcode - OP_FIRST_ACCESS];
  const uint32_t type = (access & 4u) != 0u ? PE_I64 : PE_I32;
  if (access == 16u || pe_read_u32(c) > (access & 3u)) pe_refuse(c, pe_malformed);
  pe_read_u32(c);
  const bool is_store = (access & 8u) != 0u;
  if (is_store) pop(c, type);
  pop(c, PE_I32);
  if (is_store) operate(c, PE_FRAME_STORE, PE_NOTHING);
  else operate(c, PE_FRAME_LOAD, type);
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
    {0x44, 3, PE_I32, PE_I32}, {0x45, 1, PE_I32, PE_I32}, {0x4f, 2, PE_I32, PE_I32}, {0x50, 1, PE_I64, PE_I32}, {0x5a, 2, PE_I64, PE_I32},
    {0x66, 3, PE_I32, PE_I32}, {0x69, 1, PE_I32, PE_I32}, {0x78, 2, PE_I32, PE_I32}, {0x7b, 1, PE_I64, PE_I64}, {0x8a, 2, PE_I64, PE_I64},
    {0xa6, 3, PE_I32, PE_I32}, {0xa7, 1, PE_I64, PE_I32}, {0xab, 3, PE_I32, PE_I32}, {0xad, 1, PE_I32, PE_I64}, {0xff, 3, PE_I32, PE_I32},
};

static void check_numeric(pe_checker_t *c, uint8_t opcode) {
  const numeric_t *numeric = numerics;
  while (numeric->last < opcode) numeric++;
  if (numeric->takes == 3u) pe_refuse(c, pe_no_model);
  pop(c, numeric->from);
  if (numeric->takes == 2u) pop(c, numeric->from);
  // Where a value has 64 bits, as the one from or the one to, the low bit is clear.
  operate(c, (numeric->from & numeric->to & 1u) != 0u ? PE_FRAME_INT32 : PE_FRAME_INT64, numeric->to);
}

static void check_start_of_block(pe_checker_t *c, uint8_t opcode) {
  // Locals among the operands are copied before a block may change them; what is in the register is none.
  const uint32_t copies = c->height - (c->in_register != 0u ? 1u : 0u);
  if (opcode == OP_IF) pop(c, PE_I32);
  pe_stack_spill(c);
  pe_stack_add(c, PE_FRAME_MOVE, copies);
  if (opcode == OP_LOOP) pe_stack_add(c, PE_FRAME_LOOP, 1);
  if (opcode == OP_IF) pe_stack_add(c, PE_FRAME_BRANCH, 1);
  const uint8_t type = pe_read_byte(c);
  if (type != PE_I32 && type != PE_I64 && type != PE_NOTHING) pe_refuse(c, pe_malformed);
  open_block(c, opcode, type);
}

static void check_select(pe_checker_t *c) {
  pop(c, PE_I32);
  const uint32_t type = pop_any(c);
  pop(c, type);
  operate(c, PE_FRAME_BRANCH, type);
}

static void check_constant(pe_checker_t *c, uint32_t type) {
  pe_read_constant(c, type);
  pe_stack_constant(c, type);
  push(c, type);
}

static void check_instruction(pe_checker_t *c) {
  const uint8_t opcode = pe_read_byte(c);
  if (!c->is_reachable && opcode != PE_OP_END && opcode != OP_ELSE) pe_refuse(c, "the module has code that cannot be reached");
  if (c->refusal != NULL) return;
  switch (opcode) {
    case OP_UNREACHABLE:
      pe_stack_add(c, PE_FRAME_BRANCH, 1);
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
    case PE_OP_END:
      check_end(c);
      break;
    case OP_BR:
      check_branch(c);
      break;
    case OP_BR_IF:
      check_branch_if(c);
      break;
    case OP_BR_TABLE:
      check_branch_table(c);
      break;
    case OP_RETURN:
      pop(c, c->blocks[0].type);
      pe_stack_jump(c, c->blocks[0].type);
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
    case PE_OP_I32_CONST:
    case PE_OP_I64_CONST:
      check_constant(c, opcode == PE_OP_I32_CONST ? PE_I32 : PE_I64);
      break;
    default:
      if (opcode >= OP_FIRST_ACCESS && opcode <= OP_LAST_ACCESS) check_access(c, opcode);
      else check_numeric(c, opcode);
  }
}

static void read_locals(pe_checker_t *c, const uint8_t *type) {
  c->local_count = type[0];
  for (uint32_t i = 0; i < c->local_count; i++) c->values[i] = type[1u + i];
  for (uint32_t groups = pe_read_count(c, PE_MODULE_MAX_VALUES); groups > 0u && c->refusal == NULL; groups--) {
    uint32_t count = pe_read_count(c, PE_MODULE_MAX_VALUES - 1u - c->local_count);
    const uint8_t local = pe_read_type(c);
    for (; count > 0u; count--) c->values[c->local_count++] = local;
  }
}

static void check_body(pe_checker_t *c, pe_function_t *function) {
  read_locals(c, c->types[function->type]);
  c->height = 0;
  c->depth = 0;
  c->is_reachable = true;
  c->innermost = c->blocks;
  c->blocks[0].opcode = OP_BLOCK;
  c->blocks[0].type = pe_result_of(c, function->type);
  c->blocks[0].height = 0;
  c->is_open = true;
  pe_stack_start_body(c, function);
  while (c->is_open && c->refusal == NULL) check_instruction(c);
  pe_stack_end_body(c, function);
}

void pe_check_code(pe_checker_t *c) {
  if (pe_read_u32(c) != c->function_count - c->import_count) pe_refuse(c, pe_malformed);
  const uint8_t *section_end = c->end;
  for (uint32_t i = c->import_count; i < c->function_count && c->refusal == NULL; i++) {
    const uint32_t bytes = pe_read_u32(c);
    const uint8_t *body = pe_skip(c, bytes);
    if (c->refusal != NULL) return;
    c->at = body;
    c->end = body + bytes;
    check_body(c, &c->functions[i]);
    if (c->at != c->end) pe_refuse(c, pe_malformed);
    // The library takes the addresses of words and the identity from the code, which has no locals.
    for (uint32_t place = 0; place < PE_MODULE_CONSTANT_EXPORT_COUNT; place++) {
      if (c->entries[PE_MODULE_EXPORT_INPUT + place] != i + 1u) continue;
      c->at = body;
      (void)pe_read_small(c, 0);
      c->facts->constants[place] = pe_read_initial(c, PE_I32);
    }
    c->end = section_end;
  }
}
