// A device with flash, slots, runner and agent, for the fuzz targets.
#ifndef DEVICE_H
#define DEVICE_H

#include "../../test/update/nor_flash.h"
#include "pe_runner.h"

#include "fuzz.h"

#define COUNT 4u
#define ARENA_BYTES (1u << 16)
#define SECTOR_BYTES 256u
#define SLOT_SECTORS 6u
#define TARGET_CLASS 0x0833d426u  // CRC-32 of "fuzz"

typedef struct {
  nor_t flash;
  pe_runner_setup_t setup;
  pe_runner_t runner;
  pe_input_spec_t inputs[COUNT];
  pe_output_spec_t outputs[COUNT];
} device_t;

static inline void device_create(device_t *device, uint32_t program_bytes, bool never_lower) {
  static uint8_t arena[ARENA_BYTES];
  static const pe_engine_t *const engines[] = {&pe_module_engine, &pe_table_engine, NULL};
  memset(device, 0, sizeof *device);
  nor_create(&device->flash, SECTOR_BYTES, program_bytes, SLOT_SECTORS);
  device->setup.flash = &device->flash.port;
  device->setup.policy.target_class = TARGET_CLASS;
  device->setup.policy.engines = engines;
  device->setup.policy.memory_bytes = ARENA_BYTES;
  device->setup.policy.input_capacity = COUNT;
  device->setup.policy.output_capacity = COUNT;
  device->setup.arena = arena;
  device->setup.never_lower = never_lower;
  device->setup.inputs = device->inputs;
  device->setup.outputs = device->outputs;
}

// A reset: whatever the flash holds, the device starts, and runs a model when it says so.
static inline void device_start(device_t *device) {
  device->flash.powered = true;
  device->flash.cut_at = 0;
  const pe_update_result_t started = pe_runner_start(&device->runner, &device->setup);
  MUST(started == PE_UPDATE_OK || started == PE_UPDATE_NO_MODEL);
  MUST((started == PE_UPDATE_OK) == (device->runner.slots.running != PE_SLOT_NONE));
  if (started == PE_UPDATE_OK) MUST(pe_self_test(&device->runner.pe) == PE_OK);
}

static inline void device_destroy(device_t *device) {
  pe_runner_stop(&device->runner);
  free(device->flash.bytes);
  fuzz_release_arena();
}

#endif
