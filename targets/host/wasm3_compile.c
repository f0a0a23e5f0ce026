// wasm3's translation with loops that count their rounds, as in the firmware library (pe_wasm3.c does the same there).
#define M3_COMPILE_OPCODES

#include "m3_env.h"

#include "m3_exec.h"
#include "pe_steps.h"

#include "m3_compile.c"
