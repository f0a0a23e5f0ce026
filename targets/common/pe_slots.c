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
#define RECORD_BUILT_IN 20u    // version of the built-in model of the firmware that wrote the record
#define RECORD_CHECK 28u       // CRC-32 of all bytes before

#define RECORD_SECTORS 2u
#define NO_SECTOR RECORD_SECTORS

typedef struct {
  uint32_t sector;  // that holds it; NO_SECTOR when there is no record
  uint32_t sequence;
  uint32_t slot;
  uint32_t crc_runs;
  uint32_t crc_before;
  uint32_t built_in_version;
} record_t;

static uint32_t slot_offset(const pe_slots_t *slots, uint32_t slot) {
  return slots->flash->sector_bytes * (RECORD_SECTORS + slot * slots->flash->slot_sectors);
}

uint32_t pe_slots_slot_bytes(const pe_slots_t *slots) {
  if (slots->flash == NULL) return 0;
  return slots->flash->sector_bytes * slots->flash->slot_sectors;
}

bool pe_slots_init(pe_slots_t *slots, const pe_flash_t *flash, const pe_image_policy_t *policy, bool never_lower,
                   uint32_t built_in_version) {
  memset(slots, 0, sizeof *slots);
  slots->flash = flash;
  slots->policy = policy;
  slots->never_lower = never_lower;
  slots->built_in_version = built_in_version;
  slots->running = PE_SLOT_NONE;
  if (policy == NULL || flash == NULL) return policy != NULL;
  if (flash->memory == NULL || flash->erase == NULL || flash->program == NULL) return false;
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
  record->built_in_version = pe_load_u32(bytes + RECORD_BUILT_IN);
  return record->slot <= PE_SLOT_BUILT_IN;
}

// Whether a was written after b, also when the numbers have gone once around.
static bool is_newer(const record_t *a, const record_t *b) { return (int32_t)(a->sequence - b->sequence) > 0; }

static record_t newest_record(const pe_slots_t *slots) {
  record_t newest = {NO_SECTOR, 0, PE_SLOT_NONE, 0, 0, 0};
  for (uint32_t sector = 0; slots->flash != NULL && sector < RECORD_SECTORS; sector++) {
    record_t record;
    if (!read_record(slots, sector, &record)) continue;
    if (newest.sector == NO_SECTOR || is_newer(&record, &newest)) newest = record;
  }
  return newest;
}

uint32_t pe_slots_sequence(const pe_slots_t *slots) { return newest_record(slots).sequence; }

// Programs the unit at `offset` and compares.
static bool program(const pe_slots_t *slots, uint32_t offset, const uint8_t *bytes) {
  const pe_flash_t *flash = slots->flash;
  return flash->program(flash->context, offset, bytes) &&
         memcmp(flash->memory + offset, bytes, flash->program_bytes) == 0;
}

static pe_update_result_t write_record(pe_slots_t *slots, uint32_t slot, uint32_t crc_runs, uint32_t crc_before) {
  const pe_flash_t *flash = slots->flash;
  if (flash == NULL) return PE_UPDATE_FLASH;
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
  pe_store_u32(bytes + RECORD_BUILT_IN, slots->built_in_version);
  pe_store_u32(bytes + RECORD_CHECK, pe_crc32(bytes, RECORD_CHECK));
  slots->changes++;
  if (!flash->erase(flash->context, offset)) return PE_UPDATE_FLASH;
  for (uint32_t at = 0; at < RECORD_BYTES; at += flash->program_bytes) {
    if (!program(slots, offset + at, bytes + at)) return PE_UPDATE_FLASH;
  }
  return PE_UPDATE_OK;
}

// ---- What runs ------------------------------------------------------------------------------------------------------

static bool check_slot(const pe_slots_t *slots, uint32_t slot, pe_image_t *image) {
  if (slots->flash == NULL) return false;
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

// Whether the firmware has brought a model of a higher version than that of the slots. Once a record was written by this
// firmware the record decides, so that what was forced or rolled back to afterwards stays.
static bool built_in_is_newer(const pe_slots_t *slots, const record_t *record) {
  pe_image_t image;
  const bool has_record = record->sector != NO_SECTOR;
  if (has_record && slots->built_in_version <= record->built_in_version) return false;
  const uint32_t slot = has_record ? committed_slot(slots, record, &image) : valid_slot(slots, false, &image);
  return slot <= PE_SLOT_B && slots->built_in_version > image.version;
}

uint32_t pe_slots_candidate(const pe_slots_t *slots, uint32_t rank, pe_image_t *image) {
  const record_t record = newest_record(slots);
  switch (rank) {
    case 0:
      return built_in_is_newer(slots, &record) ? PE_SLOT_BUILT_IN : PE_SLOT_NONE;
    case 1:
      return committed_slot(slots, &record, image);
    case 2:
      return slot_before(slots, &record, image);
    case 3:
    case 4:
      return valid_slot(slots, rank == 4u, image);
    default:
      return rank < PE_SLOTS_RANKS ? PE_SLOT_BUILT_IN : PE_SLOT_NONE;
  }
}

pe_update_result_t pe_slots_adopt_built_in(pe_slots_t *slots) {
  return write_record(slots, PE_SLOT_BUILT_IN, 0, newest_record(slots).crc_runs);
}

void pe_slots_set_running(pe_slots_t *slots, uint32_t slot, const pe_image_t *image) {
  const uint32_t other = slot == PE_SLOT_BUILT_IN ? slots->built_in_version : 0u;
  slots->running = slot;
  slots->running_crc = image != NULL ? image->crc : 0u;
  slots->running_version = image != NULL ? image->version : other;
}

// ---- Transfer -------------------------------------------------------------------------------------------------------

static uint32_t receiving_slot(const pe_slots_t *slots) {
  return slots->running == PE_SLOT_A ? PE_SLOT_B : PE_SLOT_A;
}

// Before the other slot is touched, a record must stand for what runs: after a cut, an image that was written but not
// tried must not be taken for a committed one.
static pe_update_result_t record_running(pe_slots_t *slots) {
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
  if (slots->changes >= PE_SLOTS_MAX_CHANGES) return PE_UPDATE_WEAR;
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

// Takes byte `at` of the image, and programs the page that it completes.
static bool store(pe_slots_t *slots, uint32_t at, uint8_t byte) {
  const uint32_t unit = slots->flash->program_bytes;
  const uint32_t end = at + 1u;
  slots->page[at & (unit - 1u)] = byte;
  if (end == slots->total) {
    for (uint32_t rest = end; (rest & (unit - 1u)) != 0u; rest++) slots->page[rest & (unit - 1u)] = 0xff;
  } else if ((end & (unit - 1u)) != 0u) {
    return true;
  }
  return flush(slots, end);
}

// The header is complete: nothing was erased yet.
static pe_update_result_t take_header(pe_slots_t *slots) {
  pe_image_t image;
  pe_update_result_t result = pe_image_check_header(&image, slots->header, slots->policy);
  if (result != PE_UPDATE_OK) return result;
  if (image.total_bytes != slots->total || image.crc != slots->expected_crc) return PE_UPDATE_CRC;
  const bool may_lower = slots->force && !slots->never_lower;
  if (image.version < slots->running_version && !may_lower) return PE_UPDATE_DOWNGRADE;
  result = record_running(slots);
  slots->changes++;
  for (uint32_t at = 0; result == PE_UPDATE_OK && at < PE_IMAGE_HEADER_BYTES; at++) {
    if (!store(slots, at, slots->header[at])) result = PE_UPDATE_FLASH;
  }
  return result;
}

pe_update_result_t pe_slots_data(pe_slots_t *slots, uint32_t offset, const uint8_t *bytes, uint32_t count) {
  if (slots->total == 0u) return PE_UPDATE_STATE;
  if (offset > slots->total || count > slots->total - offset) return PE_UPDATE_SIZE;
  if (offset + count <= slots->received) return PE_UPDATE_OK;
  if (offset != slots->received) return PE_UPDATE_OFFSET;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t at = slots->received++;
    pe_update_result_t result = PE_UPDATE_OK;
    if (at >= PE_IMAGE_HEADER_BYTES) {
      if (!store(slots, at, bytes[i])) result = PE_UPDATE_FLASH;
    } else {
      slots->header[at] = bytes[i];
      if (slots->received == PE_IMAGE_HEADER_BYTES) result = take_header(slots);
    }
    if (result == PE_UPDATE_OK) continue;
    pe_slots_abort(slots);
    return result;
  }
  return PE_UPDATE_OK;
}

pe_update_result_t pe_slots_finish(pe_slots_t *slots, uint32_t *slot, pe_image_t *image) {
  if (slots->total == 0u || slots->received != slots->total) return PE_UPDATE_STATE;
  const uint32_t total = slots->total;
  const uint8_t *bytes = slots->flash->memory + slot_offset(slots, receiving_slot(slots));
  pe_slots_abort(slots);
  *slot = receiving_slot(slots);
  return pe_image_check(image, bytes, total, slots->policy);
}

pe_update_result_t pe_slots_previous(const pe_slots_t *slots, uint32_t *slot, pe_image_t *image) {
  const record_t record = newest_record(slots);
  *slot = PE_SLOT_NONE;
  if (record.slot == slots->running && record.crc_runs == slots->running_crc) *slot = slot_before(slots, &record, image);
  if (*slot == PE_SLOT_NONE) return PE_UPDATE_NO_PREVIOUS;
  const uint32_t version = *slot == PE_SLOT_BUILT_IN ? slots->built_in_version : image->version;
  if (slots->never_lower && version < slots->running_version) return PE_UPDATE_DOWNGRADE;
  return slots->changes >= PE_SLOTS_MAX_CHANGES ? PE_UPDATE_WEAR : PE_UPDATE_OK;
}

pe_update_result_t pe_slots_commit(pe_slots_t *slots, uint32_t slot, const pe_image_t *image) {
  const uint32_t crc = image != NULL ? image->crc : 0u;
  const pe_update_result_t result = write_record(slots, slot, crc, slots->running_crc);
  if (result == PE_UPDATE_OK) pe_slots_set_running(slots, slot, image);
  return result;
}
