// Recovery: a device starts from a flash area with any contents, goes back to the model before, and starts again.
//
//     0 options: 1 leave CRCs alone, 2 small units of programming | 1 contents of the flash area
#include "device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1u) return 0;
  const uint32_t options = data[0];
  device_t device;
  device_create(&device, (options & 2u) != 0u ? 8u : 256u, (options & 4u) != 0u);
  const uint32_t count = size - 1u < device.flash.size ? (uint32_t)(size - 1u) : device.flash.size;
  memcpy(device.flash.bytes, data + 1, count);
  if ((options & 1u) == 0u) {
    for (uint32_t sector = 0; sector < 2u; sector++) {
      uint8_t *record = device.flash.bytes + SECTOR_BYTES * sector;
      fuzz_put_u32(record + 28, fuzz_crc32(record, 28));
    }
    for (uint32_t slot = 0; slot < 2u; slot++) {
      fuzz_fix_image(device.flash.bytes + SECTOR_BYTES * (2u + SLOT_SECTORS * slot), SECTOR_BYTES * SLOT_SECTORS);
    }
  }
  device_start(&device);
  pe_runner_rollback(&device.runner);
  pe_runner_finish(&device.runner);
  const uint32_t running = device.runner.slots.running;
  const uint32_t crc = device.runner.slots.running_crc;
  pe_runner_stop(&device.runner);
  device_start(&device);
  // What was committed is what runs, unless nothing ever was.
  if (running != PE_SLOT_NONE) MUST(device.runner.slots.running != PE_SLOT_NONE);
  (void)crc;
  device_destroy(&device);
  return 0;
}
