// The engine wasm3+native of the firmware library on the host.
//
//     engine_test <module> <identity> <memory> <stack> <inputs> <outputs> < rows of words
//
// opens a module that comes with its right CRC-32 and prints "result check alone detail", where `alone` says that
// evaluations leave wasm3 out; then, if it is open, for each row the result and the outputs. Besides, every end and every
// flipped bit of the module's `run` is given to pe_native_is_walk, in blocks of exactly their size.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pe_crc32.h"
#include "pe_wasm3.h"
#include "pinn_edge.h"

#define MOST 16u

static uint8_t arena[1 << 20];

static uint8_t *copy_of(const uint8_t *bytes, size_t count) {
  uint8_t *block = (uint8_t *)malloc(count == 0 ? 1 : count);
  if (block == NULL) abort();
  memcpy(block, bytes, count);
  return block;
}

static void cut_and_flip(const pe_t *pe) {
  const size_t count = (size_t)(pe->run->wasmEnd - pe->run->wasm);
  for (size_t end = 0; end < count; end++) {
    uint8_t *code = copy_of(pe->run->wasm, end);
    if (pe_native_is_walk(code, code + end)) abort();
    free(code);
  }
  for (size_t bit = 0; bit < 8u * count; bit++) {
    uint8_t *code = copy_of(pe->run->wasm, count);
    code[bit / 8u] = (uint8_t)(code[bit / 8u] ^ (1u << bit % 8u));
    (void)pe_native_is_walk(code, code + count);
    free(code);
  }
}

int main(int argc, char **argv) {
  static uint8_t room[1 << 20];
  if (argc != 7) return 2;
  FILE *file = fopen(argv[1], "rb");
  if (file == NULL) return 2;
  const size_t count = fread(room, 1, sizeof room, file);
  fclose(file);
  const pe_input_spec_t inputs[MOST] = {{0}};
  const pe_output_spec_t outputs[MOST] = {{0}};
  pe_model_t model = {0};
  uint8_t *bytes = copy_of(room, count);
  model.name = "test";
  model.engine = &pe_native_engine;
  model.payload = bytes;
  model.payload_bytes = (uint32_t)count;
  model.payload_crc = pe_crc32(bytes, (uint32_t)count);
  model.identity = (uint32_t)strtoul(argv[2], NULL, 0);
  model.memory_bytes = (uint32_t)strtoul(argv[3], NULL, 0);
  model.stack_bytes = (uint32_t)strtoul(argv[4], NULL, 0);
  model.input_count = (uint16_t)strtoul(argv[5], NULL, 0);
  model.output_count = (uint16_t)strtoul(argv[6], NULL, 0);
  model.inputs = inputs;
  model.outputs = outputs;
  if (model.input_count > MOST || model.output_count > MOST) return 2;
  pe_t pe;
  const pe_result_t result = pe_open(&pe, &model, arena, sizeof arena);
  printf("%d %u %u %s\n", result, (unsigned)pe.failed_check, (unsigned)pe.native.is_alone, pe_detail(&pe));
  int32_t words[MOST], answers[MOST];
  while (result == PE_OK) {
    for (int i = 0; i < model.input_count; i++) {
      if (scanf("%d", &words[i]) == 1) continue;
      cut_and_flip(&pe);
      pe_close(&pe);
      free(bytes);
      return 0;
    }
    printf("%d", pe_run_words(&pe, words, answers));
    for (int i = 0; i < model.output_count; i++) printf(" %d", answers[i]);
    printf("\n");
  }
  free(bytes);
  return 0;
}
