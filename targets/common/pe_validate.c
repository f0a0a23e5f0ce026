#include "pe_check.h"

#include <string.h>

const char *pe_validate(const uint8_t *module, uint32_t bytes, uint32_t memory_bytes, pe_module_facts_t *facts) {
  static const uint8_t header[8] = {0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00};
  if (bytes < sizeof header || memcmp(module, header, sizeof header) != 0) return pe_no_model;
  pe_checker_t checker;
  pe_checker_t *c = &checker;
  memset(c, 0, sizeof *c);
  memset(facts, 0, sizeof *facts);
  c->facts = facts;
  c->at = module + sizeof header;
  c->end = module + bytes;
  c->memory_bytes = memory_bytes;
  pe_check_sections(c);
  if (c->refusal == NULL) pe_stack_sum(c);
  return c->refusal;
}
