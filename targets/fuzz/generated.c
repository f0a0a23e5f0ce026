// Well-formed modules, made up from the input's bytes as decisions: the check must accept them, wasm3 must load and
// run them, and an evaluation must end. Damaged modules hardly get that far (see module.c).
#include "fuzz.h"
#include "generated_code.h"
#include "pe_validate.h"
#include "pinn_edge.h"

#define MEMORY_BYTES 4096u
#define ARENA_BYTES (1u << 20)

// A function that returns a constant.
static void put_address(maker_t *m, uint32_t address) {
  put_u32(m, 5);
  put(m, 0);
  put(m, 0x41);
  put(m, address | 0x80u);
  put(m, 0);
  put(m, 0x0b);
}

static void make_module(maker_t *m) {
  static const uint8_t head[] = {0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00};
  for (uint32_t i = 0; i < sizeof head; i++) put(m, head[i]);
  put(m, 1);
  uint32_t section = put_length(m);
  put(m, SIGNATURES);
  for (uint32_t i = 0; i < SIGNATURES; i++) {
    const uint8_t *signature = signatures[i];
    put(m, 0x60);
    for (uint32_t p = 0; p <= signature[0]; p++) put(m, signature[p]);
    const uint32_t result = signature[1u + signature[0]];
    put(m, result == NOTHING ? 0u : 1u);
    if (result != NOTHING) put(m, result);
  }
  fill_length(m, section);

  // The last function is `run`, and four more give constants.
  const uint32_t made = 1u + choose(m, MAX_FUNCTIONS);
  put(m, 3);
  section = put_length(m);
  put(m, made + 4u);
  for (uint32_t i = 0; i < made; i++) {
    m->types[i] = i + 1u == made ? 0u : (uint8_t)choose(m, SIGNATURES);
    put(m, m->types[i]);
  }
  for (uint32_t i = 0; i < 4u; i++) put(m, 0);
  fill_length(m, section);

  static const uint8_t memory_and_globals[] = {5, 3, 1, 0, 1, 6, 11, 2, I32, 1, 0x41, 0, 0x0b, I64, 1, 0x42, 0, 0x0b};
  for (uint32_t i = 0; i < sizeof memory_and_globals; i++) put(m, memory_and_globals[i]);

  put(m, 7);
  section = put_length(m);
  put(m, 6);
  const char *names[] = {"run", "input", "output", "identity", "lastStatus", "memory"};
  for (uint32_t i = 0; i < 6u; i++) {
    put(m, (uint32_t)strlen(names[i]));
    for (const char *c = names[i]; *c != '\0'; c++) put(m, (uint8_t)*c);
    put(m, i == 5u ? 2u : 0u);
    put(m, i == 5u ? 0u : made - 1u + i);
  }
  fill_length(m, section);

  put(m, 10);
  section = put_length(m);
  put(m, made + 4u);
  for (uint32_t i = 0; i < made; i++) put_function(m, i);
  for (uint32_t i = 0; i < 4u; i++) put_address(m, 16u * i);
  fill_length(m, section);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const pe_input_spec_t inputs[1] = {{"x", "", -1, 1, 10}};
  static const pe_output_spec_t outputs[1] = {{"u", "", 10, 1, 0}};
  static maker_t maker;
  memset(&maker, 0, sizeof maker);
  maker.decisions = data;
  maker.left = size;
  make_module(&maker);
  // A block of exactly this size: reading past it is seen.
  uint8_t *wasm = (uint8_t *)malloc(maker.length);
  if (wasm == NULL || maker.length == sizeof maker.bytes) abort();
  memcpy(wasm, maker.bytes, maker.length);

  pe_model_t model;
  memset(&model, 0, sizeof model);
  model.name = "generated";
  model.engine = &pe_module_engine;
  model.payload = wasm;
  model.payload_bytes = maker.length;
  model.payload_crc = fuzz_crc32(wasm, maker.length);
  model.identity = 32;
  model.memory_bytes = MEMORY_BYTES;
  model.stack_bytes = 4096;
  model.input_count = 1;
  model.output_count = 1;
  model.inputs = inputs;
  model.outputs = outputs;

  pe_module_facts_t facts;
  const char *refusal = pe_validate(wasm, maker.length, MEMORY_BYTES, &facts);
  if (refusal != NULL) {
    if (strcmp(refusal, "the module exceeds a limit") != 0) fprintf(stderr, "%s\n", refusal);
    MUST(strcmp(refusal, "the module exceeds a limit") == 0);
  }
  static uint8_t arena[ARENA_BYTES];
  pe_t pe;
  const pe_result_t opened = pe_open(&pe, &model, arena, sizeof arena);
  if (refusal == NULL && opened == PE_ERROR_MODULE) {
    fprintf(stderr, "wasm3 says: %s\n", pe_detail(&pe));
    const char *name = getenv("FUZZ_KEEP");
    FILE *file = name == NULL ? NULL : fopen(name, "wb");
    if (file != NULL) {
      fwrite(wasm, 1, maker.length, file);
      fclose(file);
    }
    MUST(opened != PE_ERROR_MODULE);
  }
  if (opened == PE_OK) {
    const int32_t words[1] = {INT32_MAX};
    int32_t answers[1];
    pe_run_words(&pe, words, answers);
  }
  pe_close(&pe);
  fuzz_release_arena();
  free(wasm);
  return 0;
}
