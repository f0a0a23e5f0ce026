// The device of the tests of slots: runner, slots and both engines on a flash in memory, and two images, OLD and NEW, of
// which NEW has the higher version; OLD's model is built into the firmware, too.
#ifndef SLOTS_DEVICE_H
#define SLOTS_DEVICE_H

#include "nor_flash.h"
#include "pe_crc32.h"
#include "pe_runner.h"

#define SECTOR_BYTES 1024u
#define CAPACITY 8u
#define CHUNK_BYTES 200u  // no multiple of any unit

typedef struct {
  uint8_t *bytes;
  uint32_t size;
  pe_image_t image;
} file_t;

static pe_input_spec_t inputs[CAPACITY], built_in_inputs[CAPACITY];
static pe_output_spec_t outputs[CAPACITY], built_in_outputs[CAPACITY];
static const pe_engine_t *const engines[] = {&pe_module_engine, &pe_table_engine, NULL};
static pe_model_t built_in;
static pe_runner_setup_t setup;
static pe_runner_t runner;
static nor_t nor;
static uint8_t arena[100000];
static file_t old_file, new_file;
static unsigned failures, runs_old, runs_new, queries;

static inline void fail(const char *what, uint32_t cut_at, cut_t cut) {
  failures++;
  printf("FAIL %s, cut %u kind %d\n", what, (unsigned)cut_at, (int)cut);
}

static inline file_t read_file(const char *path) {
  file_t read;
  FILE *file = fopen(path, "rb");
  if (file == NULL) exit(3);
  (void)fseek(file, 0, SEEK_END);
  read.size = (uint32_t)ftell(file);
  (void)fseek(file, 0, SEEK_SET);
  read.bytes = (uint8_t *)malloc(read.size);
  if (read.bytes == NULL || fread(read.bytes, 1, read.size, file) != read.size) exit(3);
  (void)fclose(file);
  if (pe_image_check(&read.image, read.bytes, read.size, &setup.policy) != PE_UPDATE_OK) exit(3);
  return read;
}

// ---- What runs ------------------------------------------------------------------------------------------------------

static inline bool is_running(const file_t *file) { return runner.pe.model != NULL && runner.pe.model->identity == file->image.identity; }

// Every golden vector of the image as it was built, not as it lies in the flash.
static inline bool answers_right(const file_t *file) {
  pe_input_spec_t in[CAPACITY];
  pe_output_spec_t out[CAPACITY];
  pe_model_t model;
  int32_t words[CAPACITY];
  pe_image_model(&file->image, in, out, &model);
  for (uint32_t p = 0; p < model.golden_count; p++) {
    if (pe_run_words(&runner.pe, model.golden_inputs + p * model.input_count, words) < 0) return false;
    if (memcmp(words, model.golden_outputs + p * model.output_count, sizeof words[0] * model.output_count) != 0) return false;
    queries++;
  }
  return model.golden_count > 0;
}

static inline bool restart(void) {
  pe_runner_stop(&runner);
  nor.powered = true;
  nor.cut_at = 0;
  return pe_runner_start(&runner, &setup) == PE_UPDATE_OK;
}

// After a restart the old or the new model answers.
static inline void require_either(const char *what, uint32_t cut_at, cut_t cut) {
  if (!restart()) {
    fail(what, cut_at, cut);
    return;
  }
  if (is_running(&old_file) && answers_right(&old_file)) {
    runs_old++;
  } else if (is_running(&new_file) && answers_right(&new_file)) {
    runs_new++;
  } else {
    fail(what, cut_at, cut);
  }
}

// ---- Procedures -----------------------------------------------------------------------------------------------------

// Sends an image as the agent does; the running model answers meanwhile.
static inline pe_update_result_t send(const file_t *file, bool force) {
  uint32_t offset = 0;
  pe_update_result_t result = pe_slots_begin(&runner.slots, file->size, file->image.crc, force, &offset);
  const file_t *running = is_running(&old_file) ? &old_file : &new_file;
  while (result == PE_UPDATE_OK && offset < file->size) {
    const uint32_t rest = file->size - offset;
    const uint32_t count = rest < CHUNK_BYTES ? rest : CHUNK_BYTES;
    result = pe_slots_data(&runner.slots, offset, file->bytes + offset, count);
    offset += count;
    if (nor.powered && offset % 1000u == 0u && !answers_right(running)) fail("queries during an update", offset, CUT_NOTHING);
  }
  return result == PE_UPDATE_OK ? pe_runner_finish(&runner) : result;
}

static inline pe_update_result_t roll_back(void) { return pe_runner_rollback(&runner); }

static inline void begin_empty(void) {
  memset(nor.bytes, 0xff, nor.size);
  if (!restart()) fail("the built-in model does not run", 0, CUT_NOTHING);
}

static inline void require(const char *what, pe_update_result_t found, pe_update_result_t wanted) {
  if (found == wanted) return;
  failures++;
  printf("FAIL %s: %s, not: %s\n", what, pe_update_text(found), pe_update_text(wanted));
}

static inline void old_in_a(void) {
  begin_empty();
  require("old into A", send(&old_file, false), PE_UPDATE_OK);
}

static inline void new_after_old(void) {
  old_in_a();
  require("new into B", send(&new_file, false), PE_UPDATE_OK);
}

// Arguments: mode, OLD, NEW, target class, bytes that the flash programs at once.
static inline void create_device(int argc, char **argv) {
  if (argc < 6) exit(3);
  setup.policy.target_class = (uint32_t)strtoul(argv[4], NULL, 10);
  setup.policy.engines = engines;
  setup.policy.input_capacity = CAPACITY;
  setup.policy.output_capacity = CAPACITY;
  setup.policy.memory_bytes = sizeof arena;
  setup.arena = arena;
  setup.inputs = inputs;
  setup.outputs = outputs;
  old_file = read_file(argv[2]);
  new_file = read_file(argv[3]);
  const uint32_t larger = old_file.size > new_file.size ? old_file.size : new_file.size;
  nor_create(&nor, SECTOR_BYTES, (uint32_t)atoi(argv[5]), (larger + SECTOR_BYTES - 1u) / SECTOR_BYTES);
  setup.flash = &nor.port;
  pe_image_model(&old_file.image, built_in_inputs, built_in_outputs, &built_in);
  setup.built_in = &built_in;
  setup.built_in_version = old_file.image.version;
}

// Says how it went; returns the exit code.
static inline int end_device(void) {
  pe_runner_stop(&runner);
  printf("%u queries, %u failures\n", queries, failures);
  free(nor.bytes);
  free(old_file.bytes);
  free(new_file.bytes);
  return failures == 0 ? 0 : 1;
}

#endif
