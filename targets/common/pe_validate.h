// Checks that a module is one that pinn-edge can have made, before wasm3 sees it: wasm3 0.5.0 does not validate
// WebAssembly and can be led out of its memory by a malformed module.
//
// What passes is a valid WebAssembly 1.0 module (Core Specification 1.0, sections 3 and 5) without floats, tables, start
// function and growing memory, with the exports of a pinn-edge model and nothing else, constants where these are its
// addresses and its identity, with data inside the memory it declares, without recursion and without code behind an unconditional branch, and within the limits of PE_MODULE_...
// (compiler/code/asc/limits.ts) and of the native stack, whatever its inputs. It imports nothing, or pe.walk, and then has a
// block table in a custom section (pe_native.h). The compiler holds what it makes to the same (compiler/code/asc/device.ts).
//
// Every byte of code is read once; nothing is allocated, and less than 3 kB of stack are used
// (2.7 kB on Xtensa with register windows; PE_VALIDATE_STACK_BYTES counts pe_open above it, too, and code without any
// optimisation).
#ifndef PE_VALIDATE_H
#define PE_VALIDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "pe_module.gen.h"
#include "pe_tail_calls.h"

#ifdef __cplusplus
extern "C" {
#endif

// Native stack, in bytes, that pe_open and evaluations may take, with the frames of whoever calls them in the same task.
// Modules that could take more are refused. Projects that `pinn-edge build` writes set it to what their stack holds.
#ifndef PE_NATIVE_STACK_BYTES
#if UINTPTR_MAX > 0xffffffffu
#define PE_NATIVE_STACK_BYTES 524288
#elif PE_TAIL_CALLS
#define PE_NATIVE_STACK_BYTES 7168
#else
#define PE_NATIVE_STACK_BYTES 15360
#endif
#endif

// What is known of a module that passed.
typedef struct {
  uint32_t native_stack_bytes;  // the most that translating and evaluating it can take
  bool has_evaluate;
  uint8_t run;                           // the function that evaluates: evaluate, or else run
  bool needed[PE_MODULE_MAX_FUNCTIONS];  // whether that can come to a function
  uint32_t constants[PE_MODULE_CONSTANT_EXPORT_COUNT];  // what input, output and identity return
} pe_module_facts_t;

// The reason for which a module is refused that could take more than PE_NATIVE_STACK_BYTES.
extern const char pe_stack_exceeded[];

// NULL when `module` may be given to wasm3 with `memory_bytes` of linear memory and wasm3's limits at least those of
// pe_wasm3.h; else the reason, a constant text. `facts` are those of a module
// that passes, else undefined.
const char *pe_validate(const uint8_t *module, uint32_t bytes, uint32_t memory_bytes, pe_module_facts_t *facts);

#ifdef __cplusplus
}
#endif

#endif
