// A file of its own, so that firmware that says nothing about updates has no room taken by the texts (1 kB).
#include "pe_image.h"

const char *pe_update_text(pe_update_result_t result) {
  static const char *const texts[] = {PE_UPDATE_TEXTS};
  return (unsigned)result < sizeof texts / sizeof texts[0] ? texts[(unsigned)result] : "unknown result";
}
