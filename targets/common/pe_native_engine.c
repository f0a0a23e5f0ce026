#include "pe_image.gen.h"
#include "pe_kernels.h"
#include "pe_module.h"
#include "pe_wasm3.h"

static pe_result_t open_native(pe_t *pe, void *memory, size_t bytes) {
  const pe_result_t result = pe_module_open(pe, memory, bytes, pe_native_link);
  if (result != PE_OK) return result;
  const IM3Function run = pe->run;
  pe->native.is_alone = pe->native.arena != NULL && pe_native_is_walk(run->wasm, run->wasmEnd) ? 1u : 0u;
  return PE_OK;
}

// The first evaluation went through wasm3, which had the table and its arena checked. Where `run` is no more than the
// walk, with constants for arguments, further ones need no interpreter: the status that it would keep is for other hosts.
static pe_result_t run_native(pe_t *pe) {
  if (pe->native.is_alone == 0u) return pe_module_run(pe);
  return pe_walk(pe->native.table, pe->native.arena) == PE_STATUS_OK ? PE_OK : PE_CLAMPED;
}

const pe_engine_t pe_native_engine = {PE_PAYLOAD_MODULE, open_native, run_native};
