// What the parts of pe_validate.h share: the state of one check, and reading from the module. Not for other files.
//
//   pe_check_read.c      integers, counts and types as WebAssembly writes them
//   pe_check_sections.c  the sections
//   pe_check_code.c      the functions: types of operands, blocks, branches
//   pe_check_stack.c     the operations that wasm3 makes of them, and the native stack that these take
//   pe_validate.c        the module
#ifndef PE_CHECK_H
#define PE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pe_frames.gen.h"
#include "pe_validate.h"

#ifdef __cplusplus
extern "C" {
#endif

// Types as WebAssembly writes them.
#define PE_I32 0x7fu
#define PE_I64 0x7eu
#define PE_NOTHING 0x40u

#define PE_OP_END 0x0bu
#define PE_OP_I32_CONST 0x41u
#define PE_OP_I64_CONST 0x42u

// A block that is open. The outermost is the function's body.
typedef struct {
  uint8_t opcode;  // of block, loop, if or else
  uint8_t type;    // of its result: PE_I32, PE_I64 or PE_NOTHING
  uint8_t height;  // of the operand stack where it starts
  uint16_t chain;  // the longest on which its end is reached, so far; as long as at its start at least
} pe_block_t;

typedef struct {
  uint16_t chain;       // the longest of the function itself, then with its callees; in units of native stack
  uint16_t work;        // operations of the function itself, then with all of its callees, as often as they are called
  uint16_t first_call;  // in `calls`
  uint8_t type;
  bool is_summed;
} pe_function_t;

typedef struct {
  bool is_reachable;
  bool is_open;          // the body has not ended
  pe_block_t *innermost;
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
  uint32_t deepest;      // blocks in one another, of all bodies
  uint32_t local_count;  // parameters included
  uint32_t height;       // of the operand stack
  uint32_t depth;        // of the innermost block
  uint32_t operations;   // of the body so far
  uint32_t chain;        // of the way to this place, in units of native stack
  uint32_t longest;      // of the body so far
  uint32_t constants;    // 32-bit places of the body's constants so far
  uint32_t in_register;  // operand that wasm3 holds in its register, from 1; 0: none
  pe_module_facts_t *facts;  // what is known so far
  uint8_t entries[PE_MODULE_EXPORT_COUNT];  // functions by their place in PE_MODULE_EXPORTS, from 1
  const uint8_t *types[PE_MODULE_MAX_TYPES];  // where their parameters are counted
  pe_function_t functions[PE_MODULE_MAX_FUNCTIONS];
  uint8_t globals[PE_MODULE_MAX_GLOBALS];  // type, and 1 << 7 when it can be set
  pe_block_t blocks[PE_MODULE_MAX_NESTING];
  uint8_t callees[PE_MODULE_MAX_CALLS];
  uint16_t calls[PE_MODULE_MAX_CALLS];  // the chain where each is called
  uint8_t values[PE_MODULE_MAX_VALUES];  // types of locals and, behind them, of operands
} pe_checker_t;

// Reasons that several parts give.
extern const char pe_malformed[];
extern const char pe_ends_early[];
extern const char pe_no_model[];
extern const char pe_too_much[];
extern const char pe_no_such_index[];

// Ends the check: with nothing left to read, every loop stops.
void pe_refuse(pe_checker_t *c, const char *why);

uint8_t pe_read_byte(pe_checker_t *c);
uint32_t pe_read_u32(pe_checker_t *c);

// A number of things, or of which of them, below `limit`; 0 when it is not.
uint32_t pe_read_below(pe_checker_t *c, uint32_t limit, const char *why);
uint32_t pe_read_index(pe_checker_t *c, uint32_t count);
uint32_t pe_read_count(pe_checker_t *c, uint32_t most);

// A count that is written as one byte.
uint32_t pe_read_small(pe_checker_t *c, uint32_t most);

// PE_I32 or PE_I64.
uint8_t pe_read_type(pe_checker_t *c);

// Where the next `count` bytes are, which are passed over.
const uint8_t *pe_skip(pe_checker_t *c, uint32_t count);

// A constant of `type`; of an i64 only that it is one.
uint32_t pe_read_constant(pe_checker_t *c, uint32_t type);

// An initial value: a constant of `type` and the end.
uint32_t pe_read_initial(pe_checker_t *c, uint32_t type);

// The result of a function type, or PE_NOTHING.
uint8_t pe_result_of(const pe_checker_t *c, uint32_t type);

// All sections, from `at` to `end`; the code section alone.
void pe_check_sections(pe_checker_t *c);
void pe_check_code(pe_checker_t *c);

// The operations that wasm3 makes of a body, in the order of its code (see pe_check_stack.c).
void pe_stack_start_body(pe_checker_t *c, pe_function_t *function);
void pe_stack_end_body(pe_checker_t *c, pe_function_t *function);

// `count` operations with frames of one class (PE_FRAME_...) on the way to this place.
void pe_stack_add(pe_checker_t *c, uint32_t frame, uint32_t count);

// The value in wasm3's register, if there is one, moves to a place of its own.
void pe_stack_spill(pe_checker_t *c);
void pe_stack_constant(pe_checker_t *c, uint32_t type);
void pe_stack_call(pe_checker_t *c, uint32_t callee);

// A jump with operands of `type`, or a return.
void pe_stack_jump(pe_checker_t *c, uint32_t type);
void pe_stack_branch_table(pe_checker_t *c, uint32_t targets);

// `block` begins here; its end is reached from here.
void pe_stack_start_block(pe_checker_t *c, pe_block_t *block);
void pe_stack_reach(const pe_checker_t *c, pe_block_t *block);

// Adds what functions call to what they take, and holds the sums to the limits.
void pe_stack_sum(pe_checker_t *c);

#ifdef __cplusplus
}
#endif

#endif
