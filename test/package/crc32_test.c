// Both ways to a CRC-32, at every alignment, with a tail of every length; prints that of the check string.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pe_crc32.h"

#define MOST 67u

int main(void) {
  uint32_t scratch[PE_CRC32_SCRATCH_WORDS];
  for (uint32_t from = 0; from < 8u; from++) {
    for (uint32_t count = 0; count <= MOST; count++) {
      // A block of exactly this size, so that AddressSanitizer sees a read beyond it.
      uint8_t *block = (uint8_t *)malloc(from + count + (from + count == 0u));
      if (block == NULL) return 1;
      for (uint32_t i = 0; i < from + count; i++) block[i] = (uint8_t)(151u * (i + 1u) * (i + 3u));
      const uint32_t crc = pe_crc32(block + from, count);
      memset(scratch, 0xa5, sizeof scratch);
      if (pe_crc32_in(block + from, count, scratch) != crc) {
        printf("different at %u, %u bytes\n", (unsigned)from, (unsigned)count);
        return 1;
      }
      free(block);
    }
  }
  printf("%08x %08x\n", (unsigned)pe_crc32((const uint8_t *)"123456789", 9), (unsigned)pe_crc32(NULL, 0));
  return 0;
}
