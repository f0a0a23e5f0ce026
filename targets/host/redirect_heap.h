// Included ahead of every wasm3 source file by the build (-include): wasm3 then allocates from the counted heap.

#ifndef PINN_EDGE_REDIRECT_HEAP_H
#define PINN_EDGE_REDIRECT_HEAP_H

#include <stdlib.h>

#include "counted_heap.h"

#define calloc(count, size) counted_calloc(count, size)
#define realloc(pointer, size) counted_realloc(pointer, size)
#define free(pointer) counted_free(pointer)

// clang and newer gcc let wasm3 demand tail calls whatever the optimiser is told; the no-tail flavour takes that back.
#ifdef PINN_EDGE_NO_TAIL_CALLS
#include "m3_config_platforms.h"
#undef M3_MUSTTAIL
#define M3_MUSTTAIL
#endif

#endif
