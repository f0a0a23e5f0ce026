#include "pe_runner.h"

#include <stddef.h>
#include <string.h>

// Opens the model of a slot (with its checked image) or the built-in one and compares its golden vectors.
static pe_update_result_t try_model(pe_runner_t *runner, uint32_t slot, const pe_image_t *image) {
  const pe_runner_setup_t *setup = runner->setup;
  if (slot == PE_SLOT_BUILT_IN) {
    if (setup->built_in == NULL) return PE_UPDATE_NO_MODEL;
    runner->model = *setup->built_in;
  } else {
    pe_image_model(image, setup->inputs, setup->outputs, &runner->model);
  }
  runner->detail = pe_open(&runner->pe, &runner->model, setup->arena, setup->policy.memory_bytes);
  if (runner->detail != PE_OK) return PE_UPDATE_OPEN;
  runner->detail = pe_self_test(&runner->pe);
  if (runner->detail == PE_OK) return PE_UPDATE_OK;
  pe_close(&runner->pe);
  return PE_UPDATE_GOLDEN;
}

static void run_best(pe_runner_t *runner) {
  pe_image_t image;
  for (uint32_t rank = 0; rank < PE_SLOTS_RANKS; rank++) {
    const uint32_t slot = pe_slots_candidate(&runner->slots, rank, &image);
    if (slot == PE_SLOT_NONE || try_model(runner, slot, &image) != PE_UPDATE_OK) continue;
    pe_slots_set_running(&runner->slots, slot, slot == PE_SLOT_BUILT_IN ? NULL : &image);
    if (rank == 0u) (void)pe_slots_adopt_built_in(&runner->slots);
    return;
  }
  pe_slots_set_running(&runner->slots, PE_SLOT_NONE, NULL);
}

pe_update_result_t pe_runner_start(pe_runner_t *runner, const pe_runner_setup_t *setup) {
  memset(runner, 0, sizeof *runner);
  runner->setup = setup;
  const uint32_t built_in_version = setup->built_in != NULL ? setup->built_in_version : 0u;
  if (!pe_slots_init(&runner->slots, setup->flash, &setup->policy, setup->never_lower, built_in_version)) {
    return PE_UPDATE_STATE;
  }
  run_best(runner);
  return runner->slots.running == PE_SLOT_NONE ? PE_UPDATE_NO_MODEL : PE_UPDATE_OK;
}

// Runs and commits another model, or goes back to the one that runs.
static pe_update_result_t replace(pe_runner_t *runner, uint32_t slot, const pe_image_t *image) {
  pe_close(&runner->pe);
  pe_update_result_t result = try_model(runner, slot, image);
  const pe_result_t detail = runner->detail;
  if (result == PE_UPDATE_OK) {
    result = pe_slots_commit(&runner->slots, slot, slot == PE_SLOT_BUILT_IN ? NULL : image);
    if (result != PE_UPDATE_OK) pe_close(&runner->pe);
  }
  // The newest record still stands for the model of before.
  if (result != PE_UPDATE_OK) run_best(runner);
  runner->detail = detail;
  return result;
}

pe_update_result_t pe_runner_finish(pe_runner_t *runner) {
  pe_image_t image;
  uint32_t slot = PE_SLOT_NONE;
  runner->detail = PE_OK;
  const pe_update_result_t result = pe_slots_finish(&runner->slots, &slot, &image);
  return result == PE_UPDATE_OK ? replace(runner, slot, &image) : result;
}

pe_update_result_t pe_runner_rollback(pe_runner_t *runner) {
  pe_image_t image;
  uint32_t slot = PE_SLOT_NONE;
  runner->detail = PE_OK;
  pe_slots_abort(&runner->slots);  // its image may be on its way into that slot
  pe_update_result_t result = pe_slots_previous(&runner->slots, &slot, &image);
  if (slot == PE_SLOT_BUILT_IN && runner->setup->built_in == NULL) result = PE_UPDATE_NO_PREVIOUS;
  return result == PE_UPDATE_OK ? replace(runner, slot, &image) : result;
}

void pe_runner_stop(pe_runner_t *runner) {
  pe_close(&runner->pe);
  pe_slots_set_running(&runner->slots, PE_SLOT_NONE, NULL);
}
