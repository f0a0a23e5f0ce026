// wasm3 0.5.0 in one translation unit, unchanged: its source files must be where the compiler finds headers, and must
// not be compiled by themselves as well. This way its settings (pe_wasm3.h) and where it allocates (pe_arena.h) hold
// without flags of the build system.
//
// To be compiled with -fwrapv and -fno-strict-aliasing: wasm3 relies on wrapping signed arithmetic and reads its stack's
// slots as several types. Give wasm3's folder with -isystem, and its warnings stay out of the way.
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

// Later copies that call themselves 0.5.0, too, have its contents in a header.
#if __has_include("m3_emit.c")
#include "m3_emit.c"
#endif
