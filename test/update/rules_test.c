// What slots must do besides surviving power cuts. Models really run; see slots_device.h.
//
//   rules_test rules OLD NEW CLASS UNIT     versions, rollback, refusals, resume
//   rules_test records OLD NEW CLASS UNIT   which image a record stands for, and when one is written
//   rules_test wear OLD NEW CLASS UNIT      what is erased, and how often
//   rules_test built_in OLD NEW CLASS UNIT  firmware that brings a newer model; firmware without a flash
//
// NEW has a higher version than OLD. Ends with 1 and a line for every failure.
#include "slots_device.h"

static void holds(const char *what, bool claim) {
  if (claim) return;
  failures++;
  printf("FAIL %s\n", what);
}

static bool runs(const file_t *file, uint32_t slot) {
  return is_running(file) && runner.slots.running == slot && answers_right(file);
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

// ---- Records --------------------------------------------------------------------------------------------------------

static uint8_t *slot_bytes(uint32_t slot) {
  return nor.bytes + SECTOR_BYTES * (2u + slot * nor.port.slot_sectors);
}

// Puts a file into a slot, past all checks.
static void put_image(uint32_t slot, const file_t *file) {
  memset(slot_bytes(slot), 0xff, pe_slots_slot_bytes(&runner.slots));
  memcpy(slot_bytes(slot), file->bytes, file->size);
}

// Puts a record into a sector; see pe_slots.c.
static void put_record(uint32_t sector, uint32_t sequence, uint32_t slot, uint32_t crc_runs, uint32_t crc_before) {
  const uint32_t words[] = {0x43525045u, sequence, slot, crc_runs, crc_before, setup.built_in_version, 0xffffffffu};
  uint8_t *at = nor.bytes + SECTOR_BYTES * sector;
  memset(at, 0xff, SECTOR_BYTES);
  memcpy(at, words, sizeof words);
  pe_store_u32(at + sizeof words, pe_crc32(at, sizeof words));
}

// The file with some byte of its header changed, under a right CRC-32.
static file_t changed(const file_t *file, uint32_t at, uint8_t value) {
  file_t copy = *file;
  copy.bytes = (uint8_t *)malloc(file->size);
  if (copy.bytes == NULL) exit(3);
  memcpy(copy.bytes, file->bytes, file->size);
  copy.bytes[at] = value;
  pe_store_u32(copy.bytes + PE_IMAGE_HEADER_CRC, pe_crc32(copy.bytes + 8, copy.size - 8u));
  copy.image.crc = pe_load_u32(copy.bytes + PE_IMAGE_HEADER_CRC);
  return copy;
}

static void records(void) {
  uint32_t offset = 0;
  file_t other = changed(&new_file, PE_IMAGE_HEADER_VERSION, 200);
  // A record stands for the very image that was tried, not for its slot.
  new_after_old();
  put_image(PE_SLOT_B, &other);
  holds("an image that was not committed does not run", restart() && runs(&old_file, PE_SLOT_A));
  new_after_old();
  put_image(PE_SLOT_A, &other);
  require("nothing to go back to but what ran before", roll_back(), PE_UPDATE_NO_PREVIOUS);
  holds("after that", runs(&new_file, PE_SLOT_B));
  // Sequence numbers go once around, in either sector, and on from there.
  for (uint32_t sector = 0; sector < 2u; sector++) {
    static const uint32_t pairs[][2] = {{0xffffffffu, 0}, {0x7fffffffu, 0x80000000u}, {0, 1}, {0xfffffff0u, 5}};
    for (uint32_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
      begin_empty();
      put_image(PE_SLOT_A, &old_file);
      put_image(PE_SLOT_B, &new_file);
      put_record(sector, pairs[i][0], PE_SLOT_B, new_file.image.crc, old_file.image.crc);
      put_record(1u - sector, pairs[i][1], PE_SLOT_A, old_file.image.crc, new_file.image.crc);
      holds("the later record", restart() && runs(&old_file, PE_SLOT_A));
      holds("its number", pe_slots_sequence(&runner.slots) == pairs[i][1]);
      require("to what ran before", roll_back(), PE_UPDATE_OK);
      holds("the next number", pe_slots_sequence(&runner.slots) == pairs[i][1] + 1u);
      holds("stays", restart() && runs(&new_file, PE_SLOT_B));
    }
  }
  // Records that say impossible things are none.
  new_after_old();
  put_record(0, 100, 7, new_file.image.crc, 0);
  holds("a record of no slot", restart() && runner.slots.running <= PE_SLOT_B);
  // Whatever is sent, what runs stays it until something else was tried: with nothing in the slots, and without records.
  begin_empty();
  require("begin", pe_slots_begin(&runner.slots, new_file.size, new_file.image.crc, false, &offset), PE_UPDATE_OK);
  require("all of it", pe_slots_data(&runner.slots, 0, new_file.bytes, new_file.size), PE_UPDATE_OK);
  holds("the built-in model, with an untried image", restart() && runner.slots.running == PE_SLOT_BUILT_IN);
  new_after_old();
  require("old again", send(&old_file, true), PE_UPDATE_OK);
  memset(nor.bytes, 0xff, 2u * SECTOR_BYTES);
  memset(slot_bytes(PE_SLOT_B), 0xff, SECTOR_BYTES);
  holds("old without records", restart() && runs(&old_file, PE_SLOT_A));
  holds("no record yet", pe_slots_sequence(&runner.slots) == 0u);
  require("begin", pe_slots_begin(&runner.slots, new_file.size, new_file.image.crc, false, &offset), PE_UPDATE_OK);
  require("all of it", pe_slots_data(&runner.slots, 0, new_file.bytes, new_file.size), PE_UPDATE_OK);
  holds("a record before the other slot is touched", pe_slots_sequence(&runner.slots) != 0u);
  holds("old, with an untried image", restart() && runs(&old_file, PE_SLOT_A));
  // So does a record of another image in the slot that runs.
  begin_empty();
  put_image(PE_SLOT_A, &old_file);
  put_record(0, 1, PE_SLOT_A, new_file.image.crc, new_file.image.crc);
  holds("old under a record of new", restart() && runs(&old_file, PE_SLOT_A));
  require("begin", pe_slots_begin(&runner.slots, new_file.size, new_file.image.crc, false, &offset), PE_UPDATE_OK);
  require("all of it", pe_slots_data(&runner.slots, 0, new_file.bytes, new_file.size), PE_UPDATE_OK);
  holds("old, with an untried image that the record before named", restart() && runs(&old_file, PE_SLOT_A));
  // The image must be the one that was announced.
  old_in_a();
  require("begin another", pe_slots_begin(&runner.slots, new_file.size, new_file.image.crc ^ 1u, false, &offset), PE_UPDATE_OK);
  require("not that", pe_slots_data(&runner.slots, 0, new_file.bytes, 500), PE_UPDATE_CRC);
  require("over", pe_slots_data(&runner.slots, 500, new_file.bytes, 500), PE_UPDATE_STATE);
  require("begin longer", pe_slots_begin(&runner.slots, new_file.size - 8u, new_file.image.crc, false, &offset), PE_UPDATE_OK);
  require("too long", pe_slots_data(&runner.slots, 0, new_file.bytes, 500), PE_UPDATE_CRC);
  // Lower versions where they are never taken: not by rollback either, to a slot or to the firmware.
  new_after_old();
  runner.slots.never_lower = true;
  require("no rollback to a lower version", roll_back(), PE_UPDATE_DOWNGRADE);
  holds("new stays", runs(&new_file, PE_SLOT_B) && restart() && runs(&new_file, PE_SLOT_B));
  begin_empty();
  require("new", send(&new_file, false), PE_UPDATE_OK);
  runner.slots.never_lower = true;
  require("no rollback to a lower built-in model", roll_back(), PE_UPDATE_DOWNGRADE);
  new_after_old();
  require("old, forced", send(&old_file, true), PE_UPDATE_OK);
  runner.slots.never_lower = true;
  require("rollback to a higher version", roll_back(), PE_UPDATE_OK);
  holds("new again", runs(&new_file, PE_SLOT_B));
  setup.never_lower = true;
  holds("as the firmware says", restart() && runner.slots.never_lower);
  setup.never_lower = false;
  free(other.bytes);
  printf("records\n");
}

// ---- Wear -----------------------------------------------------------------------------------------------------------

static uint32_t erases[2u + 2u * 64u];

static bool counted_erase(void *context, uint32_t offset) {
  erases[offset / SECTOR_BYTES]++;
  return nor_erase(context, offset);
}

static uint32_t programs, failing_program;

// Leaves one bit of one unit as it was.
static bool worn_program(void *context, uint32_t offset, const uint8_t *bytes) {
  uint8_t unit[PE_FLASH_MAX_PROGRAM_BYTES];
  memcpy(unit, bytes, nor.port.program_bytes);
  if (++programs == failing_program) {
    for (uint32_t i = 0; i < nor.port.program_bytes; i++) {
      if (unit[i] == 0xffu) continue;
      unit[i] = (uint8_t)(unit[i] | (unit[i] + 1u));
      break;
    }
  }
  return nor_program(context, offset, unit);
}

// Sends what is no good from its header on; nothing may be written for it.
static void refuse(const char *what, const file_t *file, bool force, pe_update_result_t wanted) {
  const uint32_t before = nor.operations;
  require(what, send(file, force), wanted);
  holds(what, nor.operations == before);
}

static void wear(void) {
  static const uint8_t key[PE_PUBLIC_KEY_BYTES] = {1};
  uint32_t offset = 0;
  file_t other_target = changed(&new_file, PE_IMAGE_HEADER_TARGET_CLASS, (uint8_t)(new_file.bytes[PE_IMAGE_HEADER_TARGET_CLASS] ^ 1u));
  file_t large = changed(&new_file, PE_IMAGE_HEADER_MEMORY_BYTES + 3u, 1);
  new_after_old();
  refuse("another target", &other_target, false, PE_UPDATE_TARGET);
  refuse("too much memory", &large, false, PE_UPDATE_MEMORY);
  refuse("a lower version", &old_file, false, PE_UPDATE_DOWNGRADE);
  runner.slots.never_lower = true;
  refuse("a lower version by force", &old_file, true, PE_UPDATE_DOWNGRADE);
  runner.slots.never_lower = false;
  setup.policy.key = key;
  refuse("no signature", &new_file, true, PE_UPDATE_UNSIGNED);
  file_t forged = changed(&new_file, PE_IMAGE_HEADER_FLAGS, PE_IMAGE_FLAG_SIGNED);
  refuse("a wrong signature", &forged, true, PE_UPDATE_SIGNATURE);
  setup.policy.key = NULL;
  // A header that comes in pieces, or not to its end, costs nothing either.
  const uint32_t before = nor.operations;
  require("begin", pe_slots_begin(&runner.slots, new_file.size, new_file.image.crc, false, &offset), PE_UPDATE_OK);
  require("most of the header", pe_slots_data(&runner.slots, 0, new_file.bytes, PE_IMAGE_HEADER_BYTES - 1u), PE_UPDATE_OK);
  holds("nothing written", nor.operations == before);
  require("to what ran before, all the same", roll_back(), PE_UPDATE_OK);
  holds("old", runs(&old_file, PE_SLOT_A));
  require("that transfer is over", pe_slots_data(&runner.slots, 0, new_file.bytes, new_file.size), PE_UPDATE_STATE);
  // A flash that says it has written what it has not: neither an image nor a record is taken for written.
  for (failing_program = 1; failing_program <= 3u; failing_program++) {
    begin_empty();
    programs = 0;
    nor.port.program = worn_program;
    require("worn flash", send(&new_file, false), PE_UPDATE_FLASH);
    nor.port.program = nor_program;
    holds("the model before goes on", runs(&old_file, PE_SLOT_BUILT_IN) && restart() && runs(&old_file, PE_SLOT_BUILT_IN));
  }
  // Whoever sends, no sector is erased more often than is said.
  new_after_old();
  (void)restart();
  nor.port.erase = counted_erase;
  memset(erases, 0, sizeof erases);
  pe_update_result_t result = PE_UPDATE_OK;
  uint32_t transfers = 0;
  while (result == PE_UPDATE_OK && transfers <= PE_SLOTS_MAX_CHANGES) {
    pe_slots_abort(&runner.slots);
    result = pe_slots_begin(&runner.slots, new_file.size, new_file.image.crc, false, &offset);
    if (result == PE_UPDATE_OK) result = pe_slots_data(&runner.slots, 0, new_file.bytes, 1000);
    transfers++;
  }
  require("begun too often", result, PE_UPDATE_WEAR);
  require("and rollback", roll_back(), PE_UPDATE_NO_PREVIOUS);
  holds("what runs goes on", runs(&new_file, PE_SLOT_B));
  holds("after a restart it may be done again", restart());
  require("an update", send(&new_file, false), PE_UPDATE_OK);
  new_after_old();
  (void)restart();
  for (transfers = 0, result = PE_UPDATE_OK; result == PE_UPDATE_OK && transfers <= PE_SLOTS_MAX_CHANGES; transfers++) result = roll_back();
  require("rolled back too often", result, PE_UPDATE_WEAR);
  holds("as often as is said", transfers == PE_SLOTS_MAX_CHANGES + 1u);
  // Twice the limit, and what prepared it.
  for (uint32_t i = 0; i < sizeof erases / sizeof erases[0]; i++) holds("few erases", erases[i] <= 2u * PE_SLOTS_MAX_CHANGES + 8u);
  nor.port.erase = nor_erase;
  free(other_target.bytes);
  free(large.bytes);
  free(forged.bytes);
  printf("wear\n");
}

// ---- The model in the firmware ---------------------------------------------------------------------------------------

// A start of a firmware with the model of OLD in it, of this version.
static bool start_firmware(uint32_t version) {
  setup.built_in_version = version;
  return restart();
}

static void built_in_newer(void) {
  const uint32_t old_version = setup.built_in_version;
  const uint32_t version = new_file.image.version;
  new_after_old();
  holds("a firmware of the same version changes nothing", start_firmware(version) && runs(&new_file, PE_SLOT_B));
  holds("nor does one of a lower", start_firmware(1) && runs(&new_file, PE_SLOT_B));
  holds("a higher version in the firmware wins", start_firmware(version + 1u) && runs(&old_file, PE_SLOT_BUILT_IN));
  holds("and stays", restart() && runs(&old_file, PE_SLOT_BUILT_IN) && runner.slots.running_version == version + 1u);
  runner.slots.never_lower = true;
  require("its predecessor is lower", roll_back(), PE_UPDATE_DOWNGRADE);
  runner.slots.never_lower = false;
  require("back to the model before", roll_back(), PE_UPDATE_OK);
  holds("which stays", runs(&new_file, PE_SLOT_B) && restart() && runs(&new_file, PE_SLOT_B));
  holds("until the next firmware", start_firmware(version + 2u) && runs(&old_file, PE_SLOT_BUILT_IN));
  require("a lower one", send(&new_file, false), PE_UPDATE_DOWNGRADE);
  require("by force", send(&new_file, true), PE_UPDATE_OK);
  holds("which stays, too", restart() && is_running(&new_file) && runner.slots.running <= PE_SLOT_B);
  // The power fails while the firmware makes its model the committed one.
  for (uint32_t at = 1; at <= 8u; at++) {
    for (int kind = CUT_NOTHING; kind < CUT_KINDS; kind++) {
      setup.built_in_version = old_version;
      new_after_old();
      setup.built_in_version = version + 1u;
      pe_runner_stop(&runner);
      nor.operations = 0;
      nor.cut_at = at;
      nor.cut = (cut_t)kind;
      holds("starts while the power fails", pe_runner_start(&runner, &setup) == PE_UPDATE_OK && runs(&old_file, PE_SLOT_BUILT_IN));
      holds("and afterwards", restart() && runs(&old_file, PE_SLOT_BUILT_IN));
      require("can be undone", roll_back(), PE_UPDATE_OK);
      holds("undone", runs(&new_file, PE_SLOT_B));
    }
  }
  // Without records the higher version counts, too.
  setup.built_in_version = old_version;
  new_after_old();
  memset(nor.bytes, 0xff, 2u * SECTOR_BYTES);
  holds("no records, higher", start_firmware(version + 1u) && runs(&old_file, PE_SLOT_BUILT_IN));
  memset(nor.bytes, 0xff, 2u * SECTOR_BYTES);
  holds("no records, equal", start_firmware(version) && runs(&new_file, PE_SLOT_B));
  // One that does not give its own answers is no reason to leave the one that does.
  setup.built_in_version = old_version;
  new_after_old();
  const int32_t *golden = built_in.golden_outputs;
  built_in.golden_outputs = built_in.golden_inputs;
  holds("a built-in model that is wrong", start_firmware(version + 1u) && runs(&new_file, PE_SLOT_B));
  built_in.golden_outputs = golden;
  // No model in the firmware: its version means nothing.
  setup.built_in = NULL;
  holds("none", start_firmware(version + 1u) && runs(&new_file, PE_SLOT_B));
  require("nothing there to go back to", roll_back(), PE_UPDATE_OK);
  require("a model for a firmware without one", send(&new_file, true), PE_UPDATE_OK);
  setup.built_in = &built_in;
  holds("the first firmware with one counts", start_firmware(version + 1u) && runs(&old_file, PE_SLOT_BUILT_IN));
  setup.built_in_version = old_version;
  printf("built-in\n");
}

static void without_flash(void) {
  uint32_t offset = 0;
  setup.flash = NULL;
  holds("runs what is built in", restart() && runs(&old_file, PE_SLOT_BUILT_IN));
  holds("slots of no bytes", pe_slots_slot_bytes(&runner.slots) == 0u && pe_slots_sequence(&runner.slots) == 0u);
  require("takes nothing", pe_slots_begin(&runner.slots, new_file.size, 1, true, &offset), PE_UPDATE_TOO_LARGE);
  require("nor data", pe_slots_data(&runner.slots, 0, new_file.bytes, 10), PE_UPDATE_STATE);
  require("nothing before", roll_back(), PE_UPDATE_NO_PREVIOUS);
  require("nor commits", pe_slots_commit(&runner.slots, PE_SLOT_BUILT_IN, NULL), PE_UPDATE_FLASH);
  setup.built_in = NULL;
  holds("nothing at all", !restart() && runner.slots.running == PE_SLOT_NONE);
  setup.built_in = &built_in;
  setup.flash = &nor.port;
}

// Flash that the library cannot use is refused before it is touched.
static void impossible_flashes(void) {
  pe_slots_t slots;
  const pe_flash_t good = nor.port;
  pe_flash_t bad = good;
  holds("good", pe_slots_init(&slots, &good, &setup.policy, false, 0));
  holds("no policy", !pe_slots_init(&slots, &good, NULL, false, 0));
#define REFUSED(field, value)                                                     \
  bad = good;                                                                     \
  bad.field = value;                                                              \
  holds(#field " " #value, !pe_slots_init(&slots, &bad, &setup.policy, false, 0))
  REFUSED(memory, NULL);
  REFUSED(memory, good.memory + 4);
  REFUSED(erase, NULL);
  REFUSED(program, NULL);
  REFUSED(program_bytes, 0);
  REFUSED(program_bytes, 24);
  // Sectors of whole units do not make it one.
  bad.sector_bytes = 24u * PE_IMAGE_LIMIT_ALIGNMENT * 8u;
  holds("a unit of 24 bytes", !pe_slots_init(&slots, &bad, &setup.policy, false, 0));
  REFUSED(program_bytes, 512);
  REFUSED(sector_bytes, 0);
  REFUSED(sector_bytes, 24);
  REFUSED(sector_bytes, 1028);
  REFUSED(slot_sectors, 0);
  REFUSED(slot_sectors, 0x7fffffffu);
}

int main(int argc, char **argv) {
  create_device(argc, argv);
  if (strcmp(argv[1], "rules") == 0) rules();
  if (strcmp(argv[1], "records") == 0) records();
  if (strcmp(argv[1], "wear") == 0) wear();
  if (strcmp(argv[1], "built_in") == 0) {
    built_in_newer();
    without_flash();
    impossible_flashes();
  }
  return end_device();
}
