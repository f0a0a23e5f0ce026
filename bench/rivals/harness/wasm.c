// A WebAssembly module with floats under wasm3 as it comes: 64 KiB page, 32 KiB code pages, names in errors.
#include <stdint.h>
#include <string.h>

#include "module.h"
#include "rival.h"
#include "wasm3.h"

#define STACK_BYTES 2048

static IM3Runtime runtime;
static IM3Function run;
static uint8_t *input, *output;

static uint8_t *address(const char *name) {
  IM3Function function;
  uint32_t offset = 0;
  if (m3_FindFunction(&function, runtime, name) || m3_CallV(function) || m3_GetResultsV(function, &offset)) return NULL;
  uint32_t size = 0;
  return m3_GetMemory(runtime, &size, 0) + offset;
}

// newlib links its own allocator for printf, which wasm3 names errors with; there is no memory for it and none needed.
void *_sbrk(intptr_t bytes) {
  (void)bytes;
  return (void *)-1;
}

int rival_open(void) {
  IM3Environment environment = m3_NewEnvironment();
  runtime = m3_NewRuntime(environment, STACK_BYTES, NULL);
  IM3Module module;
  if (m3_ParseModule(environment, &module, rival_module, sizeof rival_module)) return 1;
  if (m3_LoadModule(runtime, module)) return 2;
  input = address("input");
  output = address("output");
  if (input == NULL || output == NULL) return 3;
  return m3_FindFunction(&run, runtime, "run") ? 4 : 0;
}

int rival_infer(const float *inputs, float *outputs) {
  memcpy(input, inputs, RIVAL_INPUTS * sizeof *inputs);
  if (m3_CallV(run)) return 5;
  memcpy(outputs, output, RIVAL_OUTPUTS * sizeof *outputs);
  return 0;
}
