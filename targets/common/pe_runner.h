// The model that runs, and its replacement by another one without a restart.
//
//     static pe_runner_t runner;
//     pe_runner_start(&runner, &setup);           // after a reset: the committed model, or the best there is
//     pe_run_words(&runner.pe, inputs, outputs);  // or pe_eval, while runner.slot is not PE_SLOT_NONE
//
// pe_agent.h feeds it from a byte stream. One model is open at a time: while a new one is tried, the running one is
// closed, and opened again if the new one is no good.
#ifndef PE_RUNNER_H
#define PE_RUNNER_H

#include "pe_slots.h"
#include "pinn_edge.h"

#ifdef __cplusplus
extern "C" {
#endif

// What the firmware gives; must stay valid, and the arrays must not be used otherwise.
typedef struct {
  const pe_flash_t *flash;     // null: only the built-in model runs, and no other is taken
  pe_image_policy_t policy;
  void *arena;                 // for pe_open, policy.memory_bytes bytes
  bool never_lower;            // refuse lower versions even when forced
  pe_input_spec_t *inputs;     // policy.input_capacity of them
  pe_output_spec_t *outputs;   // policy.output_capacity of them
  const pe_model_t *built_in;  // model in the firmware itself, for when no slot has one; may be null
  uint32_t built_in_version;   // in a new firmware a higher one than that of the committed slot wins
} pe_runner_setup_t;

// The members are the library's own, to be read at most; `pe` may be evaluated.
typedef struct {
  pe_t pe;
  pe_model_t model;
  const pe_runner_setup_t *setup;
  pe_slots_t slots;     // slots.running is what runs
  pe_result_t detail;   // why a model could not be opened, or what its self-test said
} pe_runner_t;

// Runs the first candidate of the slots that opens and repeats its golden vectors.
// Returns OK, NO_MODEL when there is none, or STATE for an impossible setup.
pe_update_result_t pe_runner_start(pe_runner_t *runner, const pe_runner_setup_t *setup);

// Ends the transfer, tries the image and commits it. After anything but OK the model of before runs.
pe_update_result_t pe_runner_finish(pe_runner_t *runner);

// Returns to the model that was committed before the one that runs.
pe_update_result_t pe_runner_rollback(pe_runner_t *runner);

// Closes the model.
void pe_runner_stop(pe_runner_t *runner);

#ifdef __cplusplus
}
#endif

#endif
