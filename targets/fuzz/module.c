// wasm3's loading path as the library calls it: any bytes as a module, with a right CRC, through pe_open and, where that
// succeeds, evaluations.
//
//     0 memory_bytes (u32) | 4 identity (u32) | 8 module
#include "fuzz.h"
#include "pe_native.h"
#include "pe_validate.h"
#include "pinn_edge.h"

#define COUNT 2u
#define MAX_MEMORY (1u << 18)
#define ARENA_BYTES (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const pe_input_spec_t inputs[COUNT] = {{"x", "", -1, 1, 10}, {"t", "", 0, 1, 10}};
  static const pe_output_spec_t outputs[COUNT] = {{"u", "", 10, 1, 0}, {"v", "", 10, 1, 0}};
  if (size < 8u) return 0;
  pe_model_t model;
  memset(&model, 0, sizeof model);
  model.name = "fuzz";
  model.memory_bytes = fuzz_u32(data) % MAX_MEMORY;
  model.identity = fuzz_u32(data + 4);
  model.payload = data + 8;
  model.payload_bytes = (uint32_t)(size - 8u);
  model.payload_crc = fuzz_crc32(model.payload, model.payload_bytes);
  model.stack_bytes = 2048;
  model.input_count = COUNT;
  model.output_count = COUNT;
  model.inputs = inputs;
  model.outputs = outputs;

  model.engine = &pe_native_engine;
  pe_module_facts_t facts;
  const char *refusal = pe_validate(model.payload, model.payload_bytes, model.memory_bytes, &facts);
  static uint8_t arena[ARENA_BYTES];
  pe_t pe;
  const pe_result_t opened = pe_open(&pe, &model, arena, sizeof arena);
  // A module that passes is one that wasm3 takes, unless its block table is not where it can be read.
  const int has_table = model.payload_bytes > 8u && model.payload[8] == 0u;
  if (refusal == NULL && !has_table) {
    if (opened == PE_ERROR_MODULE) fprintf(stderr, "wasm3 says: %s\n", pe_detail(&pe));
    MUST(opened != PE_ERROR_MODULE);
  } else if (refusal != NULL) {
    MUST(opened == PE_ERROR_MODULE || opened == PE_ERROR_ARGUMENT);
  }
  if (opened == PE_OK) {
    const double values[COUNT] = {0.25, 0.75};
    const int32_t words[COUNT] = {INT32_MIN, INT32_MAX};
    double answers[COUNT];
    int32_t answer_words[COUNT];
    pe_eval(&pe, values, answers);
    pe_run_words(&pe, words, answer_words);
  }
  pe_close(&pe);
  fuzz_release_arena();
  return 0;
}
