// Answers for every module on standard input (memory bytes and length as little-endian words, then the module) with a
// line: what pe_validate found, or "ok" and its native stack.
#include <stdio.h>
#include <stdlib.h>

#include "pe_validate.h"

static int read_word(uint32_t *word) {
  uint8_t bytes[4];
  if (fread(bytes, 1, sizeof bytes, stdin) != sizeof bytes) return 0;
  *word = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
  return 1;
}

int main(void) {
  uint32_t memory;
  uint32_t length;
  while (read_word(&memory) && read_word(&length)) {
    // A block of exactly this size: reading past it is seen.
    uint8_t *module = (uint8_t *)malloc(length > 0 ? length : 1);
    if (module == NULL || fread(module, 1, length, stdin) != length) return 1;
    pe_module_facts_t facts = {0};
    const char *refusal = pe_validate(module, length, memory, &facts);
    if (refusal != NULL) {
      printf("%s\n", refusal);
    } else {
      printf("ok %u\n", (unsigned)facts.native_stack_bytes);
    }
    free(module);
  }
  return 0;
}
