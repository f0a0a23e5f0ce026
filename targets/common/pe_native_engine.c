#include "pe_image.gen.h"
#include "pe_module.h"

static pe_result_t open_native(pe_t *pe, void *memory, size_t bytes) {
  return pe_module_open(pe, memory, bytes, pe_native_link);
}

const pe_engine_t pe_native_engine = {PE_PAYLOAD_MODULE, open_native, pe_module_run};
