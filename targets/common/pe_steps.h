// A limit to how often the loops of a module may go round in one evaluation, so that no module can keep a device busy
// for ever. wasm3 0.5.0 asks nobody while it loops; this replaces its operation for the start of a loop, to which every
// branch to the loop comes back, by one that counts. Functions cannot call themselves (pe_validate.h), so that between
// two counts at most PE_MODULE_MAX_WORK operations run.
//
// To be included after wasm3's m3_exec.h, which has the operations, and before m3_compile.c, which chooses them.
#ifndef PE_STEPS_H
#define PE_STEPS_H

#include <stdint.h>

// What an evaluation that goes on for too long ends with.
extern const char pe_steps_exceeded[];
const char pe_steps_exceeded[] = "the module went round its loops more often than it may";

// The number that is left lies where the runtime's user data point.
d_m3Op(CountedLoop) {
  d_m3ClearRegisters
  uint32_t *left = (uint32_t *)m3MemRuntime(_mem)->userdata;
  const IM3Memory memory = m3MemInfo(_mem);
  m3ret_t result;
  do {
    if (M3_UNLIKELY(*left == 0)) newTrap(pe_steps_exceeded);
    *left -= 1;
    result = nextOpImpl();
    _mem = memory->mallocated;
  } while (result == _pc);
  forwardTrap(result);
}

#define op_Loop op_CountedLoop

#endif
