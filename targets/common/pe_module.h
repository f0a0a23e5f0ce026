// Models that are WebAssembly modules, under wasm3: what pe_module_engine and pe_native_engine have in common.
#ifndef PE_MODULE_H
#define PE_MODULE_H

#include "pinn_edge.h"

#ifdef __cplusplus
extern "C" {
#endif

// See pe_engine_t. `link` gives the module its import of kernels; null where modules bring their own.
pe_result_t pe_module_open(pe_t *pe, void *arena, size_t bytes, pe_link_kernels_t link);
pe_result_t pe_module_run(pe_t *pe);

#ifdef __cplusplus
}
#endif

#endif
