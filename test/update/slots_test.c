// Power loss in the middle of updates. Models really run, under wasm3; "correct" is every golden vector, bit for bit.
//
//   slots_test cuts OLD NEW CLASS UNIT    a cut at every write and erase of four procedures, in three ways each
//   slots_test storms OLD NEW CLASS UNIT  updates under power that fails again and again
//   slots_test flips OLD NEW CLASS UNIT   every single bit of records and slots flipped
//   slots_test rules OLD NEW CLASS UNIT   versions, rollback, refusals, resume
//
// NEW has a higher version than OLD. Prints figures; ends with 1 and a line for every failure.
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

static void fail(const char *what, uint32_t cut_at, cut_t cut) {
  failures++;
  printf("FAIL %s, cut %u kind %d\n", what, (unsigned)cut_at, (int)cut);
}

static file_t read_file(const char *path) {
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

static bool is_running(const file_t *file) { return runner.pe.model != NULL && runner.pe.model->identity == file->image.identity; }

// Every golden vector of the image as it was built, not as it lies in the flash.
static bool answers_right(const file_t *file) {
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

static bool restart(void) {
  pe_runner_stop(&runner);
  nor.powered = true;
  nor.cut_at = 0;
  return pe_runner_start(&runner, &setup) == PE_UPDATE_OK;
}

// After a restart the old or the new model answers.
static void require_either(const char *what, uint32_t cut_at, cut_t cut) {
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
static pe_update_result_t send(const file_t *file, bool force) {
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

static pe_update_result_t update_to_new(void) { return send(&new_file, false); }
static pe_update_result_t roll_back(void) { return pe_runner_rollback(&runner); }

static void begin_empty(void) {
  memset(nor.bytes, 0xff, nor.size);
  if (!restart()) fail("the built-in model does not run", 0, CUT_NOTHING);
}

static void require(const char *what, pe_update_result_t found, pe_update_result_t wanted) {
  if (found == wanted) return;
  failures++;
  printf("FAIL %s: %s, not: %s\n", what, pe_update_text(found), pe_update_text(wanted));
}

static void old_in_a(void) {
  begin_empty();
  require("old into A", send(&old_file, false), PE_UPDATE_OK);
}

static void old_in_b(void) {
  old_in_a();
  require("new into B", send(&new_file, false), PE_UPDATE_OK);
  require("back to A", roll_back(), PE_UPDATE_OK);
  require("new into B again", send(&new_file, false), PE_UPDATE_OK);
  require("old into A, forced", send(&old_file, true), PE_UPDATE_OK);
  require("back to B", roll_back(), PE_UPDATE_OK);
  require("old into A, forced", send(&old_file, true), PE_UPDATE_OK);
  require("new into B", send(&new_file, false), PE_UPDATE_OK);
  require("old into A, forced", send(&old_file, true), PE_UPDATE_OK);
}

static void new_after_old(void) {
  old_in_a();
  require("new into B", send(&new_file, false), PE_UPDATE_OK);
}

typedef struct {
  const char *name;
  void (*prepare)(void);
  pe_update_result_t (*run)(void);
  const file_t *after;
  bool is_update;
} procedure_t;

static const procedure_t procedures[] = {
    {"the first update of a new device", begin_empty, update_to_new, &new_file, true},
    {"an update into slot B", old_in_a, update_to_new, &new_file, true},
    {"an update into a used slot", old_in_b, update_to_new, &new_file, true},
    {"a rollback", new_after_old, roll_back, &old_file, false},
};

static void cut_everywhere(const procedure_t *procedure) {
  uint8_t *before = (uint8_t *)malloc(nor.size);
  if (before == NULL) exit(3);
  procedure->prepare();
  memcpy(before, nor.bytes, nor.size);
  const uint32_t first = nor.operations;
  require(procedure->name, procedure->run(), PE_UPDATE_OK);
  if (!is_running(procedure->after)) fail(procedure->name, 0, CUT_NOTHING);
  const uint32_t count = nor.operations - first;
  runs_old = runs_new = 0;
  for (uint32_t at = 1; at <= count; at++) {
    for (int kind = CUT_NOTHING; kind < CUT_KINDS; kind++) {
      pe_runner_stop(&runner);
      memcpy(nor.bytes, before, nor.size);
      if (!restart()) fail("before the cut", at, (cut_t)kind);
      nor.operations = 0;
      nor.cut_at = at;
      nor.cut = (cut_t)kind;
      (void)procedure->run();
      if (nor.powered) fail("the cut did not come", at, (cut_t)kind);
      require_either(procedure->name, at, (cut_t)kind);
      // What is left must still take the update.
      if (procedure->is_update && !is_running(procedure->after)) {
        require("the update after a cut", procedure->run(), PE_UPDATE_OK);
        if (!is_running(procedure->after) || !restart() || !is_running(procedure->after)) fail("after the cut", at, (cut_t)kind);
      }
    }
  }
  printf("%s: %u writes and erases, %u cuts, old model %u, new model %u\n", procedure->name, (unsigned)count,
         (unsigned)(count * CUT_KINDS), runs_old, runs_new);
  free(before);
}

// The power fails at random until the update is done, many times over.
static void storms(unsigned updates) {
  unsigned cuts = 0;
  begin_empty();
  for (unsigned n = 0; n < updates; n++) {
    const file_t *to = is_running(&new_file) ? &old_file : &new_file;
    while (!is_running(to)) {
      nor.operations = 0;
      nor.cut = (cut_t)(nor_random(&nor) % CUT_KINDS);
      nor.cut_at = 1u + nor_random(&nor) % 300u;
      (void)send(to, true);
      if (nor.powered) continue;
      cuts++;
      require_either("a storm", nor.cut_at, nor.cut);
    }
  }
  printf("%u updates, %u cuts\n", updates, cuts);
}

static void flips(void) {
  unsigned bits = 0, opened = 0;
  pe_image_t image;
  new_after_old();
  for (uint32_t bit = 0; bit < 8u * nor.size; bit++) {
    if (nor.bytes[bit >> 3] == 0xff && bit % 509u != 0u && bit >= 8u * 64u) continue;  // never written
    nor.bytes[bit >> 3] = (uint8_t)(nor.bytes[bit >> 3] ^ (1u << (bit & 7u)));
    bits++;
    // Some valid image must be the first that is found: all of them with their checks, some of them run.
    uint32_t rank = 0;
    while (pe_slots_candidate(&runner.slots, rank, &image) > PE_SLOT_B && rank < PE_SLOTS_RANKS) rank++;
    if (rank > 2u) fail("no committed image left", bit, CUT_NOTHING);
    const bool is_record = bit < 8u * 2u * SECTOR_BYTES;
    if (is_record || bit % 211u == 0u) {
      require_either("a flipped bit", bit, CUT_NOTHING);
      opened++;
    }
    nor.bytes[bit >> 3] = (uint8_t)(nor.bytes[bit >> 3] ^ (1u << (bit & 7u)));
  }
  if (!restart() || !is_running(&new_file)) fail("after all flips", 0, CUT_NOTHING);
  printf("%u bits flipped, %u times run\n", bits, opened);
}

static void rules(void) {
  uint32_t offset = 0;
  old_in_a();
  require("too large", pe_slots_begin(&runner.slots, pe_slots_slot_bytes(&runner.slots) + 1u, 1, false, &offset), PE_UPDATE_TOO_LARGE);
  require("too small", pe_slots_begin(&runner.slots, 100, 1, false, &offset), PE_UPDATE_SIZE);
  require("data before begin", pe_slots_data(&runner.slots, 0, new_file.bytes, 10), PE_UPDATE_STATE);
  require("finish before begin", pe_runner_finish(&runner), PE_UPDATE_STATE);
  // Resume, and data out of order.
  require("begin", pe_slots_begin(&runner.slots, new_file.size, new_file.image.crc, false, &offset), PE_UPDATE_OK);
  require("data", pe_slots_data(&runner.slots, 0, new_file.bytes, 333), PE_UPDATE_OK);
  require("again", pe_slots_data(&runner.slots, 100, new_file.bytes + 100, 200), PE_UPDATE_OK);
  require("gap", pe_slots_data(&runner.slots, 400, new_file.bytes + 400, 10), PE_UPDATE_OFFSET);
  require("beyond", pe_slots_data(&runner.slots, 333, new_file.bytes, new_file.size), PE_UPDATE_SIZE);
  require("early", pe_runner_finish(&runner), PE_UPDATE_STATE);
  require("resume", pe_slots_begin(&runner.slots, new_file.size, new_file.image.crc, false, &offset), PE_UPDATE_OK);
  if (offset != 333u) fail("resume at 333", offset, CUT_NOTHING);
  require("rest", send(&new_file, false), PE_UPDATE_OK);
  // Versions.
  require("downgrade", send(&old_file, false), PE_UPDATE_DOWNGRADE);
  if (!is_running(&new_file) || !answers_right(&new_file)) fail("new after a refused downgrade", 0, CUT_NOTHING);
  require("forced downgrade", send(&old_file, true), PE_UPDATE_OK);
  require("back", roll_back(), PE_UPDATE_OK);
  if (!is_running(&new_file)) fail("new after rollback", 0, CUT_NOTHING);
  require("and forth", roll_back(), PE_UPDATE_OK);
  if (!is_running(&old_file) || !restart() || !is_running(&old_file)) fail("old after rollback", 0, CUT_NOTHING);
  require("to new", roll_back(), PE_UPDATE_OK);
  runner.slots.never_lower = true;
  require("never lower", send(&old_file, true), PE_UPDATE_DOWNGRADE);
  runner.slots.never_lower = false;
  // Damage on the way.
  file_t damaged = new_file;
  damaged.bytes = (uint8_t *)malloc(new_file.size);
  if (damaged.bytes == NULL) exit(3);
  memcpy(damaged.bytes, new_file.bytes, new_file.size);
  damaged.bytes[500] ^= 4u;
  require("damaged", send(&damaged, true), PE_UPDATE_CRC);
  require("no way back after the slot was used", roll_back(), PE_UPDATE_NO_PREVIOUS);
  // A whole image whose answers are not those that it says.
  memcpy(damaged.bytes, new_file.bytes, new_file.size);
  const uint32_t golden = (uint32_t)(new_file.image.golden - new_file.image.bytes);
  damaged.bytes[golden + 4u * new_file.image.golden_count * new_file.image.input_count] ^= 1u;
  pe_store_u32(damaged.bytes + PE_IMAGE_HEADER_CRC, pe_crc32(damaged.bytes + 8, damaged.size - 8u));
  damaged.image.crc = pe_load_u32(damaged.bytes + PE_IMAGE_HEADER_CRC);
  require("wrong answers", send(&damaged, true), PE_UPDATE_GOLDEN);
  if (!is_running(&new_file) || !answers_right(&new_file)) fail("new after wrong answers", 0, CUT_NOTHING);
  // A model that is no module.
  memcpy(damaged.bytes, new_file.bytes, new_file.size);
  damaged.bytes[new_file.image.payload - new_file.image.bytes + 4] ^= 1u;
  pe_store_u32(damaged.bytes + PE_IMAGE_HEADER_CRC, pe_crc32(damaged.bytes + 8, damaged.size - 8u));
  damaged.image.crc = pe_load_u32(damaged.bytes + PE_IMAGE_HEADER_CRC);
  require("no module", send(&damaged, true), PE_UPDATE_OPEN);
  free(damaged.bytes);
  if (!restart() || !is_running(&new_file)) fail("new at the end", 0, CUT_NOTHING);
  // Both records lost: some valid image still runs.
  nor.powered = true;
  (void)nor_erase(&nor, 0);
  (void)nor_erase(&nor, SECTOR_BYTES);
  require_either("without records", 0, CUT_NOTHING);
  // Everything lost: the built-in model.
  begin_empty();
  if (!is_running(&old_file)) fail("built-in", 0, CUT_NOTHING);
  require("nothing before the built-in model", roll_back(), PE_UPDATE_NO_PREVIOUS);
  require("new", send(&new_file, false), PE_UPDATE_OK);
  require("to the built-in model", roll_back(), PE_UPDATE_OK);
  if (!restart() || runner.slots.running != PE_SLOT_BUILT_IN) fail("built-in after rollback", 0, CUT_NOTHING);
  require("and back", roll_back(), PE_UPDATE_OK);
  if (!restart() || !is_running(&new_file)) fail("new after rollback", 0, CUT_NOTHING);
  printf("rules\n");
}

int main(int argc, char **argv) {
  if (argc < 6) return 3;
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
  // Built into the firmware: the old model.
  pe_image_model(&old_file.image, built_in_inputs, built_in_outputs, &built_in);
  setup.built_in = &built_in;
  setup.built_in_version = old_file.image.version;
  if (strcmp(argv[1], "cuts") == 0) {
    for (uint32_t i = 0; i < sizeof procedures / sizeof procedures[0]; i++) cut_everywhere(&procedures[i]);
  }
  if (strcmp(argv[1], "storms") == 0) storms(40);
  if (strcmp(argv[1], "flips") == 0) flips();
  if (strcmp(argv[1], "rules") == 0) rules();
  pe_runner_stop(&runner);
  printf("%u queries, %u failures\n", queries, failures);
  free(nor.bytes);
  free(old_file.bytes);
  free(new_file.bytes);
  return failures == 0 ? 0 : 1;
}
