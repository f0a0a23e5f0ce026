// Checks that a module is one that pinn-edge can have made, before wasm3 sees it: wasm3 0.5.0 does not validate
// WebAssembly and can be led out of its memory by a malformed module.
//
// What passes is a valid WebAssembly 1.0 module (Core Specification 1.0, sections 3 and 5) without floats, tables, start
// function and growing memory, with the exports of a pinn-edge model and nothing else, with data inside the memory it
// declares, without recursion and without code behind an unconditional branch, and within the limits of PE_MODULE_...
// (compiler/asc/limits.ts). It imports nothing, or pe.walk, and then has a block table in a custom section (pe_native.h).
// The compiler holds what it makes to the same (compiler/asc/device.ts).
//
// Every byte of code is read once; nothing is allocated, and less than 2.5 kB of stack are used.
#ifndef PE_VALIDATE_H
#define PE_VALIDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "pe_module.gen.h"

#ifdef __cplusplus
extern "C" {
#endif

// Longest chain of operations, calls included, that wasm3 nests natively when it is compiled without tail calls (Xtensa,
// ARMv6-M): each takes some 32 to 64 bytes of native stack until a loop continues or a function returns. A project with
// a small stack sets it to what its stack holds.
#ifndef PE_MAX_CHAIN
#define PE_MAX_CHAIN PE_MODULE_MAX_CHAIN
#endif

// What is known of a module that passed.
typedef struct {
  uint32_t chain;  // operations, counted over the longest way from an export through calls
  uint32_t loops;  // loops in the code
  bool has_evaluate;
  uint8_t needed[PE_MODULE_MAX_FUNCTIONS];  // whether `evaluate` can come to it, or `run` where that is missing
} pe_module_facts_t;

// NULL when `module` may be given to wasm3 with `memory_bytes` of linear memory and wasm3's limits at least those of
// pe_wasm3.h; else the reason, a constant text. `facts` may be NULL, and is written only when the module passes.
const char *pe_validate(const uint8_t *module, uint32_t bytes, uint32_t memory_bytes, pe_module_facts_t *facts);

#ifdef __cplusplus
}
#endif

#endif
