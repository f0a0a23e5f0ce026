// The block kernels behind one door: runs a block table that lies anywhere in memory, in portable C99. The integers are
// those of every other engine. Kernels are chosen record by record; only pe_table.h decides whether a table is sound.
#ifndef PE_KERNELS_H
#define PE_KERNELS_H

#include <stdint.h>

#include "pe_format.gen.h"

#ifdef __cplusplus
extern "C" {
#endif

// Whether SPLINE records are run, which takes 1.2 kB: where the header of their kernel is there, unless the compiler's flags
// say otherwise. Without, pe_table_check refuses them as an unknown kind.
#if !defined(PE_HAS_SPLINES) && defined(__has_include)
#if __has_include("pe_kernels_spline.h")
#define PE_HAS_SPLINES 1
#endif
#endif
#ifndef PE_HAS_SPLINES
#define PE_HAS_SPLINES 0
#endif

// Evaluates a table that pe_table_check accepted. `table` lies on a 4-byte boundary, in flash or RAM. `arena` has the
// table's arena_bytes, on a 4-byte boundary, and starts with the input words (which are held to their ranges) and the
// output words. Returns PE_STATUS_OK, or PE_STATUS_CLAMPED when an input had to be moved. Allocates nothing; keeps
// nothing between calls.
uint32_t pe_walk(const void *table, void *arena);

#ifdef __cplusplus
}
#endif

#endif
