// Two slots of flash for model images, and a commit record that says which of them runs. Power may fail at any moment:
// afterwards the old or the new model is there, never neither.
//
//     flash area   | record 0 | record 1 | slot A               | slot B               |
//                    1 sector   1 sector   slot_sectors           slot_sectors
//
// A record binds a slot to the very image in it, by the image's CRC-32. It is written whole into the sector that does
// not hold the newest one, so that sector stays as it is until the next commit; the record with the highest sequence
// number and a right CRC-32 counts. The slot that runs is never erased. An image becomes the one that runs in this order:
//
//     pe_slots_begin    how long it is, and its CRC-32
//     pe_slots_data     the header in RAM, checked: signature, target, sizes, version. Then a record of what runs now, if
//                       there is none yet; erase each sector as it is reached, program, compare with what was sent
//     pe_slots_finish   check the whole image where it lies
//                       the caller tries it: opens the model, compares its golden vectors
//     pe_slots_commit   the new record
//
// No heap, no global variables. pe_runner.h does all of this for a model under wasm3.
#ifndef PE_SLOTS_H
#define PE_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "pe_agent.gen.h"
#include "pe_image.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PE_FLASH_MAX_PROGRAM_BYTES 256u

// Transfers that erase, and records, between two starts: no sector is erased much more often than this, whoever is on the
// line. An update takes two, the first one of all three, a rollback one. Afterwards the device wants a restart first.
#ifndef PE_SLOTS_MAX_CHANGES
#define PE_SLOTS_MAX_CHANGES 100u
#endif

// The flash area, by functions of the board. Offsets count from the start of the area.
typedef struct {
  void *context;          // given to the functions
  const uint8_t *memory;  // where the area can be read, aligned to 8 bytes. Must show what was erased and programmed as
                          // soon as the functions return: invalidate caches there
  uint32_t sector_bytes;  // erased at once; a multiple of program_bytes and of 8
  uint32_t program_bytes;  // programmed at once, a power of two up to PE_FLASH_MAX_PROGRAM_BYTES. Nothing is programmed
                           // twice between two erases
  uint32_t slot_sectors;   // size of each slot
  // Makes the sector at `offset` 0xff. Returns false when that failed.
  bool (*erase)(void *context, uint32_t offset);
  // Writes program_bytes bytes at `offset`, which is a multiple of it. Returns false when that failed.
  bool (*program)(void *context, uint32_t offset, const uint8_t *bytes);
} pe_flash_t;

// The members are the library's own, to be read at most.
typedef struct {
  const pe_flash_t *flash;
  const pe_image_policy_t *policy;
  bool never_lower;           // lower versions are refused even when forced, and by rollback
  uint32_t built_in_version;  // of the model in the firmware
  uint32_t running;           // PE_SLOT_...
  uint32_t running_crc;       // of its image; 0 without one
  uint32_t running_version;
  uint32_t total;             // of the image on its way; 0: none
  uint32_t expected_crc;
  uint32_t received;          // bytes of it, those in `header` and `page` included
  bool force;
  uint32_t changes;                         // since the start; see PE_SLOTS_MAX_CHANGES
  uint8_t header[PE_IMAGE_HEADER_BYTES];    // nothing is erased before it was received and checked
  uint8_t page[PE_FLASH_MAX_PROGRAM_BYTES];  // what does not fill a unit of programming yet
} pe_slots_t;

// Begins to use the flash area. `flash` and `policy` must stay valid. Without a flash (null) there are slots of no bytes:
// nothing but the built-in model can run. `built_in_version`: 0 when there is none. Returns false when flash or policy are
// impossible.
bool pe_slots_init(pe_slots_t *slots, const pe_flash_t *flash, const pe_image_policy_t *policy, bool never_lower,
                   uint32_t built_in_version);

uint32_t pe_slots_slot_bytes(const pe_slots_t *slots);

// What to run after a reset, best first: the model built into the firmware, where a new firmware has brought one of a
// higher version than the committed image; the committed slot, the one before it, any other valid image, the built-in
// model. Call it with 0, 1, 2, ... until something that it returned could be opened; after 0 call pe_slots_adopt_built_in.
//
// Returns PE_SLOT_A or PE_SLOT_B and its checked `image`, PE_SLOT_BUILT_IN, or PE_SLOT_NONE when this rank has none
// (the next one may). There are PE_SLOTS_RANKS ranks.
#define PE_SLOTS_RANKS 6u
uint32_t pe_slots_candidate(const pe_slots_t *slots, uint32_t rank, pe_image_t *image);

// Makes the built-in model of a new firmware the committed one, and the image that was committed the one before it. Returns
// OK or FLASH (it is then done at the next start).
pe_update_result_t pe_slots_adopt_built_in(pe_slots_t *slots);

// Of the newest commit record; another one after each change of what runs. 0 without a record.
uint32_t pe_slots_sequence(const pe_slots_t *slots);

// Says what runs now: a slot with its image, or PE_SLOT_BUILT_IN or PE_SLOT_NONE with null.
void pe_slots_set_running(pe_slots_t *slots, uint32_t slot, const pe_image_t *image);

// Begins or resumes a transfer into the slot that does not run. `crc` is the image's own. The same `total` and `crc` as
// those of a transfer that is not finished resume it: `offset` says from where. Any other transfer is over. Writes nothing.
//
// Returns OK, TOO_LARGE, SIZE (not a possible image) or WEAR (PE_SLOTS_MAX_CHANGES).
pe_update_result_t pe_slots_begin(pe_slots_t *slots, uint32_t total, uint32_t crc, bool force, uint32_t *offset);

// Takes `count` bytes of the image, which are those from `offset` on. Bytes that were taken already are taken again.
// May erase sectors, at most one per sector_bytes bytes and none before the header is known to be good.
//
// Returns OK, STATE (nothing begun), OFFSET (not the next bytes: go on at slots->received), SIZE (beyond the end), or why
// the transfer is over: CRC (not the image that was begun), DOWNGRADE, a result of pe_image_check_header, or FLASH.
pe_update_result_t pe_slots_data(pe_slots_t *slots, uint32_t offset, const uint8_t *bytes, uint32_t count);

// Ends the transfer and checks the whole image. Returns OK with the slot and the image in it, ready to be tried, or why
// it is refused: STATE when it is not complete (the transfer goes on), or a result of pe_image_check.
pe_update_result_t pe_slots_finish(pe_slots_t *slots, uint32_t *slot, pe_image_t *image);

// Forgets the transfer.
void pe_slots_abort(pe_slots_t *slots);

// The model that was committed before the one that runs. Returns OK with its slot, and its image unless it is
// PE_SLOT_BUILT_IN; NO_PREVIOUS; DOWNGRADE where lower versions are never taken; or WEAR.
pe_update_result_t pe_slots_previous(const pe_slots_t *slots, uint32_t *slot, pe_image_t *image);

// Makes this slot the one that runs, after resets too: writes a record. `image` is null for PE_SLOT_BUILT_IN, else the
// slot's. Returns OK, or FLASH: the one before is still the one that runs.
pe_update_result_t pe_slots_commit(pe_slots_t *slots, uint32_t slot, const pe_image_t *image);

#ifdef __cplusplus
}
#endif

#endif
