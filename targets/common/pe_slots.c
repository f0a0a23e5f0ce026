#include "pe_slots.h"

#include <stddef.h>
#include <string.h>

#include "pe_crc32.h"

// A commit record, little-endian words.
#define RECORD_MAGIC 0x43525045u  // "PERC"
#define RECORD_BYTES 32u
#define RECORD_SEQUENCE 4u
#define RECORD_SLOT 8u       // PE_SLOT_A, PE_SLOT_B or PE_SLOT_BUILT_IN
#define RECORD_CRC_RUNS 12u  // of the image in it; 0 for the built-in model
#define RECORD_CRC_BEFORE 16u  // of the image that ran before it; 0: the built-in model did
#define RECORD_CHECK 28u       // CRC-32 of all bytes before

#define RECORD_SECTORS 2u
#define NO_SECTOR RECORD_SECTORS

typedef struct {
  uint32_t sector;  // that holds it; NO_SECTOR when there is no record
  uint32_t sequence;
  uint32_t slot;
  uint32_t crc_runs;
  uint32_t crc_before;
} record_t;

static uint32_t slot_offset(const pe_slots_t *slots, uint32_t slot) {
  return slots->flash->sector_bytes * (RECORD_SECTORS + slot * slots->flash->slot_sectors);
}

uint32_t pe_slots_slot_bytes(const pe_slots_t *slots) {
  return slots->flash->sector_bytes * slots->flash->slot_sectors;
}

bool pe_slots_init(pe_slots_t *slots, const pe_flash_t *flash, const pe_image_policy_t *policy, bool never_lower) {
  memset(slots, 0, sizeof *slots);
  slots->flash = flash;
  slots->policy = policy;
  slots->never_lower = never_lower;
  slots->running = PE_SLOT_NONE;
  if (flash == NULL || policy == NULL || flash->memory == NULL || flash->erase == NULL || flash->program == NULL) {
    return false;
  }
  const uint32_t unit = flash->program_bytes;
  const bool is_unit = unit != 0u && unit <= PE_FLASH_MAX_PROGRAM_BYTES && (unit & (unit - 1u)) == 0u;
  if (!is_unit || flash->sector_bytes < RECORD_BYTES || flash->slot_sectors == 0u) return false;
  // The area must not be longer than 32 bits can count.
  return flash->sector_bytes % unit == 0u && flash->sector_bytes % PE_IMAGE_LIMIT_ALIGNMENT == 0u &&
         flash->slot_sectors <= (UINT32_MAX / flash->sector_bytes - RECORD_SECTORS) / 2u &&
         ((uintptr_t)flash->memory & (PE_IMAGE_LIMIT_ALIGNMENT - 1u)) == 0u;
}

// ---- Records --------------------------------------------------------------------------------------------------------

static bool read_record(const pe_slots_t *slots, uint32_t sector, record_t *record) {
  const uint8_t *bytes = slots->flash->memory + sector * slots->flash->sector_bytes;
  if (pe_load_u32(bytes) != RECORD_MAGIC) return false;
  if (pe_crc32(bytes, RECORD_CHECK) != pe_load_u32(bytes + RECORD_CHECK)) return false;
  record->sector = sector;
  record->sequence = pe_load_u32(bytes + RECORD_SEQUENCE);
  record->slot = pe_load_u32(bytes + RECORD_SLOT);
  record->crc_runs = pe_load_u32(bytes + RECORD_CRC_RUNS);
  record->crc_before = pe_load_u32(bytes + RECORD_CRC_BEFORE);
  return record->slot <= PE_SLOT_BUILT_IN;
}

// Whether a was written after b, also when the numbers have gone once around.
static bool is_newer(const record_t *a, const record_t *b) { return (int32_t)(a->sequence - b->sequence) > 0; }

static record_t newest_record(const pe_slots_t *slots) {
  record_t newest = {NO_SECTOR, 0, PE_SLOT_NONE, 0, 0};
  for (uint32_t sector = 0; sector < RECORD_SECTORS; sector++) {
    record_t record;
    if (!read_record(slots, sector, &record)) continue;
    if (newest.sector == NO_SECTOR || is_newer(&record, &newest)) newest = record;
  }
  return newest;
}

// Programs the unit at `offset` and compares.
static bool program(const pe_slots_t *slots, uint32_t offset, const uint8_t *bytes) {
  const pe_flash_t *flash = slots->flash;
  return flash->program(flash->context, offset, bytes) &&
         memcmp(flash->memory + offset, bytes, flash->program_bytes) == 0;
}

static pe_update_result_t write_record(const pe_slots_t *slots, uint32_t slot, uint32_t crc_runs, uint32_t crc_before) {
  const pe_flash_t *flash = slots->flash;
  const record_t newest = newest_record(slots);
  const uint32_t sector = newest.sector == 0u ? 1u : 0u;
  const uint32_t offset = sector * flash->sector_bytes;
  uint8_t bytes[PE_FLASH_MAX_PROGRAM_BYTES];
  memset(bytes, 0xff, sizeof bytes);
  pe_store_u32(bytes, RECORD_MAGIC);
  pe_store_u32(bytes + RECORD_SEQUENCE, newest.sequence + 1u);
  pe_store_u32(bytes + RECORD_SLOT, slot);
  pe_store_u32(bytes + RECORD_CRC_RUNS, crc_runs);
  pe_store_u32(bytes + RECORD_CRC_BEFORE, crc_before);
  pe_store_u32(bytes + RECORD_CHECK, pe_crc32(bytes, RECORD_CHECK));
  if (!flash->erase(flash->context, offset)) return PE_UPDATE_FLASH;
  for (uint32_t at = 0; at < RECORD_BYTES; at += flash->program_bytes) {
    if (!program(slots, offset + at, bytes + at)) return PE_UPDATE_FLASH;
  }
  return PE_UPDATE_OK;
}

// ---- What runs ------------------------------------------------------------------------------------------------------

static bool check_slot(const pe_slots_t *slots, uint32_t slot, pe_image_t *image) {
  const uint8_t *bytes = slots->flash->memory + slot_offset(slots, slot);
  return pe_image_check(image, bytes, pe_slots_slot_bytes(slots), slots->policy) == PE_UPDATE_OK;
}

// The slot other than `except` that holds a valid image with this CRC.
static uint32_t find_image(const pe_slots_t *slots, uint32_t crc, uint32_t except, pe_image_t *image) {
  for (uint32_t slot = PE_SLOT_A; slot <= PE_SLOT_B; slot++) {
    const uint8_t *bytes = slots->flash->memory + slot_offset(slots, slot);
    if (slot == except || pe_load_u32(bytes + PE_IMAGE_HEADER_CRC) != crc) continue;
    if (check_slot(slots, slot, image)) return slot;
  }
  return PE_SLOT_NONE;
}

static uint32_t committed_slot(const pe_slots_t *slots, const record_t *record, pe_image_t *image) {
  if (record->sector == NO_SECTOR || record->slot == PE_SLOT_BUILT_IN) return record->slot;
  return check_slot(slots, record->slot, image) && image->crc == record->crc_runs ? record->slot : PE_SLOT_NONE;
}

static uint32_t slot_before(const pe_slots_t *slots, const record_t *record, pe_image_t *image) {
  if (record->sector == NO_SECTOR) return PE_SLOT_NONE;
  if (record->crc_before == 0u) return record->slot == PE_SLOT_BUILT_IN ? PE_SLOT_NONE : PE_SLOT_BUILT_IN;
  return find_image(slots, record->crc_before, record->slot, image);
}

// Of the slots with a valid image the one with the higher version (`second`: the other one).
static uint32_t valid_slot(const pe_slots_t *slots, bool second, pe_image_t *image) {
  pe_image_t a, b;
  const bool has_a = check_slot(slots, PE_SLOT_A, &a);
  const bool has_b = check_slot(slots, PE_SLOT_B, &b);
  const bool prefers_b = has_b && (!has_a || b.version > a.version);
  const bool takes_b = prefers_b != second;
  if (!(takes_b ? has_b : has_a)) return PE_SLOT_NONE;
  *image = takes_b ? b : a;
  return takes_b ? PE_SLOT_B : PE_SLOT_A;
}

uint32_t pe_slots_candidate(const pe_slots_t *slots, uint32_t rank, pe_image_t *image) {
  const record_t record = newest_record(slots);
  if (rank == 0u) return committed_slot(slots, &record, image);
  if (rank == 1u) return slot_before(slots, &record, image);
  if (rank == 4u) return PE_SLOT_BUILT_IN;
  return rank < 4u ? valid_slot(slots, rank == 3u, image) : PE_SLOT_NONE;
}

void pe_slots_set_running(pe_slots_t *slots, uint32_t slot, const pe_image_t *image, uint32_t version) {
  slots->running = slot;
  slots->running_crc = image != NULL ? image->crc : 0u;
  slots->running_version = image != NULL ? image->version : version;
}

// ---- Transfer -------------------------------------------------------------------------------------------------------

static uint32_t receiving_slot(const pe_slots_t *slots) {
  return slots->running == PE_SLOT_A ? PE_SLOT_B : PE_SLOT_A;
}

// Before the other slot is touched, a record must stand for what runs: after a cut, an image that was written but not
// tried must not be taken for a committed one.
static pe_update_result_t record_running(const pe_slots_t *slots) {
  const record_t newest = newest_record(slots);
  if (newest.sector != NO_SECTOR && newest.slot == slots->running && newest.crc_runs == slots->running_crc) {
    return PE_UPDATE_OK;
  }
  if (slots->running == PE_SLOT_NONE) return PE_UPDATE_OK;
  return write_record(slots, slots->running, slots->running_crc, 0);
}

pe_update_result_t pe_slots_begin(pe_slots_t *slots, uint32_t total, uint32_t crc, bool force, uint32_t *offset) {
  *offset = 0;
  if (total > pe_slots_slot_bytes(slots)) return PE_UPDATE_TOO_LARGE;
  if (total < PE_IMAGE_HEADER_BYTES) return PE_UPDATE_SIZE;
  slots->force = force;
  if (slots->total == total && slots->expected_crc == crc) {
    *offset = slots->received;
    return PE_UPDATE_OK;
  }
  pe_slots_abort(slots);
  const pe_update_result_t result = record_running(slots);
  if (result != PE_UPDATE_OK) return result;
  slots->total = total;
  slots->expected_crc = crc;
  return PE_UPDATE_OK;
}

void pe_slots_abort(pe_slots_t *slots) {
  slots->total = 0;
  slots->received = 0;
}

// Programs the page, whose last byte is the one before `end` of the image.
static bool flush(const pe_slots_t *slots, uint32_t end) {
  const pe_flash_t *flash = slots->flash;
  const uint32_t at = (end - 1u) & ~(flash->program_bytes - 1u);
  const uint32_t offset = slot_offset(slots, receiving_slot(slots)) + at;
  if (at % flash->sector_bytes == 0u && !flash->erase(flash->context, offset)) return false;
  return program(slots, offset, slots->page);
}

pe_update_result_t pe_slots_data(pe_slots_t *slots, uint32_t offset, const uint8_t *bytes, uint32_t count) {
  const uint32_t unit = slots->flash->program_bytes;
  if (slots->total == 0u) return PE_UPDATE_STATE;
  if (offset > slots->total || count > slots->total - offset) return PE_UPDATE_SIZE;
  if (offset + count <= slots->received) return PE_UPDATE_OK;
  if (offset != slots->received) return PE_UPDATE_OFFSET;
  for (uint32_t i = 0; i < count; i++) {
    slots->page[slots->received & (unit - 1u)] = bytes[i];
    slots->received++;
    const bool is_last = slots->received == slots->total;
    if (is_last) {
      for (uint32_t rest = slots->received; (rest & (unit - 1u)) != 0u; rest++) slots->page[rest & (unit - 1u)] = 0xff;
    }
    if ((slots->received & (unit - 1u)) != 0u && !is_last) continue;
    if (!flush(slots, slots->received)) {
      pe_slots_abort(slots);
      return PE_UPDATE_FLASH;
    }
  }
  return PE_UPDATE_OK;
}

pe_update_result_t pe_slots_finish(pe_slots_t *slots, uint32_t *slot, pe_image_t *image) {
  if (slots->total == 0u || slots->received != slots->total) return PE_UPDATE_STATE;
  const uint32_t total = slots->total;
  const uint8_t *bytes = slots->flash->memory + slot_offset(slots, receiving_slot(slots));
  pe_slots_abort(slots);
  *slot = receiving_slot(slots);
  const pe_update_result_t result = pe_image_check(image, bytes, total, slots->policy);
  if (result != PE_UPDATE_OK) return result;
  if (image->total_bytes != total || image->crc != slots->expected_crc) return PE_UPDATE_CRC;
  const bool may_lower = slots->force && !slots->never_lower;
  return image->version < slots->running_version && !may_lower ? PE_UPDATE_DOWNGRADE : PE_UPDATE_OK;
}

pe_update_result_t pe_slots_previous(const pe_slots_t *slots, uint32_t built_in_version, uint32_t *slot,
                                     pe_image_t *image) {
  const record_t record = newest_record(slots);
  *slot = PE_SLOT_NONE;
  if (record.slot == slots->running && record.crc_runs == slots->running_crc) *slot = slot_before(slots, &record, image);
  if (*slot == PE_SLOT_NONE) return PE_UPDATE_NO_PREVIOUS;
  const uint32_t version = *slot == PE_SLOT_BUILT_IN ? built_in_version : image->version;
  return slots->never_lower && version < slots->running_version ? PE_UPDATE_DOWNGRADE : PE_UPDATE_OK;
}

pe_update_result_t pe_slots_commit(pe_slots_t *slots, uint32_t slot, const pe_image_t *image, uint32_t version) {
  const uint32_t crc = image != NULL ? image->crc : 0u;
  const pe_update_result_t result = write_record(slots, slot, crc, slots->running_crc);
  if (result == PE_UPDATE_OK) pe_slots_set_running(slots, slot, image, version);
  return result;
}
