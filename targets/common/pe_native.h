// Kernels in C for modules that import them (`pinn-edge build --engine wasm3+native`).
//
// Such a module is its entry, its arena, and its block table in a custom section, which wasm3 passes over: the table and
// the weights in it stay where the module's bytes lie, in flash. The module's `run` calls one import, pe.walk(arena,
// bytes), which evaluates the table with the kernels of pe_kernels.h. The table is checked by pe_table.h before its
// first use, and every address that the module gives is held to its linear memory; so a module can do no more than
// compute, as without kernels of the host's.
#ifndef PE_NATIVE_H
#define PE_NATIVE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// For the bytes of a module: kernels read words where they lie in it.
#if defined(__GNUC__)
#define PE_WORD_ALIGNED __attribute__((aligned(4)))
#else
#define PE_WORD_ALIGNED
#endif

struct M3Module;

// The block table of one module.
typedef struct {
  const uint8_t *table;
  uint32_t table_bytes;
  uint32_t is_intact;     // 1 when the CRC-32 of the module's bytes was compared: that of the table in them is not again
  uint32_t is_checked;    // 1 after the first walk
  uint32_t failed_check;  // PE_CHECK_... that refused the table then, and refuses it ever after
  uint32_t is_long;       // 1 when a walk would take more steps than it may (PE_MAX_WORK in pe_table.h)
  uint32_t walks;         // since it was set to 0, which is done before every evaluation
  uint32_t max_walks;     // that may be made then; 0: any number
  void *arena;            // of the newest walk that the module asked for; NULL before
  uint32_t is_alone;      // 1 when the module's `run` is that walk and nothing else (pe_native_engine.c)
} pe_native_t;

// Links pe.walk to a module that was loaded, if it has a block table of its own; `wasm` is the module's bytes, on a
// 4-byte boundary, which must stay where they are. A module without one is left alone: it brings its kernels along.
// Returns wasm3's reason when linking fails, else NULL.
const char *pe_native_link(pe_native_t *native, struct M3Module *module, const uint8_t *wasm, uint32_t wasm_bytes);

// Whether the code of a function, with its length in front, is what the compiler makes of
//
//     status = walk(ARENA, ARENA_BYTES); return status;
//
// with constants ARENA and ARENA_BYTES. The module is valid WebAssembly, and pe.walk its only import.
bool pe_native_is_walk(const uint8_t *code, const uint8_t *end);

// The type of pe_native_link: naming that brings the kernels into the program (pe_native_engine.c).
typedef const char *(*pe_link_kernels_t)(pe_native_t *native, struct M3Module *module, const uint8_t *wasm,
                                         uint32_t wasm_bytes);

#ifdef __cplusplus
}
#endif

#endif
