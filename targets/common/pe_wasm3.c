// wasm3 in one translation unit, its source files unchanged: they must be where the compiler finds headers, and must not
// be compiled by themselves as well. This way its settings (pe_wasm3.h), its names (pe_wasm3_names.h) and where it
// allocates (pe_arena.h) hold without flags of the build system.
//
// It takes wasm3's release 0.5.0, what its npm package carries (docs/firmware.md), and 0.9.0. Give wasm3's folder with
// -isystem, and its warnings stay out of the way.

#include "pe_tail_calls.h"

// The bound of the native stack holds for code that was optimised, and for tail calls where pe_tail_calls.h says so;
// and wasm3 relies on wrapping signed arithmetic and reads its stack's slots as several types. GCC is told here, so that
// it is so whatever the command line says, -O0, -Og and stack protectors, which end tail calls, included. Other
// compilers want -O1 or more, -fwrapv, -fno-strict-aliasing and -fno-stack-protector.
#if defined(__GNUC__) && !defined(__clang__)
#ifndef __OPTIMIZE_SIZE__
#pragma GCC optimize("O2")
#endif
#if PE_TAIL_CALLS
#pragma GCC optimize("optimize-sibling-calls")
#endif
#pragma GCC optimize("wrapv", "no-strict-aliasing", "no-stack-protector")
#elif !defined(__OPTIMIZE__)
#error "compile pe_wasm3.c with optimisation, -O1 or more: the bound of the native stack holds only then"
#elif defined(__SSP__) || defined(__SSP_STRONG__) || defined(__SSP_ALL__)
#error "compile pe_wasm3.c with -fno-stack-protector: the bound of the native stack holds only then"
#endif

#include <stdlib.h>

// Before the first header: wasm3 has its texts of errors in m3_core.c.
#define M3_IMPLEMENT_ERROR_STRINGS
// Asked for by m3_exec.h.
#define M3_COMPILE_OPCODES

#include "pe_arena.h"
#include "pe_wasm3.h"

#define calloc pe_arena_calloc
#define realloc pe_arena_realloc
#define free pe_arena_free

#include "m3_exec.h"
#include "pe_steps.h"

#include "m3_bind.c"
#include "m3_code.c"
#include "m3_compile.c"
#include "m3_core.c"
#include "m3_env.c"
#include "m3_exec.c"
#include "m3_function.c"
#include "m3_info.c"
#include "m3_module.c"
#include "m3_parse.c"

// A part of the release of 0.5.0; later copies have its contents in a header.
#if __has_include("m3_emit.c")
#include "m3_emit.c"
#endif
// From 0.9.0 on.
#if __has_include("m3_validate.c")
#include "m3_validate.c"
#endif
