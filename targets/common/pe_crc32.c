#include "pe_crc32.h"

// Of half a byte: the usual table of 256 entries would take 1 kB.
static const uint32_t nibbles[16] = {
    0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
    0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
};

static uint32_t add_byte(uint32_t crc, uint8_t byte) {
  crc ^= byte;
  crc = (crc >> 4) ^ nibbles[crc & 15u];
  return (crc >> 4) ^ nibbles[crc & 15u];
}

uint32_t pe_crc32(const uint8_t *bytes, uint32_t count) {
  uint32_t crc = 0xffffffffu;
  for (uint32_t i = 0; i < count; i++) crc = add_byte(crc, bytes[i]);
  return ~crc;
}

// Words may be read where they lie, whatever type they have. Not on ARMv6-M, where the library would be too large for it.
#if defined(__GNUC__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && !defined(__ARM_ARCH_6M__)
typedef uint32_t __attribute__((may_alias)) word_t;
#define WORD_BYTES ((uint32_t)sizeof(word_t))
#endif

// As a macro: compiled for size it would be a call for every byte.
#define SHIFT_BYTE(crc, table) ((crc) = ((crc) >> 8) ^ (table)[(crc) & 0xffu])

// With the table of 256 entries in `scratch` (Sarwate, "Computation of cyclic redundancy checks via table look-up", CACM
// 31(8), 1988). On a word boundary four bytes are added at once, which saves half of the loop's instructions.
uint32_t pe_crc32_in(const uint8_t *bytes, uint32_t count, uint32_t *scratch) {
  for (uint32_t b = 0; b < PE_CRC32_SCRATCH_WORDS; b++) scratch[b] = add_byte(b, 0);
  uint32_t crc = 0xffffffffu;
  uint32_t i = 0;
#ifdef WORD_BYTES
  if ((uintptr_t)bytes % WORD_BYTES == 0u) {
    for (; count - i >= WORD_BYTES; i += WORD_BYTES) {
      crc ^= *(const word_t *)(const void *)(bytes + i);
      SHIFT_BYTE(crc, scratch);
      SHIFT_BYTE(crc, scratch);
      SHIFT_BYTE(crc, scratch);
      SHIFT_BYTE(crc, scratch);
    }
  }
#endif
  for (; i < count; i++) {
    crc ^= bytes[i];
    SHIFT_BYTE(crc, scratch);
  }
  return ~crc;
}
