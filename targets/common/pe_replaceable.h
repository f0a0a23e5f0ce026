// The memory and the set-up of a firmware whose model can be replaced (pe_runner.h), for the one source file of an application
// that has them; with the default sizes or with its own. Include pinn_model.h before it.
//
// With PE_KEY_HEADER defined as the file that pinn-edge keygen wrote, only models signed with its key are taken.
#ifndef PE_REPLACEABLE_H
#define PE_REPLACEABLE_H

#include <stddef.h>

#include "pe_agent.h"

#ifdef PE_KEY_HEADER
#include PE_KEY_HEADER
#define PE_KEY pe_key
#else
#define PE_KEY NULL
#endif

// What models may take; at least what that of pinn_model.h takes.
#ifndef PE_SPARE_ARENA_BYTES
#define PE_SPARE_ARENA_BYTES 65536u
#endif
#define PE_MAX_INPUTS 32
#define PE_MAX_OUTPUTS 16
#define PE_REPLACEABLE_BYTES \
  (PINN_MODEL_ARENA_BYTES > PE_SPARE_ARENA_BYTES ? PINN_MODEL_ARENA_BYTES : PE_SPARE_ARENA_BYTES)

static uint8_t arena[PE_REPLACEABLE_BYTES];
static pe_input_spec_t inputs[PE_MAX_INPUTS];
static pe_output_spec_t outputs[PE_MAX_OUTPUTS];
static pe_runner_t runner;
static pe_agent_t agent;

// What models may be: that of pinn_model.h, and what else the library here can run. Others are refused.
static const pe_engine_t *const engines[] = {PINN_MODEL_ENGINES, NULL};

// Its flash is set by the application before pe_runner_start.
static pe_runner_setup_t setup = {
    NULL,
    {PINN_MODEL_TARGET_CLASS, engines, sizeof arena, PE_MAX_INPUTS, PE_MAX_OUTPUTS, PE_KEY},
    arena,
    false,
    inputs,
    outputs,
    &pinn_model,
    PINN_MODEL_VERSION,
};

// Evaluates the next golden vector of the running model. Without one: NULL. Else the words that the build knows, while
// `words` takes the answer.
static const int32_t *evaluate_next_golden(int32_t words[PE_MAX_OUTPUTS], pe_result_t *result) {
  static uint32_t next;
  const pe_model_t *model = &runner.model;
  if (model->golden_count == 0) return NULL;
  if (next >= model->golden_count) next = 0;
  *result = pe_run_words(&runner.pe, model->golden_inputs + next * model->input_count, words);
  return model->golden_outputs + next++ * model->output_count;
}

#endif
