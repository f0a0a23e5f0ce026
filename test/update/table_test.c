// Model images that carry a block table, in a program without wasm3 and without a heap of the library's.
//
//   table_test words IMAGE CLASS < rows    what the model says of itself; then per row of input words: result and outputs
//   table_test values IMAGE CLASS < rows   per row of values in the model's units: result and outputs
//   table_test faults IMAGE CLASS          wrong descriptors, arenas of every size; a line for each claim that fails
//   table_test damage IMAGE CLASS SEED N   N tables with random damage and all CRCs corrected, evaluated when taken
//
// Images, and arenas in the last two, lie in blocks of exactly their size, so that the sanitizer sees what lies beyond.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pe_crc32.h"
#include "pe_format.gen.h"
#include "pe_image.h"
#include "pinn_edge.h"

#define CAPACITY 32u

static const pe_engine_t *const engines[] = {&pe_table_engine, NULL};
static pe_input_spec_t inputs[CAPACITY];
static pe_output_spec_t outputs[CAPACITY];
static pe_image_policy_t policy = {0, engines, 1u << 20, CAPACITY, CAPACITY, NULL};
static unsigned failures;

#define CHECK(claim)                                                \
  do {                                                              \
    if (!(claim)) {                                                 \
      printf("line %d: %s does not hold\n", __LINE__, #claim);      \
      failures++;                                                   \
    }                                                               \
  } while (0)

static void *room(size_t bytes) {
  void *block = malloc(bytes == 0 ? 1 : bytes);
  if (block == NULL) exit(3);
  return block;
}

static uint8_t *read_file(const char *path, uint32_t *bytes) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) exit(3);
  (void)fseek(file, 0, SEEK_END);
  *bytes = (uint32_t)ftell(file);
  (void)fseek(file, 0, SEEK_SET);
  uint8_t *image = (uint8_t *)room(*bytes);
  if (fread(image, 1, *bytes, file) != *bytes) exit(3);
  (void)fclose(file);
  return image;
}

static int evaluate(const pe_model_t *model, uint32_t version, int as_words) {
  pe_t pe;
  uint8_t *arena = (uint8_t *)room(model->memory_bytes);
  const pe_result_t opened = pe_open(&pe, model, arena, model->memory_bytes);
  if (opened != PE_OK) {
    printf("open: %s; %s\n", pe_text(opened), pe_detail(&pe));
    free(arena);
    return 1;
  }
  printf("%s v%u 0x%08x: %s, %u bytes\n", model->name, (unsigned)version, (unsigned)model->identity,
         pe_text(pe_self_test(&pe)), (unsigned)pe_arena_used(&pe));
  for (uint32_t i = 0; i < model->input_count; i++) {
    const pe_input_spec_t *input = &model->inputs[pe_find_input(model, model->inputs[i].name)];
    printf("%s [%s] %.17g %.17g %d\n", input->name, input->unit, input->min, input->max, input->exponent);
  }
  for (uint32_t i = 0; i < model->output_count; i++) {
    const pe_output_spec_t *output = &model->outputs[pe_find_output(model, model->outputs[i].name)];
    printf("%s [%s] %.17g %.17g %d\n", output->name, output->unit, output->scale, output->offset, output->exponent);
  }
  for (;;) {
    int32_t words[CAPACITY] = {0}, answers[CAPACITY] = {0};
    double values[CAPACITY] = {0};
    for (uint32_t i = 0; i < model->input_count; i++) {
      if (as_words ? scanf("%d", &words[i]) != 1 : scanf("%lf", &values[i]) != 1) {
        pe_close(&pe);
        free(arena);
        return 0;
      }
    }
    printf("%d", (int)(as_words ? pe_run_words(&pe, words, answers) : pe_eval(&pe, values, values)));
    for (uint32_t i = 0; i < model->output_count; i++) as_words ? printf(" %d", answers[i]) : printf(" %.17g", values[i]);
    printf("\n");
  }
}

static void check_descriptors(const pe_model_t *whole) {
  pe_t pe;
  uint8_t *arena = (uint8_t *)room(whole->arena_bytes);
  const size_t bytes = whole->arena_bytes;
  pe_input_spec_t other_inputs[CAPACITY];
  pe_output_spec_t other_outputs[CAPACITY];
  memcpy(other_inputs, inputs, sizeof inputs);
  memcpy(other_outputs, outputs, sizeof outputs);
  pe_model_t model = *whole;
  CHECK(pe_open(&pe, &model, arena, bytes) == PE_OK);
  CHECK(pe_self_test(&pe) == PE_OK);
  model.engine = NULL;
  CHECK(pe_open(&pe, &model, arena, bytes) == PE_ERROR_ENGINE);
  CHECK(strstr(pe_text(PE_ERROR_ENGINE), "no engine") != NULL);
  model = *whole;
  model.identity ^= 1u;
  CHECK(pe_open(&pe, &model, arena, bytes) == PE_ERROR_IDENTITY);
  model = *whole;
  model.input_count++;
  CHECK(pe_open(&pe, &model, arena, bytes) == PE_ERROR_IDENTITY);
  model = *whole;
  model.output_count = UINT16_MAX;
  CHECK(pe_open(&pe, &model, arena, bytes) == PE_ERROR_IDENTITY);
  model = *whole;
  other_inputs[0].exponent++;
  model.inputs = other_inputs;
  CHECK(pe_open(&pe, &model, arena, bytes) == PE_ERROR_IDENTITY);
  model = *whole;
  other_outputs[model.output_count - 1u].exponent--;
  model.outputs = other_outputs;
  CHECK(pe_open(&pe, &model, arena, bytes) == PE_ERROR_IDENTITY);
  model = *whole;
  model.memory_bytes -= 4u;
  CHECK(pe_open(&pe, &model, arena, bytes) == PE_ERROR_TABLE);
  CHECK(pe.failed_check == PE_CHECK_ARENA);
  model = *whole;
  model.payload_bytes -= 4u;
  CHECK(pe_open(&pe, &model, arena, bytes) == PE_ERROR_TABLE);
  model = *whole;
  model.payload += 1;
  CHECK(pe_open(&pe, &model, arena, bytes) == PE_ERROR_ARGUMENT);
  CHECK(pe_run_words(&pe, model.golden_inputs, (int32_t *)(void *)arena) == PE_ERROR_CLOSED);
  free(arena);
}

// Every size of the arena up to the one that is asked for, at two alignments: refused, or enough.
static void check_arenas(const pe_model_t *model) {
  for (uint32_t offset = 0; offset < 8u; offset += 3u) {
    for (uint32_t bytes = 1; bytes <= model->arena_bytes; bytes++) {
      pe_t pe;
      uint8_t *block = (uint8_t *)room(offset + bytes);
      memset(block, 0xa5, offset + bytes);
      const pe_result_t opened = pe_open(&pe, model, block + offset, bytes);
      const uint32_t skipped = offset == 0u ? 0u : 8u - offset;
      CHECK(opened == (bytes >= skipped + model->memory_bytes ? PE_OK : PE_ERROR_MEMORY));
      if (opened == PE_OK) CHECK(pe_self_test(&pe) == PE_OK && pe_arena_used(&pe) == skipped + model->memory_bytes);
      pe_close(&pe);
      free(block);
    }
  }
}

static uint32_t any(uint32_t below) { return (uint32_t)rand() % below; }

// Damages the table: mostly its records, else any byte.
static void damage(uint8_t *table, uint32_t bytes) {
  static const uint8_t values[] = {0x00, 0x01, 0x02, 0x7f, 0x80, 0xff};
  const pe_header_t *header = (const pe_header_t *)(const void *)table;
  const uint32_t start = header->records_offset;
  const uint32_t length = header->record_count * PE_RECORD_BYTES;
  for (uint32_t hits = 1u + any(3u); hits > 0u; hits--) {
    const uint32_t at = any(4u) == 0u ? any(bytes) : start + any(length);
    table[at] = any(2u) == 0u ? values[any(sizeof values)] : (uint8_t)rand();
  }
}

static void correct(uint8_t *image, uint8_t *table, uint32_t table_bytes) {
  const uint32_t total = pe_load_u32(image + PE_IMAGE_HEADER_TOTAL_BYTES);
  const uint32_t identity = pe_crc32(table + PE_HEADER_CRC + 4u, table_bytes - PE_HEADER_CRC - 4u);
  pe_store_u32(table + PE_HEADER_CRC, identity);
  pe_store_u32(image + PE_IMAGE_HEADER_IDENTITY, identity);
  pe_store_u32(image + PE_IMAGE_HEADER_CRC, pe_crc32(image + PE_IMAGE_HEADER_SIGNATURE, total - PE_IMAGE_HEADER_SIGNATURE));
}

static void damage_randomly(const uint8_t *image, uint32_t bytes, const pe_model_t *whole, unsigned count) {
  const uint32_t offset = (uint32_t)(whole->payload - image);
  unsigned taken = 0, differ = 0;
  for (unsigned n = 0; n < count; n++) {
    pe_image_t checked;
    pe_model_t model;
    pe_t pe;
    uint8_t *copy = (uint8_t *)room(bytes);
    memcpy(copy, image, bytes);
    damage(copy + offset, whole->payload_bytes);
    correct(copy, copy + offset, whole->payload_bytes);
    // What the header says of the arena is damaged, too: a table that asks for less gets no more.
    const uint32_t asked = pe_load_u32(copy + offset + PE_HEADER_ARENA_BYTES);
    const uint32_t arena_bytes = asked < whole->memory_bytes ? asked : whole->memory_bytes;
    uint8_t *arena = (uint8_t *)room(arena_bytes);
    CHECK(pe_image_check(&checked, copy, bytes, &policy) == PE_UPDATE_OK);
    pe_image_model(&checked, inputs, outputs, &model);
    if (pe_open(&pe, &model, arena, arena_bytes) == PE_OK) {
      double values[CAPACITY] = {1e300, -1e300};
      taken++;
      if (pe_self_test(&pe) != PE_OK) differ++;
      CHECK(pe_eval(&pe, values, values) >= 0);
      pe_close(&pe);
    }
    free(arena);
    free(copy);
  }
  printf("%u taken, %u of them with other answers\n", taken, differ);
}

int main(int argc, char **argv) {
  if (argc < 4) return 3;
  uint32_t bytes = 0;
  uint8_t *image = read_file(argv[2], &bytes);
  policy.target_class = (uint32_t)strtoul(argv[3], NULL, 10);
  pe_image_t checked;
  pe_model_t model;
  const pe_update_result_t result = pe_image_check(&checked, image, bytes, &policy);
  if (result != PE_UPDATE_OK) {
    printf("%s\n", pe_update_text(result));
    free(image);
    return 1;
  }
  pe_image_model(&checked, inputs, outputs, &model);
  int status = 0;
  if (strcmp(argv[1], "words") == 0) status = evaluate(&model, checked.version, 1);
  if (strcmp(argv[1], "values") == 0) status = evaluate(&model, checked.version, 0);
  if (strcmp(argv[1], "faults") == 0) {
    check_descriptors(&model);
    check_arenas(&model);
  }
  if (strcmp(argv[1], "damage") == 0 && argc > 5) {
    srand((unsigned)atoi(argv[4]));
    damage_randomly(image, bytes, &model, (unsigned)atoi(argv[5]));
  }
  free(image);
  return failures == 0 ? status : 1;
}
