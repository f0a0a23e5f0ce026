// wasm3's headers with the settings that models need. They change the layout of wasm3's structures, so every file that
// uses wasm3 includes this one, and is compiled with the same settings where a project changes one.
#ifndef PE_WASM3_H
#define PE_WASM3_H

// Models use no floats: without them wasm3 is 22 kB smaller on a Cortex-M4. A module with floats is refused.
#ifndef d_m3HasFloat
#define d_m3HasFloat 0
#endif
#ifndef d_m3NoFloatDynamic
#define d_m3NoFloatDynamic 0
#endif
// Bytes by which translated code grows; wasm3's own default may be 32 KiB.
#ifndef d_m3CodePageAlignSize
#define d_m3CodePageAlignSize 1024
#endif
// Slots of one function, which size a structure on the native stack while wasm3 translates.
#ifndef d_m3MaxFunctionStackHeight
#define d_m3MaxFunctionStackHeight 256
#endif
// Constants of one function that take no operation; pe_check_stack.c counts on them.
#ifndef d_m3MaxConstantTableSize
#define d_m3MaxConstantTableSize 120
#endif
#ifndef d_m3VerboseErrorMessages
#define d_m3VerboseErrorMessages 0
#endif

#include "pe_tail_calls.h"
#ifndef PE_WASM3_PLAIN_NAMES
#include "pe_wasm3_names.h"
#endif

#include "m3_config.h"

// A compiler that knows this attribute and cannot obey it for a target stops with an error.
#if !PE_TAIL_CALLS || !defined(__clang__)
#undef M3_MUSTTAIL
#define M3_MUSTTAIL
#endif

#include "m3_env.h"
#include "wasm3.h"

#endif
