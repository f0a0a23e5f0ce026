// The native stack that a module can take under wasm3 0.5.0, from its code alone.
//
// Translating recurses for every block in another one. Executing nests a native call per loop and per call and, where
// the C compiler makes no tail calls, per operation, until a loop goes round or a function returns; the deepest nesting
// is the longest way forward through a function's branches, with the longest one of what it calls on top.
//
// The operations are counted as wasm3 emits them (m3_compile.c), never too few: one operand at most is in its register,
// and an operation that needs the register for its result moves that one to a place of its own first; results of blocks
// and arguments are moved; constants have places of their own until their table is full; locals among the operands are
// copied where a block begins; where a page of code is full, a jump leads to the next one.
#include "pe_check.h"

#include <string.h>

const char pe_stack_exceeded[] = "too little native stack";

#if PE_NATIVE_STACK_BYTES < PE_VALIDATE_STACK_BYTES
#error "PE_NATIVE_STACK_BYTES is less than checking a module takes"
#endif

#define UNIT_BYTES PE_FRAME_UNIT_BYTES
#define MOST_UNITS 0xffffu

// Units of native stack by class of operation, as measured for the compilers of these instruction sets.
static const uint8_t frames[] =
#if PE_TAIL_CALLS && UINTPTR_MAX > 0xffffffffu
    PE_FRAMES_TAIL_CALLS_64;
#elif PE_TAIL_CALLS
    PE_FRAMES_TAIL_CALLS;
#elif defined(__XTENSA_WINDOWED_ABI__)
    PE_FRAMES_XTENSA_WINDOWED;
#elif defined(__XTENSA__)
    PE_FRAMES_XTENSA_LX106;
#elif defined(__arm__) && defined(__clang__)
    PE_FRAMES_ARM_CLANG;
#elif defined(__ARM_ARCH_6M__)
    PE_FRAMES_ARMV6_M;
#elif defined(__x86_64__)
    PE_FRAMES_X86_64;
#else
    PE_FRAMES_LARGEST;
#endif

// A constant takes one or two places of wasm3's table of 120; one may be lost to alignment. (pe_wasm3.h)
#define CONSTANT_PLACES 112u

// Operations that a page of code holds at least: each takes four words at most, the page's head eight, and the last
// eight are left.
#ifndef d_m3CodePageAlignSize
#define d_m3CodePageAlignSize 1024
#endif
#define PAGE_OPERATIONS (((uint32_t)(d_m3CodePageAlignSize / sizeof(void *)) - 16u) / 4u)

static uint16_t held(uint32_t value) { return (uint16_t)(value < MOST_UNITS ? value : MOST_UNITS); }

void pe_stack_add(pe_checker_t *c, uint32_t frame, uint32_t count) {
  c->operations += count;
  if (c->operations > PE_MODULE_MAX_WORK) pe_refuse(c, pe_too_much);
  c->chain += count * frames[frame];
  if (c->chain > c->longest) c->longest = c->chain;
}

void pe_stack_spill(pe_checker_t *c) {
  if (c->in_register == 0u) return;
  pe_stack_add(c, PE_FRAME_MOVE, 1);
  c->in_register = 0;
}

void pe_stack_constant(pe_checker_t *c, uint32_t type) {
  c->constants += type == PE_I64 ? 2u : 1u;
  if (c->constants > CONSTANT_PLACES) pe_stack_add(c, PE_FRAME_MOVE, 1);
}

void pe_stack_jump(pe_checker_t *c, uint32_t type) {
  if (type != PE_NOTHING) pe_stack_add(c, PE_FRAME_MOVE, 1);
  pe_stack_add(c, PE_FRAME_BRANCH, 1);
}

// The table of targets wants room in one piece, and each target's jump stands on any page: two more jumps.
void pe_stack_branch_table(pe_checker_t *c, uint32_t targets) {
  c->operations += 2u * targets;
  pe_stack_add(c, PE_FRAME_BRANCH, 3);
}

void pe_stack_call(pe_checker_t *c, uint32_t callee) {
  pe_stack_add(c, PE_FRAME_CALL, 1);
  c->calls[c->call_count] = held(c->chain);
  c->callees[c->call_count++] = (uint8_t)callee;
}

void pe_stack_start_block(pe_checker_t *c, pe_block_t *block) {
  block->chain = held(c->chain);
  if (c->depth > c->deepest) c->deepest = c->depth;
}

void pe_stack_reach(const pe_checker_t *c, pe_block_t *block) {
  if (c->chain > block->chain) block->chain = held(c->chain);
}

void pe_stack_start_body(pe_checker_t *c, pe_function_t *function) {
  c->operations = 0;
  c->chain = 0;
  c->longest = 0;
  c->constants = 0;
  c->in_register = 0;
  function->first_call = (uint16_t)c->call_count;
  // Of the constants one with 64 bits may find no place.
  pe_stack_add(c, PE_FRAME_ENTRY, 1);
  pe_stack_add(c, PE_FRAME_MOVE, 1);
  pe_stack_start_block(c, c->blocks);
}

// The end returns; and jumps lead from page to page, anywhere in the function.
void pe_stack_end_body(pe_checker_t *c, pe_function_t *function) {
  pe_stack_add(c, PE_FRAME_BRANCH, 1);
  const uint32_t pages = (c->operations / PAGE_OPERATIONS + 1u) * frames[PE_FRAME_BRANCH];
  function->chain = held(c->longest + pages);
  function->work = (uint16_t)c->operations;
  for (uint32_t i = function->first_call; i < c->call_count; i++) c->calls[i] = held(c->calls[i] + pages);
}

// Where in `calls` those of a function end.
static uint32_t calls_end(const pe_checker_t *c, uint32_t index) {
  return index + 1u < c->function_count ? c->functions[index + 1u].first_call : c->call_count;
}

// Adds to a function what its callees take; false while one of them is not known.
static bool sum_calls(pe_checker_t *c, uint32_t index) {
  pe_function_t *function = &c->functions[index];
  uint32_t longest = function->chain;
  uint32_t work = function->work;
  for (uint32_t i = function->first_call; i < calls_end(c, index); i++) {
    const pe_function_t *callee = &c->functions[c->callees[i]];
    if (!callee->is_summed) return false;
    const uint32_t chain = (uint32_t)c->calls[i] + callee->chain;
    if (chain > longest) longest = chain;
    work += callee->work;
  }
  if (work > PE_MODULE_MAX_WORK) pe_refuse(c, pe_too_much);
  function->chain = held(longest);
  function->work = (uint16_t)work;
  function->is_summed = true;
  return true;
}

// Functions are summed from the leaves upwards, so that what remains calls itself. Returns their number, in that order.
static uint32_t sum_functions(pe_checker_t *c, uint8_t *order) {
  uint32_t count = 0;
  for (uint32_t before = 1; before != count;) {
    before = count;
    for (uint32_t i = 0; i < c->function_count; i++) {
      if (!c->functions[i].is_summed && sum_calls(c, i)) order[count++] = (uint8_t)i;
    }
  }
  if (count + c->import_count < c->function_count) pe_refuse(c, "the module calls itself");
  return count;
}

// The longest of what evaluates, and whether a function is needed for it: callers come before their callees.
static uint32_t longest_chain(const pe_checker_t *c, const uint8_t *order, uint32_t count, bool *needed) {
  uint32_t chain = 0;
  while (count > 0u) {
    const uint32_t index = order[--count];
    if (!needed[index]) continue;
    if (c->functions[index].chain > chain) chain = c->functions[index].chain;
    for (uint32_t i = c->functions[index].first_call; i < calls_end(c, index); i++) needed[c->callees[i]] = true;
  }
  return chain;
}

void pe_stack_sum(pe_checker_t *c) {
  pe_module_facts_t *facts = c->facts;
  uint8_t order[PE_MODULE_MAX_FUNCTIONS];
  const uint32_t count = sum_functions(c, order);
  facts->has_evaluate = c->entries[PE_MODULE_EXPORT_EVALUATE] != 0u;
  facts->run = (uint8_t)(c->entries[facts->has_evaluate ? PE_MODULE_EXPORT_EVALUATE : PE_MODULE_EXPORT_RUN] - 1u);
  facts->needed[facts->run] = true;
  // Pages of code that blocks in one another had begun when they were left.
  const uint32_t chain =
      longest_chain(c, order, count, facts->needed) + (c->deepest + 1u) * frames[PE_FRAME_BRANCH];
  const uint32_t run = PE_RUN_STACK_BYTES + UNIT_BYTES * chain;
  const uint32_t open = PE_OPEN_STACK_BYTES + UNIT_BYTES * (c->deepest + 1u) * frames[PE_FRAME_BLOCK];
  const uint32_t bytes = run > open ? run : open;
  if (chain >= MOST_UNITS || bytes > PE_NATIVE_STACK_BYTES) pe_refuse(c, pe_stack_exceeded);
  facts->native_stack_bytes = bytes;
}
