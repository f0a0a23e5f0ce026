// CRC-32 (IEEE 802.3: reflected, polynomial 0xEDB88320, first and last complement), as in zip and Ethernet. It names
// block tables, modules, images, update records and packets.
#ifndef PE_CRC32_H
#define PE_CRC32_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// CRC-32 of `count` bytes; 0 of none.
uint32_t pe_crc32(const uint8_t *bytes, uint32_t count);

#define PE_CRC32_SCRATCH_WORDS 256u

// The same in fewer instructions, where memory is to be had that is overwritten.
uint32_t pe_crc32_in(const uint8_t *bytes, uint32_t count, uint32_t *scratch);

#ifdef __cplusplus
}
#endif

#endif
