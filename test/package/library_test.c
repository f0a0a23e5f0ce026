// Drives the firmware library on the host. Words and values come and go as text, so that the test compares them.
//
//     library_test words | values | floats < rows        one line per row: result and outputs
//     library_test open <module> <identity> <memory> <stack>
//     library_test faults | bits | arena                 self-contained; the first line that fails is named

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pinn_edge.h"
#include "pinn_model.h"

#define CHECK(condition) check((condition) ? 1 : 0, #condition, __LINE__)

static void check(int holds, const char *what, int line) {
  if (holds) return;
  printf("line %d: %s does not hold\n", line, what);
  exit(1);
}

// Nothing of the library or of wasm3 may come from the heap.
static long allocations;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);

void *__wrap_malloc(size_t size) {
  allocations++;
  return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  void *block = __wrap_malloc(count * size);
  if (block != NULL) memset(block, 0, count * size);
  return block;
}

void *__wrap_realloc(void *pointer, size_t size) {
  (void)pointer;
  (void)size;
  check(0, "realloc is not called", __LINE__);
  return NULL;
}

// More than any of the tests' modules takes.
static uint8_t arena[1 << 20];

static pe_result_t open_model(pe_t *pe, const pe_model_t *model) { return pe_open(pe, model, arena, sizeof arena); }

static void open_or_exit(pe_t *pe) {
  const pe_result_t result = open_model(pe, &pinn_model);
  if (result == PE_OK) return;
  printf("open: %d %s %s\n", result, pe_text(result), pe_detail(pe));
  exit(1);
}

static void run_words(pe_t *pe) {
  int32_t inputs[PINN_MODEL_INPUT_COUNT];
  int32_t outputs[PINN_MODEL_OUTPUT_COUNT];
  for (;;) {
    for (int i = 0; i < PINN_MODEL_INPUT_COUNT; i++) {
      if (scanf("%d", &inputs[i]) != 1) return;
    }
    printf("%d", pe_run_words(pe, inputs, outputs));
    for (int i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) printf(" %d", outputs[i]);
    printf("\n");
  }
}

static void run_values(pe_t *pe, int as_float) {
  double values[PINN_MODEL_INPUT_COUNT];
  double outputs[PINN_MODEL_OUTPUT_COUNT];
  float float_inputs[PINN_MODEL_INPUT_COUNT];
  float float_outputs[PINN_MODEL_OUTPUT_COUNT];
  for (;;) {
    for (int i = 0; i < PINN_MODEL_INPUT_COUNT; i++) {
      if (scanf("%lf", &values[i]) != 1) return;
      float_inputs[i] = (float)values[i];
    }
    printf("%d", as_float ? pe_eval_float(pe, float_inputs, float_outputs) : pe_eval(pe, values, outputs));
    for (int i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) {
      printf(" %.17g", as_float ? (double)float_outputs[i] : outputs[i]);
    }
    printf("\n");
  }
}

static uint32_t crc_of(const uint8_t *bytes, size_t count) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < count; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1u ? 0xedb88320u : 0u);
  }
  return ~crc;
}

// Opens a module of any kind that comes with its right CRC-32.
static int open_module(char **arguments) {
  FILE *file = fopen(arguments[0], "rb");
  if (file == NULL) return 2;
  static uint8_t room[1 << 20];
  const size_t count = fread(room, 1, sizeof room, file);
  fclose(file);
  // A block of exactly this size, so that the sanitizer sees reads beyond its end.
  uint8_t *bytes = (uint8_t *)malloc(count == 0 ? 1 : count);
  memcpy(bytes, room, count);
  pe_model_t model = pinn_model;
  model.payload = bytes;
  model.payload_bytes = (uint32_t)count;
  model.payload_crc = crc_of(bytes, count);
  model.identity = (uint32_t)strtoul(arguments[1], NULL, 0);
  model.memory_bytes = (uint32_t)strtoul(arguments[2], NULL, 0);
  model.stack_bytes = (uint32_t)strtoul(arguments[3], NULL, 0);
  pe_t pe;
  const pe_result_t result = open_model(&pe, &model);
  printf("%d %u %s: %s\n", result, (unsigned)pe.failed_check, pe_text(result), pe_detail(&pe));
  pe_close(&pe);
  free(bytes);
  return 0;
}

static void check_arguments(pe_t *pe) {
  int32_t words[PINN_MODEL_INPUT_COUNT + PINN_MODEL_OUTPUT_COUNT] = {0};
  double values[PINN_MODEL_INPUT_COUNT + PINN_MODEL_OUTPUT_COUNT] = {0};
  float floats[PINN_MODEL_INPUT_COUNT + PINN_MODEL_OUTPUT_COUNT] = {0};
  CHECK(open_model(NULL, &pinn_model) == PE_ERROR_ARGUMENT);
  CHECK(open_model(pe, NULL) == PE_ERROR_ARGUMENT);
  CHECK(pe_open(pe, &pinn_model, NULL, sizeof arena) == PE_ERROR_ARGUMENT);
  CHECK(pe_run_words(pe, words, words) == PE_ERROR_CLOSED);
  CHECK(pe_eval(pe, values, values) == PE_ERROR_CLOSED);
  CHECK(pe_eval_float(pe, floats, floats) == PE_ERROR_CLOSED);
  CHECK(pe_self_test(pe) == PE_ERROR_CLOSED);
  CHECK(pe_self_test(NULL) == PE_ERROR_ARGUMENT);
  pe_close(NULL);
  CHECK(pe_detail(NULL)[0] == '\0');
  open_or_exit(pe);
  CHECK(pe_run_words(NULL, words, words) == PE_ERROR_ARGUMENT);
  CHECK(pe_run_words(pe, NULL, words) == PE_ERROR_ARGUMENT);
  CHECK(pe_run_words(pe, words, NULL) == PE_ERROR_ARGUMENT);
  CHECK(pe_eval(pe, NULL, values) == PE_ERROR_ARGUMENT);
  CHECK(pe_eval_float(pe, floats, NULL) == PE_ERROR_ARGUMENT);
  values[0] = NAN;
  CHECK(pe_eval(pe, values, values) == PE_ERROR_NAN);
  values[0] = HUGE_VAL;
  CHECK(pe_eval(pe, values, values) == PE_CLAMPED);
  values[0] = 0;
  CHECK(pe_eval(pe, values, values) == PE_OK);
  pe_close(pe);
  pe_close(pe);
  CHECK(pe_run_words(pe, words, words) == PE_ERROR_CLOSED);
}

static void check_descriptors(pe_t *pe) {
  pe_model_t model = pinn_model;
  model.identity ^= 1;
  CHECK(open_model(pe, &model) == PE_ERROR_IDENTITY);
  model = pinn_model;
  model.payload = NULL;
  CHECK(open_model(pe, &model) == PE_ERROR_ARGUMENT);
  model = pinn_model;
  model.input_count = 0;
  CHECK(open_model(pe, &model) == PE_ERROR_ARGUMENT);
  model = pinn_model;
  model.golden_inputs = NULL;
  CHECK(open_model(pe, &model) == PE_ERROR_ARGUMENT);
  model = pinn_model;
  model.output_count = 65535;
  CHECK(open_model(pe, &model) == PE_ERROR_EXPORT);
  model = pinn_model;
  model.payload_bytes -= 1;
  CHECK(open_model(pe, &model) == PE_ERROR_CORRUPT);
}

static void check_golden(pe_t *pe) {
  static int32_t golden[PINN_MODEL_GOLDEN_COUNT * PINN_MODEL_OUTPUT_COUNT];
  pe_model_t model = pinn_model;
  memcpy(golden, pinn_model_golden_outputs, sizeof golden);
  golden[PINN_MODEL_GOLDEN_COUNT * PINN_MODEL_OUTPUT_COUNT - 1] ^= 1;
  model.golden_outputs = golden;
  CHECK(open_model(pe, &model) == PE_OK);
  CHECK(pe_self_test(pe) == PE_ERROR_GOLDEN);
  pe_close(pe);
  open_or_exit(pe);
  CHECK(pe_self_test(pe) == PE_OK);
  pe_close(pe);
}

// Any amount of memory either works or is refused; the exact amount works.
static void check_memory_sizes(pe_t *pe) {
  pe_model_t model = pinn_model;
  for (uint32_t bytes = 1; bytes <= pinn_model.memory_bytes; bytes += bytes < 64 ? 1 : 61) {
    model.memory_bytes = bytes;
    const pe_result_t result = open_model(pe, &model);
    CHECK(bytes + 8 > pinn_model.memory_bytes || result < 0);
    pe_close(pe);
  }
}

static void check_all_bits(pe_t *pe) {
  static uint8_t bytes[PINN_MODEL_PAYLOAD_BYTES];
  pe_model_t model = pinn_model;
  memcpy(bytes, pinn_model.payload, sizeof bytes);
  model.payload = bytes;
  CHECK(open_model(pe, &model) == PE_OK);
  pe_close(pe);
  for (uint32_t i = 0; i < PINN_MODEL_PAYLOAD_BYTES; i++) {
    for (int bit = 0; bit < 8; bit++) {
      bytes[i] = (uint8_t)(bytes[i] ^ (1u << bit));
      CHECK(open_model(pe, &model) == PE_ERROR_CORRUPT);
      bytes[i] = (uint8_t)(bytes[i] ^ (1u << bit));
    }
  }
}

// Opens in a block of exactly this size, so that the sanitizer sees what lies beyond it, and dirty as RAM is.
static pe_result_t open_in(pe_t *pe, size_t offset, size_t bytes) {
  uint8_t *block = (uint8_t *)malloc(offset + bytes + 1);
  memset(block, 0xa5, offset + bytes + 1);
  const pe_result_t result = pe_open(pe, &pinn_model, block + offset, bytes);
  CHECK(block[offset + bytes] == 0xa5);
  if (result == PE_OK) CHECK(pe_self_test(pe) == PE_OK);
  CHECK((result == PE_OK) == (pe_arena_used(pe) != 0));
  CHECK(result != PE_ERROR_MEMORY || pe_detail(pe)[0] != '\0');
  CHECK(result == PE_OK || pe_self_test(pe) == PE_ERROR_CLOSED);
  pe_close(pe);
  free(block);
  return result;
}

// An arena of any size at any address either suffices or is refused; the announced one suffices, and is not much more.
static void check_arena(pe_t *pe) {
  open_or_exit(pe);
  const size_t used = pe_arena_used(pe);
  printf("%u of %u bytes\n", (unsigned)used, (unsigned)PINN_MODEL_ARENA_BYTES);
  CHECK(pinn_model.arena_bytes == PINN_MODEL_ARENA_BYTES);
  CHECK(used <= PINN_MODEL_ARENA_BYTES && PINN_MODEL_ARENA_BYTES < used + used / 3);
  pe_close(pe);
  for (size_t bytes = 0; bytes < used - 300; bytes += 97) CHECK(open_in(pe, bytes % 8, bytes) == PE_ERROR_MEMORY);
  // The allocator's blocks begin at multiples of 8.
  for (size_t offset = 0; offset < 8; offset++) {
    for (size_t bytes = used - 20; bytes < used + 20; bytes++) {
      const pe_result_t result = open_in(pe, offset, bytes);
      CHECK(bytes >= used - 7 || result == PE_ERROR_MEMORY);
      CHECK(bytes < used + 7 || result == PE_OK);
    }
    CHECK(open_in(pe, offset, PINN_MODEL_ARENA_BYTES) == PE_OK);
  }
}

// Two models side by side, each with an arena of its own.
static void check_two(pe_t *pe) {
  static uint8_t others[PINN_MODEL_ARENA_BYTES];
  pe_t other;
  open_or_exit(pe);
  CHECK(pe_open(&other, &pinn_model, others, sizeof others) == PE_OK);
  CHECK(pe_self_test(pe) == PE_OK);
  CHECK(pe_self_test(&other) == PE_OK);
  pe_close(pe);
  CHECK(pe_self_test(&other) == PE_OK);
  pe_close(&other);
}

static void count_events(void *context, pe_event_t event) { ((int *)context)[event == PE_EVENT_START ? 0 : 1]++; }

static void check_hook(pe_t *pe) {
  const double inputs[PINN_MODEL_INPUT_COUNT] = {0};
  double outputs[PINN_MODEL_OUTPUT_COUNT];
  int events[2] = {0, 0};
  pe_set_hook(NULL, count_events, events);
  open_or_exit(pe);
  pe_set_hook(pe, count_events, events);
  for (int i = 0; i < 3; i++) CHECK(pe_eval(pe, inputs, outputs) == PE_OK);
  CHECK(events[0] == 3 && events[1] == 3);
  pe_set_hook(pe, NULL, NULL);
  CHECK(pe_eval(pe, inputs, outputs) == PE_OK);
  CHECK(events[0] == 3);
  pe_close(pe);
}

// An output beyond its limit is given and said, at the very limit not; where there are no limits nothing is said.
static void check_limits(pe_t *pe) {
  static const double verified[] = PINN_MODEL_LIMITS;
  const double inputs[PINN_MODEL_INPUT_COUNT] = {0};
  const double outside[PINN_MODEL_INPUT_COUNT] = {1e9};
  double outputs[PINN_MODEL_OUTPUT_COUNT], again[PINN_MODEL_OUTPUT_COUNT];
  float floats[PINN_MODEL_OUTPUT_COUNT];
  const float zeros[PINN_MODEL_INPUT_COUNT] = {0};
  double limits[PINN_MODEL_OUTPUT_COUNT];
  pe_set_limits(NULL, verified);
  open_or_exit(pe);
  CHECK(pe_eval(pe, inputs, outputs) == PE_OK);
  pe_set_limits(pe, verified);
  CHECK(pe_eval(pe, inputs, again) == PE_OK && pe_eval(pe, outside, again) == PE_CLAMPED);
  pe_set_limits(pe, limits);
  for (int k = 0; k < PINN_MODEL_OUTPUT_COUNT; k++) {
    for (int i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) limits[i] = INFINITY;
    CHECK(pe_eval(pe, inputs, again) == PE_OK);
    limits[k] = fabs(outputs[k]);
    CHECK(pe_eval(pe, inputs, again) == PE_OK && pe_eval_float(pe, zeros, floats) == PE_OK);
    limits[k] *= 1 - 1e-12;
    CHECK(pe_eval(pe, inputs, again) == PE_SUSPECT && pe_eval_float(pe, zeros, floats) == PE_SUSPECT);
    CHECK(memcmp(again, outputs, sizeof outputs) == 0);
    limits[k] = 0;
    CHECK(pe_eval(pe, outside, again) == PE_SUSPECT);
  }
  pe_close(pe);
  open_or_exit(pe);
  CHECK(pe_eval(pe, inputs, again) == PE_OK);
  pe_close(pe);
}

static void check_queries(pe_t *pe) {
  CHECK(pe_model(NULL) == NULL && pe_arena_used(NULL) == 0);
  open_or_exit(pe);
  CHECK(pe_model(pe) == &pinn_model);
  for (int i = 0; i < PINN_MODEL_INPUT_COUNT; i++) CHECK(pe_find_input(&pinn_model, pinn_model_inputs[i].name) == i);
  for (int i = 0; i < PINN_MODEL_OUTPUT_COUNT; i++) CHECK(pe_find_output(&pinn_model, pinn_model_outputs[i].name) == i);
  CHECK(pe_find_input(&pinn_model, "none") == PE_ERROR_ARGUMENT);
  CHECK(pe_find_output(&pinn_model, NULL) == PE_ERROR_ARGUMENT);
  CHECK(pe_find_output(NULL, "y") == PE_ERROR_ARGUMENT);
  pe_close(pe);
  CHECK(pe_model(pe) == NULL);
}

int main(int count, char **arguments) {
  pe_t pe;
  const char *mode = count > 1 ? arguments[1] : "";
  memset(&pe, 0, sizeof pe);
  if (strcmp(mode, "open") == 0 && count == 6) return open_module(arguments + 2);
  if (strcmp(mode, "faults") == 0) {
    check_arguments(&pe);
    check_descriptors(&pe);
    check_golden(&pe);
    check_memory_sizes(&pe);
    check_two(&pe);
    check_hook(&pe);
    check_limits(&pe);
    check_queries(&pe);
    CHECK(allocations == 0);
    return 0;
  }
  if (strcmp(mode, "bits") == 0) check_all_bits(&pe);
  if (strcmp(mode, "arena") == 0) check_arena(&pe);
  if (strcmp(mode, "bits") == 0 || strcmp(mode, "arena") == 0) return 0;
  open_or_exit(&pe);
  if (strcmp(mode, "words") == 0) run_words(&pe);
  if (strcmp(mode, "values") == 0) run_values(&pe, 0);
  if (strcmp(mode, "floats") == 0) run_values(&pe, 1);
  pe_close(&pe);
  return 0;
}
