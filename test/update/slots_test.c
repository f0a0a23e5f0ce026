// Power loss in the middle of updates. Models really run, under wasm3; "correct" is every golden vector, bit for bit.
//
//   slots_test cuts OLD NEW CLASS UNIT    a cut at every write and erase of four procedures, in three ways each
//   slots_test storms OLD NEW CLASS UNIT  updates under power that fails again and again
//   slots_test flips OLD NEW CLASS UNIT   every single bit of records and slots flipped
//
// NEW has a higher version than OLD. Prints figures; ends with 1 and a line for every failure.
#include "slots_device.h"

static pe_update_result_t update_to_new(void) { return send(&new_file, false); }

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
      const file_t *running = is_running(&old_file) ? &old_file : &new_file;
      const bool was_running = is_running(running);
      const pe_update_result_t result = procedure->run();
      if (nor.powered) fail("the cut did not come", at, (cut_t)kind);
      // To the runner that is a flash that fails. Without a restart the model of before goes on, or the one whose record was
      // written before the flash said so.
      if (result != PE_UPDATE_OK && was_running) {
        const file_t *other = running == &old_file ? &new_file : &old_file;
        const bool goes_on = is_running(running) && answers_right(running);
        const bool is_new = kind == CUT_DONE && is_running(other) && answers_right(other);
        if (!goes_on && !is_new) fail("after a flash that fails", at, (cut_t)kind);
      }
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

int main(int argc, char **argv) {
  create_device(argc, argv);
  if (strcmp(argv[1], "cuts") == 0) {
    for (uint32_t i = 0; i < sizeof procedures / sizeof procedures[0]; i++) cut_everywhere(&procedures[i]);
  }
  if (strcmp(argv[1], "storms") == 0) storms(40);
  if (strcmp(argv[1], "flips") == 0) flips();
  return end_device();
}
